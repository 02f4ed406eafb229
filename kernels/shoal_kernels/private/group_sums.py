"""Group sums of the rows of a batch: counts, sums and sums of squares on a grid, and histograms between edges."""

from typing import Any

import numpy as np

from shoal_kernels._jit import Kernel
from shoal_kernels._types import OutMatrix, OutVector, Vector, kernel_of
from shoal_kernels.private.grid_values import ABSENT, halve

PRESENT, TOTAL, SQUARES = 0, 1, 2
"""Places in `sums`: rows that hold a value, their sum, the sum of their squares."""


def _count_rows(codes: Vector[Any], rows: OutVector[np.int64]) -> None:
    """Count the rows of each group.

    Parameters
    ----------
    codes : (n,) uint8, uint16 or uint32, each below len(rows)
    rows : (n_groups,) int64, in and out
    """
    for i in range(len(codes)):
        rows[np.int64(codes[i])] += 1


def _add_values(codes: Vector[Any], values: Vector[np.int32], square_bits: int, sums: OutMatrix[np.int64]) -> None:
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
    codes: Vector[Any],
    values: Vector[np.int32],
    edges: Vector[np.int32],
    bins: OutMatrix[np.int64],
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


_CODES = ("uint8", "uint16", "uint32")

COUNT_ROWS: dict[str, Kernel[Any, None]] = {name: kernel_of(_count_rows, name) for name in _CODES}
ADD_VALUES: dict[str, Kernel[Any, None]] = {name: kernel_of(_add_values, name) for name in _CODES}
ADD_TO_BINS: dict[str, Kernel[Any, None]] = {name: kernel_of(_add_to_bins, name) for name in _CODES}
"""The kernels for each dtype of codes."""
