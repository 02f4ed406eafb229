"""Microaggregation: rows form small groups of near numbers, and each says what its group says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import PolicyNotMet
from shoal_engine.transforming.coded_columns import CodedColumn, replace_numbers, row_numbers
from shoal_engine.transforming.specs import Microaggregate
from shoal_engine.transforming.standardizing import standardized

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of rows.

    Attributes
    ----------
    of_row : (n,) int64
        Group of each row.
    sizes : (n_groups,) int64
    """

    of_row: Vector
    sizes: Vector


def microaggregate(
    columns: Sequence[CodedColumn], spec: Microaggregate, ties: Sequence[npt.NDArray[np.generic]] = ()
) -> list[CodedColumn]:
    """Replace the numbers of columns by those of their groups.

    Numbers become floating-point; dates stay dates, rounded down. Rows with the same columns null are grouped
    among themselves, by the columns that they have; a null stays null. Where fewer than k rows share a pattern
    of nulls there is no group for them, and all of their values become null.

    Parameters
    ----------
    columns : sequence of CodedColumn
        Grouped together; one after the other for the univariate method.
    spec : Microaggregate
    ties : sequence of (n,) arrays
        Other columns that separate rows with equal numbers, so that their groups do not depend on the
        order of rows.

    Raises
    ------
    ColumnError
        A column is not of numbers or dates, or holds numbers that are not finite.
    PolicyNotMet
        No pattern of nulls is shared by k rows.
    """
    matrix = np.column_stack([row_numbers(column, "microaggregation", dates=True) for column in columns])
    sets = [[j] for j in range(len(columns))] if spec.method == "univariate" else [list(range(len(columns)))]
    result = np.full(matrix.shape, np.nan)
    for axes in sets:
        told_by = [*(matrix[:, j] for j in range(len(columns)) if j not in axes), *ties]
        parts = [(rows, present) for rows, present in _by_nulls(matrix, axes) if rows.size >= spec.k and present]
        if not parts:
            names = " and ".join(f"`{columns[j].name}`" for j in axes)
            msg = f"microaggregation with k = {spec.k} asks for more rows than have numbers in {names}; lower its k"
            raise PolicyNotMet(msg)
        for rows, present in parts:
            part = np.ascontiguousarray(matrix[rows[:, None], present])
            groups = group_rows(part, spec, [tie[rows] for tie in told_by])
            result[rows[:, None], present] = aggregate(part, groups, spec.aggregate)
    return [replace_numbers(column, result[:, j]) for j, column in enumerate(columns)]


def _by_nulls(matrix: Matrix, axes: Sequence[int]) -> Iterator[tuple[Vector, list[int]]]:
    """Yield the rows of each pattern of nulls (NaN) in some columns, and the columns that are not null there."""
    pattern = np.zeros(len(matrix), np.int64)
    for axis in axes:
        absent = np.isnan(matrix[:, axis])
        if absent.any():
            pattern = np.unique(2 * pattern + absent, return_inverse=True)[1].reshape(-1)
    for number in range(int(pattern.max(initial=-1)) + 1):
        rows = np.flatnonzero(pattern == number)
        yield rows, [axis for axis in axes if not np.isnan(matrix[rows[0], axis])]


def group_rows(matrix: Matrix, spec: Microaggregate, ties: Sequence[npt.NDArray[np.generic]] = ()) -> Groups:
    """Group the rows of a matrix.

    Parameters
    ----------
    matrix : (n, d) float64
        Finite; n at least the k of `spec`; d = 1 for the univariate method.
    spec : Microaggregate
    ties : sequence of (n,) arrays
        As for `microaggregate`.
    """
    from shoal_kernels.masking.microaggregation import best_on_line, mdav, v_mdav

    n, d = matrix.shape
    order = np.lexsort([*reversed(ties), *(matrix[:, j] for j in reversed(range(d)))])
    point = np.ascontiguousarray(standardized(matrix)[order])
    group = np.empty(n, np.int64)
    if spec.method == "mdav":
        n_groups = mdav(point, spec.k, group)
    elif spec.method == "v-mdav":
        n_groups = v_mdav(point, spec.k, spec.gain, group)
    else:
        n_groups = best_on_line(point[:, 0].copy(), spec.k, group)
    of_row = np.empty(n, np.int64)
    of_row[order] = group
    return Groups(of_row, np.bincount(group, minlength=n_groups))


def aggregate(matrix: Matrix, groups: Groups, how: str) -> Matrix:
    """Return the mean or median of each row's group, column by column; exact where a group is of one value.

    Parameters
    ----------
    matrix : (n, d) float64, finite
    groups : Groups
    how : "mean" | "median"
        The median of an even number of values is the mean of the middle two.
    """
    result = np.empty(matrix.shape)
    starts = np.cumsum(groups.sizes) - groups.sizes
    for j in range(matrix.shape[1]):
        # Ascending within each group, so that sums do not follow the order of rows.
        order = np.lexsort((matrix[:, j], groups.of_row))
        ascending = matrix[order, j]
        if how == "mean":
            least = ascending[starts]
            excess = np.add.reduceat(ascending - np.repeat(least, groups.sizes), starts)
            middle = least + excess / groups.sizes
        else:
            low = ascending[starts + (groups.sizes - 1) // 2]
            high = ascending[starts + groups.sizes // 2]
            middle = low + (high - low) / 2
        result[:, j] = middle[groups.of_row]
    return result
