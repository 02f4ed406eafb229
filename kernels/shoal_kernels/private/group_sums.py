"""Group sums of the rows of a batch: counts, sums and sums of squares on a grid, and histograms between edges."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import Kernel, kernel, vector
from shoal_kernels.private.grid_values import ABSENT, halve

PRESENT, TOTAL, SQUARES = 0, 1, 2
"""Places in `sums`: rows that hold a value, their sum, the sum of their squares."""


def _count_rows(codes: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> None:
    """Count the rows of each group.

    Parameters
    ----------
    codes : (n,) uint8, uint16 or uint32, each below len(rows)
    rows : (n_groups,) int64, in and out
    """
    for i in range(len(codes)):
        rows[np.int64(codes[i])] += 1


def _add_values(
    codes: npt.NDArray[Any], values: npt.NDArray[np.int32], square_bits: int, sums: npt.NDArray[np.int64]
) -> None:
    """Add values to their groups, modulo 2**64.

    Parameters
    ----------
    codes : (n,) uint8, uint16 or uint32, each below len(sums)
    values : (n,) int32
        ABSENT adds nothing.
    square_bits : int
        Squares are divided by 2**square_bits and rounded half to even; negative where none are wanted.
    sums : (n_groups, 3) int64, in and out
    """
    for i in range(len(codes)):
        value = np.int64(values[i])
        if value == ABSENT:
            continue
        group = np.int64(codes[i])
        sums[group, PRESENT] += 1
        sums[group, TOTAL] += value
        if square_bits >= 0:
            sums[group, SQUARES] += halve(int(value * value), square_bits)


def _add_to_bins(
    codes: npt.NDArray[Any],
    values: npt.NDArray[np.int32],
    edges: npt.NDArray[np.int32],
    bins: npt.NDArray[np.int64],
) -> None:
    """Count the values of each group between edges.

    Parameters
    ----------
    codes : (n,) uint8, uint16 or uint32, each below len(bins)
    values : (n,) int32
        ABSENT adds nothing.
    edges : (n_edges,) int32, ascending
    bins : (n_groups, n_edges + 1) int64, in and out
        Bin b holds the values with exactly b edges at or below them.
    """
    for i in range(len(codes)):
        value = values[i]
        if value == ABSENT:
            continue
        low, high = 0, len(edges)
        while low < high:
            middle = (low + high) >> 1
            if edges[middle] <= value:
                low = middle + 1
            else:
                high = middle
        bins[np.int64(codes[i]), low] += 1


_CODES = {"uint8": vector(types.uint8), "uint16": vector(types.uint16), "uint32": vector(types.uint32)}
_VALUES, _TABLE = vector(types.int32), types.int64[:, ::1]

COUNT_ROWS: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(codes, types.int64[::1]))(_count_rows) for name, codes in _CODES.items()
}
ADD_VALUES: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(codes, _VALUES, types.int64, _TABLE))(_add_values) for name, codes in _CODES.items()
}
ADD_TO_BINS: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(codes, _VALUES, _VALUES, _TABLE))(_add_to_bins) for name, codes in _CODES.items()
}
"""The kernels for each dtype of codes."""
