"""Median and trimmed mean of updates, coordinate by coordinate: a few hostile ones move neither far.

Both count every update once: a weight is a claim, and whoever could claim a large one would decide the result. Claims
are still checked, and reported.

References
----------
Yin, Chen, Ramchandran, Bartlett (2018), Byzantine-robust distributed learning: towards optimal statistical rates,
ICML, definitions 1 and 2. They cut a share of values at each end; where that is no integer we round it down.
"""

import functools
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import UpdateError
from shoal_engine.federated.sums.buffered_updates import AcceptedUpdates, BufferedAggregator, with_norm
from shoal_engine.federated.updates.model import of_payloads
from shoal_engine.federated.updates.round import RoundResult
from shoal_engine.federated.updates.tensors import DType, narrowed, widened
from shoal_engine.tables.buffers import aligned_empty, aligned_zeros
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


@dataclass(slots=True)
class _MeanOfRanks(BufferedAggregator):
    """A rule that averages some ranks of each coordinate."""

    n_threads: int = field(default=1, compare=False, kw_only=True)

    @abstractmethod
    def ranks(self, n: int) -> tuple[int, int]:
        """Return the lowest rank that counts among `n` updates, and the one after the highest."""

    def release(self) -> RoundResult:
        """Return the round's model, in the dtypes of the updates, and a record of each update.

        Raises
        ------
        TooFewUpdates
            Fewer updates are good than were asked for, or than the rule needs.
        """
        accepted = self.accepted()
        while True:
            accepted.require_enough(self.checks)
            means, squares = self._means(accepted)
            records = [with_norm(record, of_one) for record, of_one in zip(accepted.records, squares, strict=True)]
            outs = {place: record for place, record in enumerate(records) if not record.kept}
            if not outs:
                return RoundResult(of_payloads(accepted.layout, means), (*records, *accepted.rejected))
            # What is not finite has had a rank: without it the others' ranks are others.
            accepted = accepted.without(outs)

    def _means(self, accepted: AcceptedUpdates) -> tuple[list[Values], Floats]:
        """Return the mean of ranks of each tensor, and the sums of squares by update and tile."""
        payloads = [update.model.payloads() for update in accepted.updates]
        low, high = self.ranks(len(payloads))
        found = [
            mean_of_ranks([one[place] for one in payloads], tensor.dtype, low, high, n_threads=self.n_threads)
            for place, tensor in enumerate(accepted.layout)
        ]
        return [means for means, _ in found], np.concatenate([squares for _, squares in found], axis=1)


@dataclass(slots=True)
class Median(_MeanOfRanks):
    """The median of each coordinate; of an even number, the mean of the two in the middle.

    While fewer than half of the updates are hostile, each coordinate stays within the others' values.

    Parameters
    ----------
    checks : UpdateChecks
    n_threads : int
        They change no bit of the result.

    Examples
    --------
    >>> from shoal_engine.federated.updates.update import Update
    >>> median = Median()
    >>> for node, value in (("a", 1.0), ("b", 2.0), ("c", -1e9)):
    ...     median.observe(Update.of_arrays({"w": np.full(2, value)}, node=node))
    >>> median.release().model.arrays()["w"]
    array([1., 1.])
    """

    def ranks(self, n: int) -> tuple[int, int]:
        """Return the one or two ranks in the middle."""
        return (n - 1) // 2, n // 2 + 1


@dataclass(slots=True)
class TrimmedMean(_MeanOfRanks):
    """The mean of each coordinate without a share of the updates at each end.

    While no more updates are hostile than are cut at one end, each coordinate stays within the others' values. Of
    fewer than ``1 / share`` updates none is cut, and the result is their mean: declare ``checks.min_updates``.

    Parameters
    ----------
    checks : UpdateChecks
    share : float
        At least 0 and below 0.5; of `n` updates ``floor(share * n)`` are cut at each end.
    n_threads : int
        They change no bit of the result.

    Raises
    ------
    UpdateError
        `share` is not at least 0 and below 0.5; at 0.5 nothing is left.

    Examples
    --------
    >>> from shoal_engine.federated.updates.update import Update
    >>> trimmed = TrimmedMean(share=0.25)
    >>> for node, value in (("a", 1.0), ("b", 2.0), ("c", 4.0), ("d", 1e9)):
    ...     trimmed.observe(Update.of_arrays({"w": np.full(2, value)}, node=node))
    >>> trimmed.release().model.arrays()["w"]
    array([3., 3.])
    """

    share: float = field(kw_only=True)

    def __post_init__(self) -> None:
        if not 0 <= self.share < 0.5:
            msg = f"share={self.share} of the updates cannot be cut at each end; give at least 0 and less than 0.5"
            raise UpdateError(msg)

    def ranks(self, n: int) -> tuple[int, int]:
        """Return the ranks that are left."""
        # The greatest double below a half, times n, is still rounded to less than n / 2: something is left.
        cut = int(self.share * n)
        return cut, n - cut
