"""Bulyan's second stage: for each coordinate, the mean of the values closest to the median."""

from typing import Any, Final

import numpy as np

from shoal_kernels._jit import Kernel, array_at, float32_at, float64_at
from shoal_kernels._types import Ints, Matrix, OutMatrix, OutVector, Vector, kernel_of

TILE: Final = 512
"""Number of coordinates at a time: a hundred arrays fit the second cache while they are sorted."""


def exchanges(n: int) -> Ints:
    """Return the comparators of a sorting network for n values (Batcher 1968, odd-even merge).

    Parameters
    ----------
    n : int

    Returns
    -------
    pairs : (n_pairs, 2) int64
        Lower place first.
    """
    pairs: list[tuple[int, int]] = []
    step = 1
    while step < n:
        gap = step
        while gap:
            for first in range(gap % step, n - gap, 2 * gap):
                pairs += [
                    (place, place + gap)
                    for place in range(first, min(first + gap, n - gap))
                    if place // (2 * step) == (place + gap) // (2 * step)
                ]
            gap //= 2
        step *= 2
    return np.array(pairs, np.int64).reshape(-1, 2)


def _averager(value_at: Any) -> Any:
    """Return the kernel for one dtype."""

    def mean_around_median(
        addresses: Vector[np.uint64],
        pairs: Matrix[np.int64],
        n_kept: int,
        rows: OutMatrix[Any],
        starts: OutVector[np.int64],
        means: OutVector[np.float64],
    ) -> None:
        """Average the `n_kept` values closest to the median of each coordinate.

        In sorted order they are neighbors. Of two values as far from the median, below and above, the lower counts.

        Parameters
        ----------
        addresses : (n_arrays,) uint64
            Address of each array; the caller keeps the arrays alive, contiguous, of one dtype and finite.
        pairs : (n_pairs, 2) int64
            ``exchanges(n_arrays)``.
        n_kept : int
            1 to n_arrays.
        rows : (n_arrays, TILE) of the arrays' dtype, out
            Scratch.
        starts : (TILE,) int64, out
            Scratch.
        means : (n,) float64, out
        """
        n, n_arrays = len(means), len(addresses)
        lower, upper = (n_arrays - 1) // 2, n_arrays // 2
        for first in range(0, n, TILE):
            last = min(n, first + TILE)
            length = last - first
            for u in range(n_arrays):
                values, row = array_at(value_at(addresses[u]), last)[first:last], rows[u, :length]
                for i in range(length):
                    row[i] = values[i]
            # A comparator works on whole rows, each coordinate by itself: no branch depends on a value.
            for pair in range(len(pairs)):
                low, high = rows[pairs[pair, 0], :length], rows[pairs[pair, 1], :length]
                for i in range(length):
                    a, b = low[i], high[i]
                    low[i] = a if a < b else b
                    high[i] = b if a < b else a
            begin, mean = starts[:length], means[first:last]
            begin[:] = 0
            below, above = rows[lower, :length], rows[upper, :length]
            for start in range(n_arrays - n_kept):
                leaving, entering = rows[start, :length], rows[start + n_kept, :length]
                for i in range(length):
                    median = 0.5 * np.float64(below[i]) + 0.5 * np.float64(above[i])
                    # True for the first windows and false for all later ones, so the count is the best window.
                    begin[i] += np.int64(entering[i] - median < median - leaving[i])
            mean[:] = 0
            for u in range(n_arrays):
                values = rows[u, :length]
                for i in range(length):
                    mean[i] += np.float64(values[i]) if begin[i] <= u < begin[i] + n_kept else 0.0
            for i in range(length):
                mean[i] /= n_kept

    return mean_around_median


MEAN_AROUND_MEDIAN: dict[str, Kernel[Any, None]] = {
    name: kernel_of(_averager(at), name) for name, at in (("float32", float32_at), ("float64", float64_at))
}
"""The kernels for each dtype of values."""
