"""Weighted sums in fixed point: each product is rounded once to an integer, and sums are exact in any order."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import Kernel, array_at, float32_at, float64_at, inlined
from shoal_kernels._types import OutMatrix, OutVector, Vector, kernel_of
from shoal_kernels.aggregation.vector_sums import LANES as WIDTH
from shoal_kernels.aggregation.vector_sums import MAGIC, adder

TILE: Final = 32768
"""Number of values whose sums stay in the second cache while every update is added to them."""
BLOCK: Final = 1024
"""Number of values of one update at a time."""
LANES: Final = 64
"""Number of parallel sums of squares: a fixed order of addition that vectorizes, the same on every machine."""
REACH: Final = 2.0**51
MAGIC_BITS: Final = int(np.float64(MAGIC).view(np.int64))


@inlined
def scaled_bits(value: Any, factor: float) -> np.int64:
    """Return the integer nearest to a product, plus MAGIC_BITS."""
    # Adding MAGIC moves the integer into the low bits of the mantissa; subtracting MAGIC_BITS extracts it.
    return np.float64(np.float64(value) * factor + MAGIC).view(np.int64)


@inlined
def _add_squares(values: npt.NDArray[Any], lanes: npt.NDArray[Any]) -> None:
    """Add the squares of a block to the lanes, in the values' own dtype."""
    whole = len(values) // LANES * LANES
    for block in range(0, whole, LANES):
        for lane in range(LANES):
            lanes[lane] += values[block + lane] * values[block + lane]
    for place in range(whole, len(values)):
        lanes[place - whole] += values[place] * values[place]


@inlined
def across(lanes: npt.NDArray[Any]) -> float:
    """Return the sum of the lanes in float64."""
    total = 0.0
    for lane in range(LANES):
        total += np.float64(lanes[lane])
    return total


def _measure(values: Vector[Any], lanes: OutVector[Any], squares: OutVector[np.float64]) -> None:
    """Add up the squares of each tile.

    Parameters
    ----------
    values : (n,) float32 or float64
    lanes : (LANES,) of the same dtype, out
        Scratch.
    squares : (ceil(n / TILE),) float64, out
        inf or NaN if a value is, or if its square overflows the dtype.
    """
    for tile in range(len(squares)):
        lanes[:] = 0
        _add_squares(values[tile * TILE : min(len(values), (tile + 1) * TILE)], lanes)
        squares[tile] = across(lanes)


def _fold(values: Vector[Any], factor: float, sums: OutVector[np.int64]) -> None:
    """Add values times a factor, each product rounded to an integer, ties to even.

    The same call with the negative factor undoes this exactly.

    Parameters
    ----------
    values : (n,) float32 or float64
    factor : float64
        Products must be at most REACH in size.
    sums : (n,) int64, in and out
    """
    for place in range(len(values)):
        sums[place] += scaled_bits(values[place], factor) - MAGIC_BITS


def _scale(sums: Vector[np.int64], scale: float, means: OutVector[Any]) -> None:
    """Multiply sums by a scale.

    Parameters
    ----------
    sums : (n,) int64
    scale : float64
    means : (n,) float32 or float64, out
    """
    for place in range(len(sums)):
        means[place] = np.float64(sums[place]) * scale


def _averager(dtype: str, value_at: Any, size_of: int) -> Any:
    """Return the kernel over many updates for one dtype.

    Parts of arrays are taken by address: slicing an array counts its references, atomically, in every block.
    """
    add_eight, add_four, add_two, add_one = (adder(dtype, n) for n in (8, 4, 2, 1))

    def average_many(
        addresses: Vector[np.uint64],
        factors: Vector[np.float64],
        scale: float,
        start: int,
        sums: OutVector[np.int64],
        squares: OutMatrix[np.float64],
        means: OutVector[Any],
    ) -> None:
        """Add up one range of many updates as `_fold` does, tile by tile, scale it, and measure each on the way.

        Parameters
        ----------
        addresses : (n_updates,) uint64
            Address of each array; the caller keeps the arrays alive, contiguous and of one dtype.
        factors : (n_updates,) float64
            A product beyond REACH leaves the sums wrong; `squares` bound the values.
        scale : float64
            Times sums: a mean.
        start : int
            First value of the range.
        sums : (TILE,) int64, out
            Scratch.
        squares : (ceil(n / TILE), n_updates) float64, out
            Results of `_measure`.
        means : (n,) of the values' dtype, out
        """
        n_updates, n = len(addresses), len(means)
        table, multipliers = np.uint64(addresses.ctypes.data), np.uint64(factors.ctypes.data)
        totals, lengths = np.uint64(sums.ctypes.data), np.uint64(squares.ctypes.data)
        squares[:] = 0.0
        for tile in range(len(squares)):
            length = min(n, (tile + 1) * TILE) - tile * TILE
            first = start + tile * TILE
            # Subtract MAGIC_BITS of all updates at once, modulo 2**64.
            sums[:length] = np.int64(-n_updates) * np.int64(MAGIC_BITS)
            u = 0
            while u < n_updates:
                left = n_updates - u
                skip, row = np.uint64(8 * u), lengths + np.uint64(8 * (tile * n_updates + u))
                for block in range(0, length // WIDTH * WIDTH, BLOCK):
                    count = min(BLOCK, length // WIDTH * WIDTH - block)
                    here = totals + np.uint64(8 * block)
                    if left >= 8:
                        add_eight(table + skip, first + block, count, multipliers + skip, here, row)
                    elif left >= 4:
                        add_four(table + skip, first + block, count, multipliers + skip, here, row)
                    elif left >= 2:
                        add_two(table + skip, first + block, count, multipliers + skip, here, row)
                    else:
                        add_one(table + skip, first + block, count, multipliers + skip, here, row)
                group = 8 if left >= 8 else 4 if left >= 4 else 2 if left >= 2 else 1
                for near in range(u, u + group):
                    for i in range(length // WIDTH * WIDTH, length):
                        at = addresses[near] + np.uint64((first + i) * size_of)
                        value = array_at(value_at(at), 1)[0]
                        sums[i] += scaled_bits(value, factors[near])
                        squares[tile, near] += np.float64(value * value)
                u += group
            mean = means[tile * TILE : tile * TILE + length]
            for i in range(length):
                mean[i] = np.float64(sums[i]) * scale

    return average_many


MEASURE: dict[str, Kernel[Any, None]] = {name: kernel_of(_measure, name, name) for name in ("float32", "float64")}
FOLD: dict[str, Kernel[Any, None]] = {name: kernel_of(_fold, name) for name in ("float32", "float64")}
SCALE: dict[str, Kernel[Any, None]] = {name: kernel_of(_scale, name) for name in ("float32", "float64")}
AVERAGE_MANY: dict[str, Kernel[Any, None]] = {
    name: kernel_of(_averager(name, at, size), name)
    for name, at, size in (("float32", float32_at, 4), ("float64", float64_at, 8))
}
"""The kernels for each dtype of values."""
