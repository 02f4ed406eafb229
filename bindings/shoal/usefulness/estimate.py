"""`estimate`: how many rows of a released table meet a condition, and the mean of a column over them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.anonymity.anonymize import Anonymized
from shoal.io.frames import IntoFrame
from shoal.usefulness.conditions import Where, conditions_of
from shoal.usefulness.read_release import ReadRelease, load_policy
from shoal.usefulness.tables import ReadTable
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.utility.memberships import weighted_counts

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a release says of the rows that meet a condition.

    Attributes
    ----------
    rows : float
        Expected number of rows.
    lowest, highest : int
        Rows that meet the condition whatever the values behind the labels are, and rows that may meet it.
    mean : float or None
        Expected mean of the column that was asked for, over rows that have a value; NaN without rows.
    notes : tuple of str
        Columns whose labels do not name values that occur, and how they were read.
    """

    rows: float
    lowest: int
    highest: int
    mean: float | None = None
    notes: tuple[str, ...] = ()

    def __float__(self) -> float:
        """Return the mean if one was asked for, else the number of rows."""
        return self.rows if self.mean is None else self.mean


def estimate(
    release: Anonymized | IntoFrame,
    where: Where | None = None,
    *,
    mean: str | None = None,
    policy: Policy | str | Path | None = None,
) -> Estimate:
    """Estimate the number of rows that meet a condition from a released table.

    Every member of a set label and both ends of an interval occur in their class: a class of n rows has one row of
    each. The others are spread over the label by shares that are found from the release alone, and columns
    independently of each other within a class.

    Parameters
    ----------
    release : Anonymized, frame, table or path
    where : str, pl.Expr or mapping, optional
        Conditions on one column each, joined by AND: a WHERE clause, a Polars expression, or
        ``{"age": (30, 40), "sex": "F", "job": ["a", "b"]}``. Default: every row.
    mean : str, optional
        Column of numbers to average over these rows.
    policy : Policy or path, optional
        Policy of the release; needed unless the release is an `Anonymized`.

    Returns
    -------
    Estimate

    Raises
    ------
    ColumnError
        The release does not have a column, or its values do not fit the condition.
    InputError
        The condition cannot be parsed, or names several columns at once; the release cannot be read.
    PolicyError
        No policy is given, or the labels do not say what they stand for.

    Notes
    -----
    Labels of hierarchies, declared intervals, bands and masks do not name values that occur; rows are spread evenly
    over what these cover, and `Estimate.notes` says so.

    References
    ----------
    Dempster, Laird, Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm, section 4.1.1.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [30, 31, 34, 50, 55, 59], "sex": list("FFFFMM"), "pay": [1, 2, 3, 4, 5, 6]})
    >>> policy = shoal.Policy.of(k=3, quasi_identifiers=["age", "sex"], insensitive=["pay"])
    >>> release = shoal.anonymize(people, policy)
    >>> found = shoal.estimate(release, "age between 30 and 40 and sex = 'F'")
    >>> found.rows, found.lowest, found.highest
    (3.0, 3, 3)
    >>> round(shoal.estimate(release, {"sex": "F"}, mean="pay").mean, 3)
    3.125
    """
    read = ReadRelease(release, load_policy(policy))
    conditions = conditions_of(where)
    asked = [*conditions, *([] if mean is None else [mean])]
    read.check(asked, by="the estimate")
    even, some, every = _matching(read, conditions)
    return Estimate(
        rows=float(even.sum()),
        lowest=int(every),
        highest=int(some),
        mean=None if mean is None else expected_mean(read, conditions, mean),
        notes=read.notes(asked),
    )


def expected_rows(read: ReadTable, conditions: Mapping[str, pl.Expr]) -> float:
    """Return the expected number of rows that meet every condition."""
    share = _share_of_class(read, conditions)
    return _dot(share, _kept_rows(read, conditions))


