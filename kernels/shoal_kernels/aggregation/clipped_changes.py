"""Clipped changes from a base: their norms, and fixed-point sums of their multiples, without copies of differences."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import Kernel, array_at, float32_at, float64_at, inlined
from shoal_kernels._types import OutVector, Vector, kernel_of
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
        values: Vector[Any],
        base: Vector[Any],
        lanes: OutVector[np.float64],
        squares: OutVector[np.float64],
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


def _fold_change(values: Vector[Any], base: Vector[Any], factor: float, sums: OutVector[np.int64]) -> None:
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


MEASURE_CHANGE: dict[str, Kernel[Any, None]] = {
    name: kernel_of(_measurer(at, size), name, name)
    for name, at, size in (("float32", float32_at, 4), ("float64", float64_at, 8))
}
FOLD_CHANGE: dict[str, Kernel[Any, None]] = {
    name: kernel_of(_fold_change, name, name) for name in ("float32", "float64")
}
"""The kernels for each dtype of values."""
