"""Minimal sample uniques: the sets of columns in which a row is unique, and in no proper subset of which it is."""

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import kernel, matrix, vector

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]


@kernel(
    types.void(
        matrix(types.uint64),
        matrix(types.int64),
        vector(types.int64),
        vector(types.float64),
        types.int64,
        types.int64,
        types.float64[::1],
        types.int64[::1],
        types.int64[::1],
        types.int64[::1],
    )
)
def score_uniques(
    unique: Bits,
    smaller: Ints,
    size: Ints,
    worth: npt.NDArray[np.float64],
    begin: int,
    end: int,
    score: npt.NDArray[np.float64],
    n_minimal: Ints,
    smallest: Ints,
    n_rows: Ints,
) -> None:
    """Find the minimal sets of each row, and add up what they are worth.

    Parameters
    ----------
    unique : (n_sets, blocks) uint64
        As `column_sets.mark_uniques` fills it, for all sets up to a size.
    smaller : (n_sets, d) int64
        Numbers of the sets with one column less, the first ``size`` of each row; -1 for the empty set.
    size : (n_sets,) int64, at least 1
    worth : (d + 1,) float64
        Of a minimal set by its size.
    begin, end : int
        Blocks to work on.
    score, n_minimal, smallest : (rows,), in and out
        Zeros before. Sum of the worth of the row's minimal sets, their number, and the least size of one.
    n_rows : (n_sets,) int64, in and out
        Rows of which the set is a minimal one are added.
    """
    for number in range(len(size)):
        for block in range(begin, end):
            bits = unique[number, block]
            if bits == np.uint64(0):
                continue
            covered = np.uint64(0)
            for c in range(size[number]):
                if smaller[number, c] >= 0:
                    covered |= unique[smaller[number, c], block]
            bits &= ~covered
            row = block * 64
            while bits != np.uint64(0):
                if bits & np.uint64(1):
                    score[row] += worth[size[number]]
                    n_minimal[row] += 1
                    if smallest[row] == 0 or size[number] < smallest[row]:
                        smallest[row] = size[number]
                    n_rows[number] += 1
                bits >>= np.uint64(1)
                row += 1
