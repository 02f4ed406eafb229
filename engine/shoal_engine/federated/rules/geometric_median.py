"""The geometric median of updates (RFA: Pillutla, Kakade, Harchaoui 2022), found among their distances.

Every iterate of Weiszfeld's algorithm is a mean of the updates under some shares, and its distance to an update follows
from the shares and the distances of updates. So a few updates are read once for those distances and once for the last
mean, however many iterations there are. Shares and distances of updates that lie far apart lose digits; how many is
bounded at each step, and where the bound is not small the updates themselves are read from there on.

Of many updates, all distances cost more than some iterations. There a sample of the values gives the first shares, and
each iteration reads the updates once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from shoal_engine.errors import UpdateError
from shoal_engine.federated.sums.buffered_updates import AcceptedUpdates, BufferedAggregator
from shoal_engine.federated.sums.distances import Floats, combined, measured_from, squared_distances, with_norms
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult

SLIP: Final = 1e-7
"""How far rounding may move an iterate, as a part of the distance within which half of the updates lie."""
FEW: Final = 32
"""Updates of which all distances cost no more than two iterations that read them."""
_OF_DISTANCES: Final = 1e-13
"""Relative error of what `squared_distances` returns, at most."""


@dataclass(slots=True)
class GeometricMedian(BufferedAggregator):
    """The point with the least sum of distances to all updates, each times its weight.

    As long as hostile updates have less than half of the weight, they cannot take it far from the others. The report's
    distances are those to the result.

    Parameters
    ----------
    checks : UpdateChecks
    nu : float
        Distances below it count as this: it keeps the sum smooth where an update is hit.
    max_iterations : int
    tolerance : float
        Iterations end when no update's share changes by a larger part of it.
    n_threads : int
        They change no bit of the result.

    Notes
    -----
    Iterations start at the update with the least weighted sum of distances to the others, not at their mean: so that
    one far update does not cost iterations, and the first distances are exact. They end by shares and not by the sum
    of distances, which a far update can make so large that it seems not to move.

    References
    ----------
    Pillutla, Kakade, Harchaoui (2022), Robust aggregation for federated learning, IEEE Transactions on Signal
    Processing 70, algorithm 2, the smoothed Weiszfeld algorithm. There an iteration costs a round of communication, so
    that few are made; here it costs next to nothing.

    Examples
    --------
    >>> from shoal_engine.federated.updates.update import Update
    >>> median = GeometricMedian()
    >>> for node, x, y in (("a", 1.0, 0.0), ("b", -1.0, 0.0), ("c", 0.0, 1.0), ("d", 0.0, -1e6)):
    ...     median.observe(Update.of_arrays({"w": np.array([x, y])}, node=node))
    >>> np.abs(median.release().model.arrays()["w"]).max() < 0.001
    np.True_
    """

    nu: float = 1e-6
    max_iterations: int = 100
    tolerance: float = 1e-5
    n_threads: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        if not (0 < self.nu < math.inf and self.max_iterations >= 1 and 0 <= self.tolerance < 1):
            msg = "nu is above 0, max_iterations at least 1, and tolerance at least 0 and below 1"
            raise UpdateError(msg)

    def release(self) -> RoundResult:
        """Return the geometric median.

        Raises
        ------
        TooFewUpdates
        """
        accepted, squares, is_whole = self._measure_norm()
        models = [update.model for update in accepted.updates]
        weights = np.array([record.weight for record in accepted.records])
        weights /= math.fsum(weights)
        shares, left = self._among_distances(squares, weights)
        left = left if is_whole else self.max_iterations
        model, from_it = self._among_updates(models, weights, shares, left)
        found = np.sqrt(from_it)
        records = [replace(record, distance=float(one)) for record, one in zip(accepted.records, found, strict=True)]
        return RoundResult(model, (*records, *accepted.rejected))

    def _measure_norm(self) -> tuple[AcceptedUpdates, Floats, bool]:
        """Return the updates that are finite, their squared distances, and whether these are of all values."""
        accepted = self.accepted()
        if len(accepted.updates) > FEW:
            accepted = measured_from(accepted, None, n_threads=self.n_threads)
        accepted.require_enough(self.checks)
        n = len(accepted.updates)
        models, every = [update.model for update in accepted.updates], 1 if n <= FEW else n // 8
        squares = squared_distances(models, every=every, n_threads=self.n_threads)
        if every > 1:
            return accepted, squares[:-1, :-1], False
        accepted, places = with_norms(accepted, squares[:-1, -1])
        accepted.require_enough(self.checks)
        return accepted, squares[np.ix_(places, places)], True

    def _among_distances(self, squares: Floats, weights: Floats) -> tuple[Floats, int]:
        """Return shares, and how many iterations are to be made yet, with a look at the updates."""
        distances = np.sqrt(squares)
        start = int(np.argmin(_dot(distances, weights)))
        spread = max(self.nu, _weighted_median(distances[start], weights))
        shares, following = np.eye(len(weights))[start], self._shares(squares[start], weights)
        for left in reversed(range(self.max_iterations)):
            if self._is_settled(shares, following):
                return shares, 0
            shares = following
            from_it, error = _from_mean(squares, shares)
            from_it = np.maximum(from_it, 0.0)
            following = self._shares(from_it, weights)
            # An error e of a square moves its distance d by less than e / d, and the next mean by share times that.
            if 2.0 * float(_dot(error / np.maximum(self.nu, np.sqrt(from_it)), following)) > SLIP * spread:
                return shares, left
        return shares, 0

    def _among_updates(
        self, models: Sequence[Model], weights: Floats, shares: Floats, left: int
    ) -> tuple[Model, Floats]:
        """Return the mean under shares after the iterations that are left, and the squared distances to it."""
        model, from_it = combined(models, shares, n_threads=self.n_threads)
        for _ in range(left):
            before, shares = shares, self._shares(from_it, weights)
            if self._is_settled(before, shares):
                break
            model, from_it = combined(models, shares, n_threads=self.n_threads)
        return model, from_it

    def _shares(self, from_it: Floats, weights: Floats) -> Floats:
        """Return the shares of the next mean, after squared distances to the last."""
        found = weights / np.maximum(self.nu, np.sqrt(from_it))
        return found / math.fsum(found)

    def _is_settled(self, before: Floats, after: Floats) -> bool:
        return bool(np.all(np.abs(after - before) <= self.tolerance * after))


def _from_mean(squares: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Return the squared distance of each update to their mean under shares, and a bound on the error of each.

    For the mean z under shares a, ``|z - x_k|^2 = sum_i a_i d_ik - 1/2 sum_ij a_i a_j d_ij``, d being squared
    distances.
    """
    to_each = _dot(squares, shares)
    within = 0.5 * float(_dot(to_each, shares))
    return to_each - within, (_OF_DISTANCES + (len(shares) + 2) * 2.0**-52) * (to_each + within)


def _dot(values: Floats, shares: Floats) -> Floats:
    """Return sums of products along the last axis, from left to right: one order of addition on every machine."""
    return np.cumsum(values * shares, axis=-1)[..., -1]


def _weighted_median(distances: Floats, weights: Floats) -> float:
    """Return the least distance within which half of the weight lies."""
    order = np.argsort(distances, kind="stable")
    half = int(np.searchsorted(np.cumsum(weights[order]), 0.5))
    return float(distances[order[min(half, len(order) - 1)]])
