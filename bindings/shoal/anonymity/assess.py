"""`assess`: privacy of a table before it is anonymized."""

import msgspec
import polars as pl

from shoal.checks.findings import released_findings
from shoal.checks.population import observe_people, population_of
from shoal.io.frames import IntoFrame
from shoal.io.observing import observe
from shoal.io.reading_by_policy import read_by_policy
from shoal.io.threads import threads
from shoal_engine.anonymity.criteria.assessment import Assessment
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.finding import accept_findings


def assess(
    frame: IntoFrame, policy: Policy, *, population: IntoFrame | None = None, n_threads: int | None = None
) -> Assessment:
    """Measure the equivalence classes of a table: k, risk, and l and t of its sensitive columns.

    Its findings report the risks of columns that a release would keep unchanged.

    Parameters
    ----------
    frame : frame, table or path
    policy : Policy
        Policy with quasi-identifiers and sensitive columns; its models are not enforced here.
    population : frame, table or path, optional
        Table of the population, instead of the file that the policy names.
    n_threads : int, optional
        Number of threads. Default: all cores that this process may use.

    Returns
    -------
    Assessment

    Raises
    ------
    ColumnError, HierarchyError, InputError
        The table does not fit the policy or its population, or has no rows.
    PolicyError
        A model needs a population and none is given, or one is given and no model needs it.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [21, 21, 22], "job": ["a", "b", "a"]})
    >>> shoal.assess(people, shoal.Policy.of(k=2, quasi_identifiers=["age"])).unique_rows
    1
    """
    from shoal_engine.anonymity.criteria.assess import assess_table

    lazy: pl.LazyFrame = read_by_policy(frame, policy).frame
    n_threads = threads(n_threads)
    people = observe_people(policy, population_of(policy, population), n_threads=n_threads)
    found = assess_table(observe(lazy, policy, carry=False, n_threads=n_threads).finish(people))
    findings = released_findings(lazy, policy, released=False, n_threads=n_threads)
    return msgspec.structs.replace(found, findings=accept_findings(findings, policy.accept))