def expected_mean(read: ReadTable, conditions: Mapping[str, pl.Expr], column: str) -> float:
    """Return the expected mean of a column over the rows that meet every condition; NaN without rows.

    Raises
    ------
    ColumnError
        The column does not hold numbers.
    """
    others = {name: condition for name, condition in conditions.items() if name != column}
    own = conditions.get(column)
    share = _share_of_class(read, others if column in read.generalized else conditions)
    if column in read.generalized:
        found = read.column(column)
        number, known = read.coded.asked.numbers(found.values, column)
        if own is not None:
            known = known * read.coded.asked.holding(own, found.values, column)
        weight = share * _kept_rows(read, conditions) / read.class_rows
        total, count = (_dot(weight, found.spread.expected(each)) for each in (number * known, known))
    else:
        values, place = read.coded.coded(column)
        number, known = read.coded.asked.numbers(values, column)
        of_row = read.class_of_row
        if _asks_kept(read, conditions):
            rows = np.flatnonzero(_kept_flags(read, conditions))
            place, of_row = place[rows], of_row[rows]
        weight = weighted_counts(place, share[of_row], len(values))
        total, count = _dot(weight, number * known), _dot(weight, known)
    return total / count if count > 0 else float("nan")


def _matching(read: ReadTable, conditions: Mapping[str, pl.Expr]) -> tuple[Floats, float, float]:
    """Return the expected matching rows of each class, the rows that may match and those that must."""
    kept = _kept_rows(read, conditions)
    some, every = np.ones(kept.size, np.bool_), np.ones(kept.size, np.bool_)
    for name, condition in conditions.items():
        if name in read.generalized:
            column = read.column(name)
            flags = read.coded.asked.holding(condition, column.values, name).astype(np.float64)
            total = column.spread.memberships.total
            inside, everything = total(flags), total(np.ones(flags.size))
            some &= (inside > 0)[column.spread.label_of_class]
            every &= (inside == everything)[column.spread.label_of_class]
    return _share_of_class(read, conditions) * kept, float(kept[some].sum()), float(kept[every].sum())


def _share_of_class(read: ReadTable, conditions: Mapping[str, pl.Expr]) -> Floats:
    """Return the share of each class's rows that is expected to meet the conditions on generalized columns."""
    share = np.ones(read.class_rows.size)
    for name, condition in conditions.items():
        if name in read.generalized:
            column = read.column(name)
            flags = read.coded.asked.holding(condition, column.values, name)
            share *= column.spread.expected(flags.astype(np.float64)) / read.class_rows
    return share


def _kept_flags(read: ReadTable, conditions: Mapping[str, pl.Expr]) -> Flags:
    """Return whether each row meets the conditions on columns kept as they are."""
    flags = np.ones(read.class_of_row.size, np.bool_)
    for name, condition in conditions.items():
        if name not in read.generalized:
            values, place = read.coded.coded(name)
            flags &= read.coded.asked.holding(condition, values, name)[place]
    return flags


def _kept_rows(read: ReadTable, conditions: Mapping[str, pl.Expr]) -> Floats:
    """Return the rows of each class that meet the conditions on columns kept as they are."""
    if not _asks_kept(read, conditions):
        return read.class_rows.astype(np.float64)
    return _rows_of_class(read, _kept_flags(read, conditions))


def _asks_kept(read: ReadTable, conditions: Mapping[str, pl.Expr]) -> bool:
    """Return whether a condition is on a column kept as it is."""
    return any(name not in read.generalized for name in conditions)


def _rows_of_class(read: ReadTable, flags: Flags) -> Floats:
    """Return the rows of each class that have a flag."""
    if read.class_rows.size == 1:
        return np.array([float(np.count_nonzero(flags))])
    return np.bincount(read.class_of_row[flags], minlength=read.class_rows.size).astype(np.float64)


def _dot(one: Floats, other: Floats) -> float:
    """Return the sum of products; a sum of BLAS would depend on the number of its threads."""
    return float((one * other).sum())
