"""Median and trimmed mean of updates, coordinate by coordinate: a few hostile ones move neither far.

Both count every update once: a weight is a claim, and whoever could claim a large one would decide the result. Claims
are still checked, and reported.

References
----------
Yin, Chen, Ramchandran, Bartlett (2018), Byzantine-robust distributed learning: towards optimal statistical rates,
ICML, definitions 1 and 2. They cut a share of values at each end; where that is no integer we round it down.
"""

from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np

from shoal_engine.errors import UpdateError
from shoal_engine.federated.sums.buffered_updates import AcceptedUpdates, BufferedAggregator, with_norm
from shoal_engine.federated.sums.rank_means import Floats, Values, mean_of_ranks
from shoal_engine.federated.updates.model import of_payloads
from shoal_engine.federated.updates.round import RoundResult


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
