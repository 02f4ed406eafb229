"""What someone finds who knows a few quasi-identifiers of a person: fewest rows, and the surest sensitive value."""

from itertools import combinations

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.table.table import Table
from shoal_kernels.tables.dimensions import Dimensions

Vector = npt.NDArray[np.int64]


def combinations_reach(table: Table, l: int, members: Vector) -> tuple[int, float]:
    """Return the fewest rows, and the largest share of a sensitive value, over combinations of `l` quasi-identifiers.

    Combinations of fewer columns are unions of these: they hold more rows and no larger share.

    Parameters
    ----------
    table : Table
    l : int
        All quasi-identifiers where there are fewer.
    members : (n_tuples,) int64
        What each tuple counts: its rows, or its units. A combination counts at least as many units as any of its
        tuples, and its values have the shares that its tuples have together.
    """
    grouped, dims, cells = table.grouped, table.space.arrays, table.cells
    codes = [_codes(dims, grouped.words, j) for j in range(len(dims.kind))]
    tuple_of_cell = np.repeat(np.arange(grouped.n_tuples), np.diff(cells.start))
    n_values = max(1, table.n_values)
    fewest, surest = table.n_rows, 0.0
    for columns in combinations(range(len(codes)), min(l, len(codes))):
        group = np.zeros(grouped.n_tuples, np.int64)
        for j in columns:
            group = np.unique(group * int(dims.size[j]) + codes[j], return_inverse=True)[1]
        rows = np.bincount(group, weights=grouped.weight)
        held = rows
        if table.units is not None:
            held = np.zeros(rows.size)
            np.maximum.at(held, group, members)
        fewest = min(fewest, int(held.min()))
        if cells.value.size:
            key, place = np.unique(group[tuple_of_cell] * n_values + cells.value, return_inverse=True)
            share = np.bincount(place, weights=cells.count) / rows[key // n_values]
            surest = max(surest, float(share.max()))
    return fewest, surest


def _codes(dims: Dimensions, words: npt.NDArray[np.uint64], j: int) -> Vector:
    """Return the code of each tuple in one dimension."""
    return ((words[dims.word[j]] >> np.uint64(dims.shift[j])) & dims.mask[j]).astype(np.int64)
