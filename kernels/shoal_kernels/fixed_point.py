"""Weighted sums on a grid of whole numbers: what is added is rounded once, and sums are exact in any order."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import Kernel, array_at, float32_at, float64_at, inlined, int64_at, kernel, vector

TILE: Final = 16384
"""Values whose sums stay in the second cache while every update is added to them."""
BLOCK: Final = 2048
"""Values of one update at a time."""
LANES: Final = 64
"""Sums of squares side by side: a fixed order of addition that vectorizes, the same on every machine."""
MAGIC: Final = 1.5 * 2.0**52
"""Added to a number of at most REACH in size it leaves the nearest whole number in the low bits, ties to even."""
REACH: Final = 2.0**51
MAGIC_BITS: Final = int(np.float64(MAGIC).view(np.int64))


@inlined
def raised(value: Any, factor: float) -> np.int64:
    """Return the nearest whole number of a product, and the bits of MAGIC beside it."""
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


def _measure(values: npt.NDArray[Any], lanes: npt.NDArray[Any], squares: npt.NDArray[np.float64]) -> None:
    """Add up the squares of each tile.

    Parameters
    ----------
    values : (n,) float32 or float64
    lanes : (LANES,) of the same dtype, out
        Scratch.
    squares : (ceil(n / TILE),) float64, out
        Infinite or no number where a value is, or where its square is too large for the dtype.
    """
    for tile in range(len(squares)):
        lanes[:] = 0
        _add_squares(values[tile * TILE : min(len(values), (tile + 1) * TILE)], lanes)
        squares[tile] = across(lanes)


def _fold(values: npt.NDArray[Any], factor: float, sums: npt.NDArray[np.int64]) -> None:
    """Add values times a factor, each product rounded to a whole number, ties to even.

    With the negative factor this is undone exactly.

    Parameters
    ----------
    values : (n,) float32 or float64
    factor : float64
        Products must be at most REACH in size.
    sums : (n,) int64, in and out
    """
    for place in range(len(values)):
        sums[place] += raised(values[place], factor) - MAGIC_BITS


def _scale(sums: npt.NDArray[np.int64], scale: float, means: npt.NDArray[Any]) -> None:
    """Multiply sums by a scale.

    Parameters
    ----------
    sums : (n,) int64
    scale : float64
    means : (n,) float32 or float64, out
    """
    for place in range(len(sums)):
        means[place] = np.float64(sums[place]) * scale


@inlined
def _fold_eight(
    x0: npt.NDArray[Any],
    x1: npt.NDArray[Any],
    x2: npt.NDArray[Any],
    x3: npt.NDArray[Any],
    x4: npt.NDArray[Any],
    x5: npt.NDArray[Any],
    x6: npt.NDArray[Any],
    x7: npt.NDArray[Any],
    factors: npt.NDArray[np.float64],
    sums: npt.NDArray[np.int64],
) -> None:
    """Add eight blocks for each time that the sums are read and written."""
    f0, f1, f2, f3 = factors[0], factors[1], factors[2], factors[3]
    f4, f5, f6, f7 = factors[4], factors[5], factors[6], factors[7]
    for i in range(len(sums)):
        sums[i] += ((raised(x0[i], f0) + raised(x1[i], f1)) + (raised(x2[i], f2) + raised(x3[i], f3))) + (
            (raised(x4[i], f4) + raised(x5[i], f5)) + (raised(x6[i], f6) + raised(x7[i], f7))
        )


@inlined
def _fold_two(x0: npt.NDArray[Any], x1: npt.NDArray[Any], f0: float, f1: float, sums: npt.NDArray[np.int64]) -> None:
    """Add two blocks likewise."""
    for i in range(len(sums)):
        sums[i] += raised(x0[i], f0) + raised(x1[i], f1)


def _averager(value_at: Any, size_of: int) -> Any:
    """Return the kernel over many updates for one dtype.

    Parts of arrays are taken by address: slicing an array counts its references, atomically, in every block.
    """

    @inlined
    def part_of(address: np.uint64, first: int, length: int) -> Any:
        return array_at(value_at(address + np.uint64(first * size_of)), length)

    @inlined
    def lanes_of(rows: np.uint64, near: int) -> Any:
        return array_at(value_at(rows + np.uint64(near * LANES * size_of)), LANES)

    def average_many(
        addresses: npt.NDArray[np.uint64],
        factors: npt.NDArray[np.float64],
        scale: float,
        start: int,
        lanes: npt.NDArray[Any],
        sums: npt.NDArray[np.int64],
        squares: npt.NDArray[np.float64],
        means: npt.NDArray[Any],
    ) -> None:
        """Add up one range of many updates as `_fold` does, tile by tile, scale it, and measure each on the way.

        Parameters
        ----------
        addresses : (n_updates,) uint64
            Of the first value of each; the caller keeps the arrays alive, contiguous and of one dtype.
        factors : (n_updates,) float64
            A product beyond REACH leaves the sums wrong; `squares` bound the values.
        scale : float64
            Times sums: a mean.
        start : int
            Of the range, in values.
        lanes : (8, LANES) of the values' dtype, out
            Scratch.
        sums : (TILE,) int64, out
            Scratch.
        squares : (n_updates, ceil(n / TILE)) float64, out
            As `_measure` tells them.
        means : (n,) of the values' dtype, out
        """
        n_updates, n = len(addresses), len(means)
        rows, totals = np.uint64(lanes.ctypes.data), np.uint64(sums.ctypes.data)
        multipliers = np.uint64(factors.ctypes.data)
        for tile in range(squares.shape[1]):
            length = min(n, (tile + 1) * TILE) - tile * TILE
            first = start + tile * TILE
            into = sums[:length]
            # All bits of MAGIC at once, modulo 2**64.
            into[:] = np.int64(-n_updates) * np.int64(MAGIC_BITS)
            # Eight updates for each time that the sums are read and written, then what is left.
            eight = n_updates // 8 * 8
            for u in range(0, eight, 8):
                lanes[:] = 0
                for block in range(first, first + length, BLOCK):
                    size = min(BLOCK, first + length - block)
                    # Eight streams are read at once, which hides their latency; squares are of what is near then.
                    _fold_eight(
                        part_of(addresses[u], block, size),
                        part_of(addresses[u + 1], block, size),
                        part_of(addresses[u + 2], block, size),
                        part_of(addresses[u + 3], block, size),
                        part_of(addresses[u + 4], block, size),
                        part_of(addresses[u + 5], block, size),
                        part_of(addresses[u + 6], block, size),
                        part_of(addresses[u + 7], block, size),
                        array_at(float64_at(multipliers + np.uint64(8 * u)), 8),
                        array_at(int64_at(totals + np.uint64(8 * (block - first))), size),
                    )
                    for near in range(8):
                        _add_squares(part_of(addresses[u + near], block, size), lanes_of(rows, near))
                for near in range(8):
                    squares[u + near, tile] = across(lanes_of(rows, near))
            two = eight + (n_updates - eight) // 2 * 2
            for u in range(eight, two, 2):
                lanes[:2] = 0
                for block in range(first, first + length, BLOCK):
                    size = min(BLOCK, first + length - block)
                    one, other = part_of(addresses[u], block, size), part_of(addresses[u + 1], block, size)
                    here = array_at(int64_at(totals + np.uint64(8 * (block - first))), size)
                    _fold_two(one, other, factors[u], factors[u + 1], here)
                    _add_squares(one, lanes_of(rows, 0))
                    _add_squares(other, lanes_of(rows, 1))
                squares[u, tile], squares[u + 1, tile] = across(lanes_of(rows, 0)), across(lanes_of(rows, 1))
            for u in range(two, n_updates):
                lanes[0] = 0
                for block in range(first, first + length, BLOCK):
                    size = min(BLOCK, first + length - block)
                    values, factor = part_of(addresses[u], block, size), factors[u]
                    here = array_at(int64_at(totals + np.uint64(8 * (block - first))), size)
                    for i in range(size):
                        here[i] += raised(values[i], factor)
                    _add_squares(values, lanes_of(rows, 0))
                squares[u, tile] = across(lanes_of(rows, 0))
            mean = means[tile * TILE : tile * TILE + length]
            for i in range(length):
                mean[i] = np.float64(into[i]) * scale

    return average_many


_DTYPES: Final = {"float32": (types.float32, float32_at, 4), "float64": (types.float64, float64_at, 8)}

MEASURE: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(vector(value), value[::1], types.float64[::1]))(_measure)
    for name, (value, _, _) in _DTYPES.items()
}
FOLD: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(vector(value), types.float64, types.int64[::1]))(_fold)
    for name, (value, _, _) in _DTYPES.items()
}
SCALE: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(vector(types.int64), types.float64, value[::1]))(_scale)
    for name, (value, _, _) in _DTYPES.items()
}
AVERAGE_MANY: dict[str, Kernel[Any, None]] = {
    name: kernel(
        types.void(
            vector(types.uint64),
            vector(types.float64),
            types.float64,
            types.int64,
            value[:, ::1],
            types.int64[::1],
            types.float64[:, ::1],
            value[::1],
        )
    )(_averager(at, size))
    for name, (value, at, size) in _DTYPES.items()
}
"""The kernels for each dtype of values."""
