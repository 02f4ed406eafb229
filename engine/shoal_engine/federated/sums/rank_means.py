"""Means of ranks, coordinate by coordinate: for the median and the trimmed mean, without copying updates."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shoal_engine.federated.updates.tensors import DType, narrowed, widened
from shoal_engine.tables.aligned import aligned_empty, aligned_zeros
from shoal_engine.threads import in_threads, ranges

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


def mean_of_ranks(
    payloads: Sequence[Values], dtype: DType, low: int, high: int, *, n_threads: int = 1
) -> tuple[Values, Floats]:
    """Return for each coordinate of a tensor the mean of the ranks from `low` below `high`.

    Memory beyond the result is that of some tiles of each update, for each thread.

    Parameters
    ----------
    payloads : sequence of (n,) arrays, all alike
        Values of a tensor of `dtype`, as `Model.payloads` gives them.
    low, high : int
        0 <= low < high <= n_updates; 0 is the lowest.

    Returns
    -------
    means : (n,) as the payloads
        The same whatever the order of updates.
    squares : (n_updates, n_tiles) float64
        Sums of squares by tile; not finite where a value is not, and then the means are wrong.
    """
    from shoal_kernels.aggregation.order_statistics import TILE

    n, is_wide = len(payloads[0]), dtype in ("float32", "float64")
    # What has 16 bits is ordered and added as float64, some tiles at a time, and rounded once.
    means = aligned_empty(n, dtype if is_wide else np.float64)
    squares = np.empty((len(payloads), -(-n // TILE)), np.float64)
    aligned = [values if values.flags.aligned else values.copy() for values in payloads] if is_wide else payloads

    def part(tiles: tuple[int, int]) -> None:
        first, last = tiles[0] * TILE, min(n, tiles[1] * TILE)
        if is_wide:
            _rank(aligned, first, low, high, squares[:, tiles[0] : tiles[1]], means[first:last])
            return
        for tile in range(*tiles):
            span = slice(tile * TILE, min(n, (tile + 1) * TILE))
            exact = [widened(values[span], dtype).astype(np.float64) for values in payloads]
            _rank(exact, 0, low, high, squares[:, tile : tile + 1], means[span])

    if n:
        in_threads(part, ranges(squares.shape[1], n_threads), n_threads)
    return means if is_wide else narrowed(means, dtype), squares


@functools.lru_cache(maxsize=64)
def _steps(n: int, low: int, high: int) -> npt.NDArray[np.uint32]:
    from shoal_kernels.aggregation.order_statistics import exchanges

    return exchanges(n, low, high)


def _rank(arrays: Sequence[Values], start: int, low: int, high: int, squares: Floats, means: Values) -> None:
    """Run the kernel over the values from `start` on, as many as there are means."""
    from shoal_kernels.aggregation.fixed_point import LANES
    from shoal_kernels.aggregation.order_statistics import MEAN_OF_RANKS, WIDTH, n_tiles

    n, dtype = len(arrays), means.dtype
    tails = aligned_zeros((n, WIDTH), dtype)
    stop, rest = start + len(means), len(means) % WIDTH
    if rest:
        for tail, values in zip(tails, arrays, strict=True):
            tail[:rest] = values[stop - rest : stop]
    keys = aligned_empty((n_tiles(n, dtype.itemsize), n, WIDTH), f"i{dtype.itemsize}")
    found = np.empty(squares.shape, np.float64)
    MEAN_OF_RANKS[dtype.name](
        _addresses(arrays),
        np.uint64(tails.ctypes.data) + np.arange(n, dtype=np.uint64) * np.uint64(tails.strides[0]),
        start,
        _steps(n, low, high),
        low,
        high,
        keys,
        aligned_empty((n, LANES), dtype),
        aligned_empty(WIDTH, np.float64),
        found,
        means,
    )
    squares[:] = found


def _addresses(arrays: Sequence[Values]) -> npt.NDArray[np.uint64]:
    return np.array([values.__array_interface__["data"][0] for values in arrays], np.uint64)
