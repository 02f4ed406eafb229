"""Aggregates of private queries, with declared bounds; `mechanisms` has single mechanisms.

Values are clamped to their bounds. Null and NaN are missing: they leave a row out of the column's totals, or count as
`missing`. Every answer comes with its standard deviation and a 95 % interval, in columns of its name with ``_std``,
``_low`` and ``_high``.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from shoal.dp import mechanisms as mechanisms
from shoal_engine.differential.exact_numbers import exact
from shoal_engine.differential.queries.aggregates import Count, DistinctCount
from shoal_engine.differential.queries.clipping import ClippedUnits, OutsideBounds
from shoal_engine.differential.queries.moments import Mean, Std, Sum, Variance
from shoal_engine.differential.queries.presence import Present
from shoal_engine.differential.queries.quantiles import CANDIDATES, Quantile
from shoal_engine.errors import PolicyError

if TYPE_CHECKING:
    from shoal.queries.binning import Bins

Number = int | float | str | Fraction | Decimal

__all__ = [
    "count",
    "count_clipped",
    "count_outside",
    "histogram",
    "mean",
    "mechanisms",
    "median",
    "n_unique",
    "quantile",
    "std",
    "sum",
    "variance",
]


def count(column: str | None = None) -> Count | Present:
    """Count the rows of each group, or those that hold a value in a column.

    With ``max_rows="clip"`` each unit counts once in each group, however many rows it has.

    Parameters
    ----------
    column : str, optional
        Of any type; null and NaN are no values.

    Raises
    ------
    PolicyError
        The column is no name.

    Examples
    --------
    >>> count().alias("visits").name, count("cost").name
    ('visits', 'cost_count')
    """
    return Count() if column is None else Present(_named(column), f"{column}_count")


def sum(column: str, *, bounds: tuple[Number, Number], missing: Number | None = None) -> Sum:
    """Sum a column, with each value, or without `max_rows` each unit's sum, clamped to the bounds.

    Parameters
    ----------
    column : str
        Numbers, booleans, dates or times (as the numbers that Arrow keeps).
    bounds : (lower, upper)
        Declared, not looked up: the data are private.
    missing : number, optional
        Value used for null and NaN.

    Raises
    ------
    PolicyError
        Bounds are missing, reversed or not finite.
    """
    return Sum(_named(column), _bounds(column, bounds), f"{column}_sum", _number(missing))


def count_clipped() -> ClippedUnits:
    """Count the units with rows left out by `max_groups` or `max_rows`: one number for the whole table.

    It costs a share of the budget as any aggregate; a unit changes it by at most 1. It is repeated in every group.

    Examples
    --------
    >>> count_clipped().name
    'clipped_units'
    """
    return ClippedUnits()


def count_outside(column: str, *, bounds: tuple[Number, Number]) -> OutsideBounds:
    """Count the rows of each group whose value lies outside the bounds, where it counts as the nearer bound.

    With ``max_rows="clip"`` it counts units, by their sums. Parameters and errors as for `sum`.

    Examples
    --------
    >>> count_outside("age", bounds=(0, 110)).name
    'age_outside'
    """
    return OutsideBounds(_named(column), _bounds(column, bounds), f"{column}_outside", None)


def mean(column: str, *, bounds: tuple[Number, Number], missing: Number | None = None) -> Mean:
    """Average the values of a column that are there; parameters and errors as for `sum`.

    With ``max_rows="clip"`` it is the mean of the units' clamped sums. It is a noisy sum over a noisy count of at least
    1: in groups of few rows it is drawn towards the middle of the bounds, and its deviation is large.
    """
    return Mean(_named(column), _bounds(column, bounds), f"{column}_mean", _number(missing))


def variance(column: str, *, bounds: tuple[Number, Number], missing: Number | None = None) -> Variance:
    """Return the variance (of a population) of a column's values; parameters and errors as for `sum`."""
    return Variance(_named(column), _bounds(column, bounds), f"{column}_variance", _number(missing))


def std(column: str, *, bounds: tuple[Number, Number], missing: Number | None = None) -> Std:
    """Return the standard deviation (of a population) of a column's values, never negative; parameters as for `sum`.

    It is the root of a `variance`, at the same cost, with the ends of its interval.

    Examples
    --------
    >>> std("age", bounds=(0, 110)).name
    'age_std'
    """
    return Std(_named(column), _bounds(column, bounds), f"{column}_std", _number(missing))


