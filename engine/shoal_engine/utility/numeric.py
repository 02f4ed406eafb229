"""What masking did to numbers: errors, scaled errors, correlations and eigenvalues."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_engine.transforming.standardizing import sample_deviation

Matrix = npt.NDArray[np.float64]

_LARGE, _UNIT = 2.0**900, 2.0**200
"""From where on sums of as many rows as memory holds might overflow, and the unit that keeps them from it."""


class Measure(NamedTuple):
    """One figure, of a column or (None) of all columns together."""

    measure: str
    column: str | None
    value: float


def numeric_utility(names: Sequence[str], original: Matrix, released: Matrix) -> list[Measure]:
    """Measure the information loss of numeric columns; 0 is without loss in every measure.

    A row counts for a column where both tables have a number, and for correlations where it has all. Without
    such rows a figure is NaN.

    mean_squared_error
        Mean of (x - x')**2, by column, in its own unit, and over all columns their mean; infinite where that is
        beyond a float.
    il1s
        Mean of ``|x - x'| / (sqrt(2) S)``, S the deviation (divisor n - 1) of the original column; by column, and
        over all columns their mean (Yancey, Winkler, Creecy 2002, section 3.4). sdcMicro's dUtility sums over rows
        and columns instead: that is the overall figure times n d. A constant column gives 0 where nothing
        changed, else infinity.
    correlation_loss
        Mean absolute difference of the correlations of two columns, by column over all others, and over all pairs
        (mean absolute error of the correlation matrix). A constant column correlates 0 with others. NaN for a
        single column.
    eigenvalue_difference
        Sum of ``|e - e'| / e`` over the eigenvalues, descending, of the correlation matrices (sdcMicro's
        dUtility, method eigen). An eigenvalue of 0 in both gives 0, in the original alone infinity.

    Parameters
    ----------
    names : sequence of str, d of them
    original, released : (n, d) float64
        Row i of one belongs to row i of the other; NaN for missing values.

    Returns
    -------
    list of Measure
    """
    with np.errstate(over="ignore"):
        squares = [np.square(_differences(original[:, j], released[:, j])) for j in range(len(names))]
    rows = [Measure("mean_squared_error", name, _mean(values)) for name, values in zip(names, squares, strict=True)]
    rows.append(Measure("mean_squared_error", None, _mean(np.array([row.value for row in rows]))))
    # Neither follows the unit.
    original, released = _without_overflow(original, released)
    scaled = [_il1s(original[:, j], released[:, j]) for j in range(len(names))]
    rows += [Measure("il1s", name, value) for name, value in zip(names, scaled, strict=True)]
    rows.append(Measure("il1s", None, _mean(np.array(scaled))))
    complete = ~(np.isnan(original) | np.isnan(released)).any(axis=1)
    first, then = (_correlations(matrix[complete]) for matrix in (original, released))
    gaps = np.abs(first - then)
    others = ~np.eye(len(names), dtype=bool)
    rows += [Measure("correlation_loss", name, _mean(gaps[j, others[j]])) for j, name in enumerate(names)]
    rows.append(Measure("correlation_loss", None, _mean(gaps[others])))
    rows.append(Measure("eigenvalue_difference", None, _eigenvalue_difference(first, then)))
    return rows


def _without_overflow(original: Matrix, released: Matrix) -> tuple[Matrix, Matrix]:
    """Return columns in a larger unit, a power of two, where their sums would be beyond a float."""
    reach = np.nanmax(np.vstack([np.zeros((1, original.shape[1])), np.abs(original), np.abs(released)]), axis=0)
    unit = np.where(reach > _LARGE, _UNIT, 1.0)
    return original / unit, released / unit


def _differences(original: Matrix, released: Matrix) -> Matrix:
    """Return differences where both are numbers."""
    differences = original - released
    return differences[~np.isnan(differences)]


def _mean(values: Matrix) -> float:
    """Return the mean, NaN of nothing."""
    return float(values.mean()) if values.size else float("nan")


def _il1s(original: Matrix, released: Matrix) -> float:
    """Return the mean scaled difference of one column."""
    mean = _mean(np.abs(_differences(original, released)))
    present = original[~np.isnan(original)]
    if mean == 0 or np.isnan(mean):
        return mean
    deviation = sample_deviation(present)
    return mean / (np.sqrt(2) * deviation) if deviation else float("inf")


def _correlations(matrix: Matrix) -> Matrix:
    """Return the correlations of columns, 1 on the diagonal, 0 with a constant column; NaN without rows."""
    if not len(matrix):
        return np.full((matrix.shape[1], matrix.shape[1]), np.nan)
    constant = matrix.min(axis=0) == matrix.max(axis=0)
    centered = np.where(constant, 0.0, matrix - matrix.mean(axis=0))
    # Scaled first, so that no square overflows or vanishes.
    reach = np.abs(centered).max(axis=0)
    unit = centered / np.where(reach > 0, reach, 1.0)
    unit /= np.sqrt(np.maximum(np.square(unit).sum(axis=0), 1.0))
    found = unit.T @ unit
    np.fill_diagonal(found, 1.0)
    return found


def _eigenvalue_difference(first: Matrix, then: Matrix) -> float:
    """Return the sum of relative differences of eigenvalues, both descending."""
    if np.isnan(first).any() or np.isnan(then).any():
        return float("nan")
    # Below this an eigenvalue of a correlation matrix is 0 in rounding.
    least = len(first) * len(first) * np.finfo(np.float64).eps
    before, after = (np.linalg.eigvalsh(matrix)[::-1] for matrix in (first, then))
    before, after = (np.where(values < least, 0.0, values) for values in (before, after))
    if (after[before == 0] > 0).any():
        return float("inf")
    kept = before > 0
    return float((np.abs(before - after)[kept] / before[kept]).sum())
