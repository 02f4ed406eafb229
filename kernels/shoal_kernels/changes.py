"""Changes from a base: their lengths, and sums of their multiples in whole numbers, without copies of differences."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import Kernel, kernel, vector
from shoal_kernels.fixed_point import BLOCK, LANES, MAGIC_BITS, raised


def _measure_change(
    values: npt.NDArray[Any], base: npt.NDArray[Any], lanes: npt.NDArray[np.float64], squares: npt.NDArray[np.float64]
) -> None:
    """Add up the squares of differences in float64, block by block.

    Parameters
    ----------
    values, base : (n,) float32 or float64
    lanes : (LANES,) float64, out
        Scratch.
    squares : (ceil(n / BLOCK),) float64, out
        Each within 2 * (BLOCK / LANES + LANES) roundings of the exact sum, relatively; infinite or no number where a
        value is.
    """
    for block in range(len(squares)):
        lanes[:] = 0.0
        first, last = block * BLOCK, min(len(values), (block + 1) * BLOCK)
        x, c = values[first:last], base[first:last]
        whole = len(x) // LANES * LANES
        for row in range(0, whole, LANES):
            for lane in range(LANES):
                change = np.float64(x[row + lane]) - np.float64(c[row + lane])
                lanes[lane] += change * change
        for place in range(whole, len(x)):
            change = np.float64(x[place]) - np.float64(c[place])
            lanes[place - whole] += change * change
        total = 0.0
        for lane in range(LANES):
            total += lanes[lane]
        squares[block] = total


def _fold_change(values: npt.NDArray[Any], base: npt.NDArray[Any], factor: float, sums: npt.NDArray[np.int64]) -> None:
    """Add differences times a factor, each product rounded to a whole number, ties to even.

    Parameters
    ----------
    values, base : (n,) float32 or float64
    factor : float64
        Products must be at most `fixed_point.REACH` in size.
    sums : (n,) int64, in and out
    """
    for place in range(len(values)):
        change = np.float64(values[place]) - np.float64(base[place])
        sums[place] += raised(change, factor) - MAGIC_BITS


_DTYPES: Final = {"float32": types.float32, "float64": types.float64}

MEASURE_CHANGE: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(vector(value), vector(value), types.float64[::1], types.float64[::1]))(_measure_change)
    for name, value in _DTYPES.items()
}
FOLD_CHANGE: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(vector(value), vector(value), types.float64, types.int64[::1]))(_fold_change)
    for name, value in _DTYPES.items()
}
"""The kernels for each dtype of values."""
