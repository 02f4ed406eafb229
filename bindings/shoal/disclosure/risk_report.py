"""`risk` and `individual_risk`: re-identification and attribute disclosure risk of a table."""

import msgspec
import numpy as np
import polars as pl

from shoal.io.frames import IntoFrame
from shoal.io.observing import observe
from shoal.io.reading_by_policy import read_by_policy
from shoal.io.threads import threads
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.anonymity.table.observation import units_in
from shoal_engine.anonymity.table.table import Table
from shoal_engine.errors import InputError, PolicyError
from shoal_engine.risk.report import People, RiskReport


def risk(
    frame: IntoFrame,
    policy: Policy,
    *,
    population: IntoFrame | None = None,
    sampling_fraction: float | None = None,
    weights: str | None = None,
    threshold: float = 0.2,
    n_threads: int | None = None,
) -> RiskReport:
    """Report the disclosure risk of a table without changing it.

    Parameters
    ----------
    frame : frame, table or path
    policy : Policy
        Policy with quasi-identifiers and sensitive columns; models and hierarchies are ignored. With a `unit`, units
        of each class are its records; attribute risk is counted in rows.
    population : frame, table or path, optional
        Population that the table was sampled from, including its rows, with the same quasi-identifiers.
    sampling_fraction : float, optional
        Rows / people, in (0, 1], if there is no table of the population.
    weights : str, optional
        Column with the number of people that each row represents. At most one of the three is given.
    threshold : float
        Probability above which a record is at risk, from 0 to 1.
    n_threads : int, optional
        Number of threads. Default: all cores that this process may use.

    Returns
    -------
    RiskReport

    Raises
    ------
    ColumnError, InputError
        The tables do not fit the policy or each other, have no rows, or the population is smaller than the sample.
    PolicyError
        Fraction or threshold is out of range, or the population is described twice.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [21, 21, 22], "job": ["a", "b", "a"]})
    >>> policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], sensitive=["job"])
    >>> report = shoal.risk(people, policy, sampling_fraction=0.5)
    >>> round(report.prosecutor.average, 3), round(report.marketer, 3), report.attributes["job"].homogeneous_rows
    (0.667, 0.436, 1)
    """
    from shoal_engine.risk.report import attribute_risk, report_risk

    table = _observed(frame, policy, weights, threads(n_threads))
    rows, size = table.grouped.weight, units_in(table.units, table.grouped)
    attributes = {
        column.name: attribute_risk(table.cells, rows, column.first, column.size) for column in table.sensitive
    }
    people = _people(table, frame, population, sampling_fraction, weights, threads(n_threads))
    return report_risk(size, people, attributes, threshold=threshold)


def individual_risk(
    frame: IntoFrame,
    policy: Policy,
    *,
    population: IntoFrame | None = None,
    sampling_fraction: float | None = None,
    weights: str | None = None,
    n_threads: int | None = None,
) -> pl.DataFrame:
    """Return the re-identification risk of each row.

    Parameters
    ----------
    frame, policy, population, sampling_fraction, weights, n_threads
        As for `risk`; exactly one of `population`, `sampling_fraction` and `weights` is given.

    Returns
    -------
    pl.DataFrame
        One row for each row of the table, in its order: `class_size` (rows, or units if the policy names one),
        `people` (population size of the class, counted or expected) and `risk` (1 / people, or the
        expectation of it).

    Raises
    ------
    ColumnError, InputError, PolicyError
        As for `risk`; PolicyError also if the population is not described.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [21, 21, 22], "weight": [10.0, 30.0, 50.0]})
    >>> policy = shoal.Policy.of(k=2, quasi_identifiers=["age"])
    >>> shoal.individual_risk(people, policy, weights="weight")["risk"].round(3).to_list()
    [0.044, 0.044, 0.08]
    """
    table = _observed(frame, policy, weights, threads(n_threads))
    people = _people(table, frame, population, sampling_fraction, weights, threads(n_threads))
    if people is None:
        msg = "the population is not described; give a table of it, a sampling fraction or a column of weights"
        raise PolicyError(msg)
    size = units_in(table.units, table.grouped)
    classes = pl.DataFrame({"class_size": size, "people": people.size, "risk": people.probability})
    assert table.grouped.tuple_of_row is not None
    return classes[table.grouped.tuple_of_row]


def _plain(policy: Policy, weights: str | None) -> Policy:
    """Return a policy of the same columns and kinds without hierarchies, transformations and models."""
    names, sensitive = list(policy.quasi_identifiers), list(policy.sensitive)
    if weights in (*names, *sensitive):
        msg = f"column {weights!r} cannot be weight and quasi-identifier or sensitive column at once"
        raise PolicyError(msg)
    kept = [] if weights is None else [weights]
    plain = Policy.of(k=2, quasi_identifiers=names, sensitive=sensitive, insensitive=kept, unit=policy.unit)
    # Kinds are kept: a numeric column declared a category may hold any number.
    kinds = {name: QuasiIdentifier(kind=role.kind) for name, role in policy.quasi_identifiers.items()}
    return msgspec.structs.replace(plain, quasi_identifiers=kinds, file=policy.file, column=policy.column)


def _observed(frame: IntoFrame, policy: Policy, weights: str | None, n_threads: int) -> Table:
    """Observe a table with its rows in order; return its tuples and the tuple of each row."""
    plain = _plain(policy, weights)
    return observe(read_by_policy(frame, plain).frame, plain, carry=True, n_threads=n_threads, in_order=True).finish()


def _people(
    table: Table,
    frame: IntoFrame,
    population: IntoFrame | None,
    sampling_fraction: float | None,
    weights: str | None,
    n_threads: int,
) -> People | None:
    """Return the population sizes of the classes, counted or estimated, or None."""
    from shoal_engine.risk.sampling import same_fraction, weighted_fraction

    if sum(given is not None for given in (population, sampling_fraction, weights)) > 1:
        msg = "the population is described more than once; give a table of it, a sampling fraction or weights"
        raise PolicyError(msg)
    size = units_in(table.units, table.grouped)
    if population is not None:
        return _counted(table, frame, population, n_threads)
    if sampling_fraction is not None:
        return People.estimated(size, same_fraction(size, sampling_fraction))
    if weights is not None:
        assert table.grouped.tuple_of_row is not None
        chance = weighted_fraction(weights, table.carried[weights], table.grouped.tuple_of_row, size)
        return People.estimated(size, chance)
    return None


def _counted(table: Table, frame: IntoFrame, population: IntoFrame, n_threads: int) -> People:
    """Return the population sizes of the classes, counted in a population table."""
    from shoal_engine.risk.sampling import count_people

    policy = msgspec.structs.replace(table.policy, sensitive={}, insensitive={}, unit="")
    both = observe(read_by_policy(frame, table.policy).frame, policy, carry=True, n_threads=n_threads, in_order=True)
    others = observe(
        read_by_policy(population, table.policy, population=True).frame, policy, carry=True, n_threads=n_threads
    )
    n_sample, n_people = both.n_rows, others.n_rows
    if n_people < n_sample:
        msg = "population smaller than the sample: it has fewer rows; give the population that the table was drawn from"
        raise InputError(msg)
    both.merge(others)
    rows = both.finish().grouped.tuple_of_row
    assert rows is not None
    assert table.grouped.tuple_of_row is not None
    people = np.empty(table.grouped.n_tuples, np.int64)
    people[table.grouped.tuple_of_row] = count_people(rows, n_sample)
    uniques = int((np.bincount(rows[n_sample:]) == 1).sum())
    return People.counted(people, n_sample / n_people, uniques / n_people)
