"""Exact sums of groups, to be added to and merged: counts, sums and sums of squares on grids, counts between edges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.differential.queries.grid import ValueSpec
from shoal_engine.differential.queries.group_keys import Codes, Groups
from shoal_kernels.private import group_sums as kernels

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSums:
    """Sums of one column, by group.

    Attributes
    ----------
    spec : ValueSpec
    present : (n_groups,) int64
        Rows that hold a value (all of them, where a number stands for missing values).
    total : (n_groups,) int64
        Sum, in steps of the grid.
    squares : (n_groups,) int64, or None where none were asked for
        Sum of squares, in steps of ``2**(square_bits - 2 * exponent)``.
    bins : (n_groups, n_edges + 1) int64, or None where no edges were given
        Bin b counts the values with exactly b edges at or below them.
    """

    spec: ValueSpec
    present: Counts
    total: Counts
    squares: Counts | None
    bins: Counts | None


@dataclass(frozen=True, slots=True, eq=False)
class GroupSums:
    """Sums of every group, exact and before any noise: never to be shown.

    Attributes
    ----------
    keys : pa.RecordBatch
        Key columns, a row for each group, ascending by value.
    rows : (n_groups,) int64
        Rows that count.
    units : (n_groups,) int64, or None where a unit is a row
        Units with a row that counts.
    columns : tuple of ColumnSums
        In the order of the specs.
    clipped : int, or None where it was not asked for
        Units with rows that are left out, in the whole table.
    """

    keys: pa.RecordBatch
    rows: Counts
    units: Counts | None
    columns: tuple[ColumnSums, ...]
    clipped: int | None = None


class Accumulator:
    """Sums by provisional code of the group.

    Parameters
    ----------
    specs : sequence of ValueSpec
    n_groups : int
        Initial capacity.
    """

    def __init__(self, specs: Sequence[ValueSpec], n_groups: int = 0) -> None:
        self._specs = tuple(specs)
        self.rows = np.zeros(n_groups, np.int64)
        self._sums = [np.zeros((n_groups, 3), np.int64) for _ in specs]
        self._bins = [np.zeros((n_groups, len(spec.edges) + 1), np.int64) if spec.edges else None for spec in specs]
        self._edges = [np.array(spec.edges, np.int32) for spec in specs]

    def make_room(self, n_groups: int) -> None:
        """Take in groups below `n_groups`."""
        if n_groups <= len(self.rows):
            return
        n_groups = max(n_groups, 2 * len(self.rows))
        self.rows = _widened(self.rows, n_groups)
        self._sums = [_widened(sums, n_groups) for sums in self._sums]
        self._bins = [None if bins is None else _widened(bins, n_groups) for bins in self._bins]

    def add_rows(self, codes: Codes) -> None:
        """Count rows, by their groups' codes."""
        kernels.COUNT_ROWS[codes.dtype.name](codes, self.rows)

    def add_values(self, column: int, codes: Codes, values: npt.NDArray[np.int32]) -> None:
        """Add the values of a column's rows."""
        spec, name, bins = self._specs[column], codes.dtype.name, self._bins[column]
        square_bits = -1 if spec.square_bits is None else spec.square_bits
        kernels.ADD_VALUES[name](codes, values, square_bits, self._sums[column])
        if bins is not None:
            kernels.ADD_TO_BINS[name](codes, values, self._edges[column], bins)

    def merge(self, other: "Accumulator", ours: npt.NDArray[np.integer]) -> None:
        """Add the sums of another, whose group i is our group ``ours[i]``."""
        n = len(ours)
        self.rows[ours] += other.rows[:n]
        for mine, theirs in zip(self._sums, other._sums, strict=True):
            mine[ours] += theirs[:n]
        for mine, theirs in zip(self._bins, other._bins, strict=True):
            if mine is not None and theirs is not None:
                mine[ours] += theirs[:n]

    def finish(self, groups: Groups, units: Counts | None) -> GroupSums:
        """Return the sums in the order of the keys."""
        at = groups.code
        if len(at):
            self.make_room(int(at.max()) + 1)
        columns: list[ColumnSums] = []
        for spec, sums, bins in zip(self._specs, self._sums, self._bins, strict=True):
            mine = sums[at]
            squares = None if spec.square_bits is None else mine[:, kernels.SQUARES].copy()
            present, total = mine[:, kernels.PRESENT].copy(), mine[:, kernels.TOTAL].copy()
            columns.append(ColumnSums(spec, present, total, squares, None if bins is None else bins[at]))
        return GroupSums(groups.keys, self.rows[at], None if units is None else units[at], tuple(columns))


def _widened(array: Counts, n: int) -> Counts:
    """Return an array with more rows, zeros."""
    wider = np.zeros((n, *array.shape[1:]), np.int64)
    wider[: len(array)] = array
    return wider
