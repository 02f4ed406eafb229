# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""What a type checker says of the public names: each line that must be refused is marked, and one too many is an error.

Checked by pyright, never run.
"""

from typing import TYPE_CHECKING, assert_type

if TYPE_CHECKING:
    import polars as pl

    import shoal
    from shoal import attack

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

    losses = [0.1, 0.2]
    assert_type(attack.linkage(people, people, policy, mismatches=1), attack.LinkageAttack)
    assert_type(attack.intersection(people, people, people, policy).figures, attack.IntersectionFigures)
    assert_type(attack.intersection(people, people, people, policy).figures.both_weighted, attack.Chances)
    assert_type(attack.membership(people, people, people, confidence=0.9).members_rate, attack.Risk)
    assert_type(attack.membership(people, people, people).advantage_interval, attack.Interval)
    assert_type(attack.singling_out(people, people, seed=1), attack.RowAttack)
    assert_type(attack.linkability(people, people, left=["age"], right=["pay"]), attack.RowAttack)
    assert_type(attack.inference(people, people, known=["age"], secret="pay").risk, attack.Risk)
    assert_type(attack.attribution(people, people, keys=["age"], secret="pay"), attack.AttributionRisk)
    assert_type(attack.loss_threshold(losses, losses), attack.MembershipReport)
    assert_type(attack.likelihood_ratio(losses, [True, False], [losses]), attack.MembershipReport)
    assert_type(shoal.utility(people, people, policy=policy), shoal.Utility)
    assert_type(shoal.frontier(people, policy, k=[2, 5], method=["tight"]), shoal.Frontier)
    assert_type(shoal.report_page("certificate.json"), shoal.ReportPage)

    attack.linkage(people, people, policy, mismatches="one")  # pyright: ignore[reportArgumentType]
    attack.linkage(people, people, policy, 1)  # pyright: ignore[reportCallIssue]
    attack.membership(people, people)  # pyright: ignore[reportCallIssue]
    attack.singling_out(people, people)  # pyright: ignore[reportCallIssue]
    attack.singling_out(people, people, seed=1, mode="all")  # pyright: ignore[reportArgumentType]
    attack.likelihood_ratio(losses, [True], [losses], variance="none")  # pyright: ignore[reportArgumentType]
    shoal.utility(people, people, policy)  # pyright: ignore[reportCallIssue]
    shoal.frontier(people, policy)  # pyright: ignore[reportCallIssue]
    shoal.frontier(people, policy, k=[2], method=["fast"])  # pyright: ignore[reportArgumentType]
    shoal.report_page("certificate.json", presets=3)  # pyright: ignore[reportArgumentType]
