"""`lattice`: every node of full-domain generalization as a frame, to choose one from."""

import polars as pl

from shoal.checks.population import observe_people, population_of
from shoal.io.frames import IntoFrame
from shoal.io.observing import observe
from shoal.io.reading_by_policy import read_by_policy
from shoal.io.threads import threads
from shoal_engine.anonymity.policy.policy import Policy


def lattice(
    frame: IntoFrame, policy: Policy, *, population: IntoFrame | None = None, n_threads: int | None = None
) -> pl.DataFrame:
    """List every node of the generalization lattice with its suppression and cost.

    Parameters
    ----------
    frame : frame, table or path
    policy : Policy
        Policy whose `full_domain` sets the objective, and `suppress` the limit of suppressed rows.
    population : frame, table or path, optional
        Table of the population, instead of the file that the policy names.
    n_threads : int, optional
        Number of threads. Default: all cores that this process may use.

    Returns
    -------
    pl.DataFrame
        One row per node, feasible and cheapest first: ``{column}_level`` for each quasi-identifier, where 0 is the
        original values; `suppressed_rows`, in classes that fail a model; `released_classes`; `cost`; `feasible`;
        and `met`, the models that every class meets before suppression. Closeness refers to the original table.
        To release a node, give its levels as ``FullDomain(levels={...})``.

    Raises
    ------
    ColumnError, HierarchyError, InputError
        The table does not fit the policy.
    PolicyError
        The lattice is too large to be listed, or the objective needs a hierarchy, or a model a population, that
        is not given.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"zip": ["101", "102", "201", "202"]})
    >>> policy = shoal.Policy(k=2, quasi_identifiers={"zip": shoal.QuasiIdentifier(hierarchy=shoal.Prefix())})
    >>> nodes = shoal.lattice(people, policy)
    >>> nodes.select("zip_level", "suppressed_rows", "feasible").rows()
    [(1, 0, True), (2, 0, True), (3, 0, True), (0, 4, False)]
    """
    from shoal_engine.anonymity.methods.full_domain.lattice_table import lattice_table

    n_threads = threads(n_threads)
    people = observe_people(policy, population_of(policy, population), n_threads=n_threads)
    table = observe(read_by_policy(frame, policy).frame, policy, carry=True, n_threads=n_threads).finish(people)
    found = lattice_table(table, policy.full_domain)
    nodes = pl.DataFrame(
        {f"{name}_level": level for name, level in zip(table.space.names, found.levels, strict=True)}
        | {"suppressed_rows": found.suppressed, "released_classes": found.classes, "cost": found.cost}
    )
    met = pl.concat_list(
        [
            pl.when(pl.Series(holds)).then(pl.lit([name], pl.List(pl.String))).otherwise(pl.lit([], pl.List(pl.String)))
            for name, holds in found.met.items()
        ]
    )
    nodes = nodes.with_columns(feasible=pl.Series(found.feasible), met=met)
    return nodes.sort("feasible", "cost", descending=[True, False], maintain_order=True)
