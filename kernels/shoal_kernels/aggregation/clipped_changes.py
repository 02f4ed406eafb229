"""Clipped changes from a base: their norms, and fixed-point sums of their multiples, without copies of differences."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import Kernel, array_at, float32_at, float64_at, inlined, kernel, vector
from shoal_kernels.aggregation.fixed_point import MAGIC_BITS, scaled_bits
from shoal_kernels.aggregation.linear_combinations import squared_distance

BLOCK: Final = 4096
"""Number of values whose squares are summed at a time: bounds both the number of sums and the error of each."""


def _measurer(value_at: Any, size: int) -> Any:
    """Return the kernel for one dtype, of `size` bytes."""

    @inlined
    def part_of(values: npt.NDArray[Any], start: int, stop: int) -> Any:
        # By address, because slicing an array counts a reference, atomically, in every block.
        return array_at(value_at(np.uint64(values.ctypes.data) + np.uint64(start * size)), stop - start)

    def measure_change(
        values: npt.NDArray[Any],
        base: npt.NDArray[Any],
        lanes: npt.NDArray[np.float64],
        squares: npt.NDArray[np.float64],
    ) -> None:
        """Add up the squares of differences in float64, block by block.

        Parameters
        ----------
        values, base : (n,) float32 or float64
        lanes : (combining.LANES,) float64, out
            Scratch.
        squares : (ceil(n / BLOCK),) float64, out
            Results of `squared_distance`; inf or NaN if a value is.
        """
        for block in range(len(squares)):
            start, stop = block * BLOCK, min(len(values), (block + 1) * BLOCK)
            squares[block] = squared_distance(part_of(values, start, stop), part_of(base, start, stop), lanes)

    return measure_change


def _fold_change(values: npt.NDArray[Any], base: npt.NDArray[Any], factor: float, sums: npt.NDArray[np.int64]) -> None:
    """Add differences times a factor, each product rounded to an integer, ties to even.

    Parameters
    ----------
    values, base : (n,) float32 or float64
    factor : float64
        Products must be at most `fixed_point.REACH` in size.
    sums : (n,) int64, in and out
    """
    for place in range(len(values)):
        change = np.float64(values[place]) - np.float64(base[place])
        sums[place] += scaled_bits(change, factor) - MAGIC_BITS


_DTYPES: Final = {"float32": (types.float32, float32_at, 4), "float64": (types.float64, float64_at, 8)}

MEASURE_CHANGE: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(vector(value), vector(value), types.float64[::1], types.float64[::1]))(_measurer(at, size))
    for name, (value, at, size) in _DTYPES.items()
}
FOLD_CHANGE: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(vector(value), vector(value), types.float64, types.int64[::1]))(_fold_change)
    for name, (value, _, _) in _DTYPES.items()
}
"""The kernels for each dtype of values."""