def quantile(
    column: str,
    share: Number,
    *,
    bounds: tuple[Number, Number],
    candidates: int | Sequence[Number] = CANDIDATES,
    missing: Number | None = None,
) -> Quantile:
    """Choose a quantile of a column among candidates between the bounds; of an integer column it is an integer.

    Parameters
    ----------
    column, bounds, missing
        As for `sum`.
    share : number
        Share of the values at or below it, between 0 and 1, with at most 9 digits.
    candidates : int or sequence of number
        How many evenly spaced points to choose from, or the points themselves, for example powers of ten; each group
        takes 8 bytes for each. Every value counts as the candidate nearest to it.

    Raises
    ------
    PolicyError
        As for `sum`, or the share is not between 0 and 1, or candidates repeat or lie outside the bounds.

    Examples
    --------
    >>> quantile("cost", "0.9", bounds=(0, 10**6), candidates=[0, 1, 10, 100, 10**3, 10**4, 10**5, 10**6]).name
    'cost_quantile'
    """
    try:
        wanted = _finite(str(share))
        points = candidates if isinstance(candidates, int) else tuple(sorted(map(_finite, candidates)))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        msg = (
            f"a quantile of {column!r} needs a share such as '0.5', and candidates that are a number or finite numbers"
        )
        raise PolicyError(msg) from None
    return Quantile(_named(column), _bounds(column, bounds), f"{column}_quantile", _number(missing), wanted, points)


def median(
    column: str,
    *,
    bounds: tuple[Number, Number],
    candidates: int | Sequence[Number] = CANDIDATES,
    missing: Number | None = None,
) -> Quantile:
    """Choose the median of a column; parameters and errors as for `quantile`."""
    return quantile(column, "1/2", bounds=bounds, candidates=candidates, missing=missing).alias(f"{column}_median")


def histogram(column: str, edges: Sequence[Number]) -> "Bins":
    """Return bins of a numeric column between declared edges, to group by.

    Parameters
    ----------
    column : str
    edges : sequence of number
        Ascending; a bin holds its lower edge and not its upper one, but the last holds both. Rows with a value outside
        them, null or NaN are in no bin, and are not counted where bins are all the keys.

    Raises
    ------
    PolicyError
        Edges are fewer than two, do not ascend or are not finite.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> frame = pl.DataFrame({"x": [41, 55, 57, 160]})
    >>> query = shoal.private(frame, unit=None, ledger=None).group_by(shoal.dp.histogram("x", [40, 50, 60, 160]))
    >>> query.agg(shoal.dp.count()).release(epsilon=10**6).frame.select("x_from", "x_to", "count").rows()
    [(40, 50, 1.0), (50, 60, 2.0), (60, 160, 1.0)]
    """
    from shoal.queries.binning import bins_of

    return bins_of(column, edges)


def n_unique(column: str) -> DistinctCount:
    """Count the distinct values of a column, or the privacy units if it is their column; null does not count."""
    return DistinctCount(_named(column), f"{column}_n_unique")


def _bounds(column: str, bounds: tuple[Number, Number] | None) -> tuple[Fraction, Fraction]:
    """Return bounds as exact numbers."""
    try:
        lower, upper = map(_finite, bounds or ())
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        msg = f"{column!r} needs bounds = (lower, upper), two finite numbers that are declared before looking"
        raise PolicyError(msg) from None
    return lower, upper


def _number(value: Number | None) -> Fraction | None:
    try:
        return None if value is None else _finite(value)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        msg = "`missing` is a finite number that stands for null and NaN; give one, or leave it out"
        raise PolicyError(msg) from None


def _finite(value: Number) -> Fraction:
    """Return a number as it is; of text and decimals that would fill the memory an error."""
    if isinstance(value, str | Decimal):
        return exact(value, name="a bound, a candidate or a share")
    return Fraction(value)


def _named(column: object) -> str:
    if isinstance(column, str) and column:
        return column
    msg = f"a column is given by its name, as text, not as a {type(column).__name__}; give for example 'cost'"
    raise PolicyError(msg)
