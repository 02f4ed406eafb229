# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""What a type checker says of the public names: each line that must be refused is marked, and one too many is an error.

Checked by pyright, never run.
"""

from typing import TYPE_CHECKING, assert_type

if TYPE_CHECKING:
    import polars as pl

    import shoal

    people = pl.DataFrame({"age": [1]})
    policy = shoal.Policy.of(k=2, quasi_identifiers=["age"])

    assert_type(shoal.anonymize(people, policy), shoal.Anonymized)
    assert_type(shoal.anonymize(people, policy).report, shoal.Report)
    assert_type(shoal.verify(people, policy), shoal.Verification)
    assert_type(shoal.namespaces.Shoal(people).anonymize(policy, method="mondrian"), shoal.Anonymized)
    assert_type(shoal.sample_noise("laplace", scale=1, n=1), pl.Series)
    assert_type(shoal.Distinct(l=3), shoal.Distinct)

    shoal.Distinct(l="three")  # pyright: ignore[reportArgumentType]
    shoal.Distinct(l=3, nonsense=1)  # pyright: ignore[reportCallIssue]
    shoal.KMap(k="five")  # pyright: ignore[reportArgumentType]
    shoal.AverageRisk(at_most="low")  # pyright: ignore[reportArgumentType]
    shoal.anonymize(people, policy, method="fast")  # pyright: ignore[reportArgumentType]
    shoal.namespaces.Shoal(people).anonymize(policy, method="fast")  # pyright: ignore[reportArgumentType]
    shoal.namespaces.Shoal(people).look(rows=1)  # pyright: ignore[reportCallIssue]
    shoal.no_such_name()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
