"""`shoal.attack.membership`: whether somebody is in a release."""

from collections.abc import Mapping, Sequence

from shoal.attack.linkage_attack import check_mismatches
from shoal.attack.tables import (
    check_tolerance,
    known_columns,
    open_register,
    open_release,
    read_adversary,
    read_register,
    read_release,
    released_quasi_identifiers,
)
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import schema_of
from shoal.io.threads import threads
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.attack.matching import match
from shoal_engine.attack.membership import MembershipFigures, membership_figures


def membership(
    release: IntoFrame,
    members: IntoFrame,
    outsiders: IntoFrame,
    policy: Policy | None = None,
    *,
    columns: Sequence[str] | None = None,
    mismatches: int = 0,
    tolerance: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    n_threads: int | None = None,
) -> MembershipFigures:
    """Measure how well an adversary separates people who are in a release from people who are not.

    The adversary says that a person is in it if some class is compatible with all that is known.

    Parameters
    ----------
    release : frame, table or path
    members, outsiders : frame, table or path
        What is known of people who are in the release, and of people of the same kind who are not.
    policy, columns, mismatches, tolerance, n_threads
        As for `shoal.attack.linkage`.
    confidence : float
        Level of the intervals, above 0 and below 1.

    Returns
    -------
    MembershipFigures

    Raises
    ------
    ColumnError, HierarchyError, InputError, PolicyError
        As for `shoal.attack.linkage`.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> release = pl.DataFrame({"age": ["[20, 29]"] * 2 + ["[30, 34]"] * 3})
    >>> people, others = pl.DataFrame({"age": [27, 33]}), pl.DataFrame({"age": [28, 50]})
    >>> shoal.attack.membership(release, people, others).advantage
    0.5
    """
    mismatches, n = check_mismatches(mismatches), threads(n_threads)
    frame, register, others = open_release(release, policy), *(open_register(o, policy) for o in (members, outsiders))
    stated = known_columns(schema_of(frame).names(), schema_of(register).names(), policy, columns, [])
    widths = check_tolerance(tolerance or {}, stated)
    table = read_release(frame, released_quasi_identifiers(policy, stated), [], None, n_threads=n)
    people = [
        read_register(register, stated, [], table="the register of members"),
        read_register(others, stated, [], table="the register of outsiders"),
    ]
    adversary = read_adversary(table, stated, people, policy, widths)
    found = [match(adversary.released, adversary.known(one), mismatches=mismatches, n_threads=n) for one in people]
    return membership_figures(*found, columns=list(stated), k=int(table.grouped.weight.min()), confidence=confidence)
