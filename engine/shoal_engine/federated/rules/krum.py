"""Krum and Multi-Krum (Blanchard, El Mhamdi, Guerraoui, Stainer 2017): updates that have many others near them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import UpdateError
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.sums.buffered_updates import AcceptedUpdates, BufferedAggregator
from shoal_engine.federated.sums.distances import Floats, accepted_distances
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult
from shoal_engine.federated.updates.update import Update
from shoal_engine.observing import observe_all


@dataclass(slots=True)
class Krum(BufferedAggregator):
    """The update with the least sum of squared distances to the n - f - 2 others that are closest to it.

    The report's distances are these sums. Claimed weights play no part.

    Parameters
    ----------
    checks : UpdateChecks
    f : int
        Updates that may be hostile; at least 2 f + 3 are needed in all.
    n_threads : int
        They change no bit of the result.

    References
    ----------
    Blanchard, El Mhamdi, Guerraoui, Stainer (2017), Machine learning with adversaries: Byzantine tolerant gradient
    descent, NIPS, section 4. Among equal scores they take the smallest identifier; here it is the first node by name.

    Examples
    --------
    >>> krum = Krum(f=1)
    >>> for node, value in zip("abcde", (1.0, 1.1, 1.2, 1.4, 900.0)):
    ...     krum.observe(Update.of_arrays({"w": np.full(2, value)}, node=node))
    >>> krum.release().model.arrays()["w"]
    array([1.1, 1.1])
    """

    f: int = field(kw_only=True)
    n_threads: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        at_least_zero(self.f)

    def release(self) -> RoundResult:
        """Return the update that was chosen.

        Raises
        ------
        TooFewUpdates
            Fewer than 2 f + 3 updates are good.
        """
        accepted, distances = accepted_distances(self, 2 * self.f + 3, f" by Krum with f={self.f}", self.n_threads)
        scores = krum_scores(distances, self.f)
        accepted = chosen(accepted, [int(np.argmin(scores))], scores)
        return RoundResult(accepted.updates[0].model, accepted.reported)


@dataclass(slots=True)
class MultiKrum(BufferedAggregator):
    """The mean of the m updates that Krum scores best, each counted once, exact in any order.

    Parameters
    ----------
    checks : UpdateChecks
    f : int
        Updates that may be hostile; at least 2 f + 3 are needed in all.
    m : int, optional
        Number of updates that are averaged. Default: n - f - 2; at most n - f, or hostile ones would be among them for
        sure.
    n_threads : int
        They change no bit of the result.

    References
    ----------
    Blanchard, El Mhamdi, Guerraoui, Stainer (2017), as for `Krum`, section 5.

    Examples
    --------
    >>> rule = MultiKrum(f=1, m=2)
    >>> for node, value in zip("abcde", (1.0, 2.0, 2.0, 5.0, -700.0)):
    ...     rule.observe(Update.of_arrays({"w": np.array([value])}, node=node))
    >>> rule.release().model.arrays()["w"]
    array([2.])
    """

    f: int = field(kw_only=True)
    m: int | None = field(default=None, kw_only=True)
    n_threads: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        at_least_zero(self.f)
        if self.m is not None and self.m < 1:
            msg = "m is at least 1; leave it out for n - f - 2"
            raise UpdateError(msg)

    def release(self) -> RoundResult:
        """Return the mean of those that were chosen.

        Raises
        ------
        TooFewUpdates
            Fewer than 2 f + 3 updates are good, or fewer than m + f.
        """
        needed, why = max(2 * self.f + 3, (self.m or 0) + self.f), f" by Multi-Krum with f={self.f}, m={self.m}"
        accepted, distances = accepted_distances(self, needed, why, self.n_threads)
        scores = krum_scores(distances, self.f)
        m = self.m or len(scores) - self.f - 2
        accepted = chosen(accepted, np.argsort(scores, kind="stable")[:m], scores)
        return RoundResult(plain_mean(accepted.updates, self.n_threads), accepted.reported)


def krum_scores(distances: Floats, f: int) -> Floats:
    """Return for each update the sum of squared distances to the n - f - 2 closest others, at least one of them.

    Distances are added from the smallest up, so that equal sets of distances give equal scores.

    Parameters
    ----------
    distances : (n, n) float64
        Squared.
    f : int
    """
    n = len(distances)
    others = np.sort(distances[~np.eye(n, dtype=bool)].reshape(n, n - 1), axis=1)
    # `sum` would pair terms as suits their number; cumulated sums go from left to right.
    return np.cumsum(others[:, : max(1, n - f - 2)], axis=1)[:, -1] if n > 1 else np.zeros(n)


def chosen(accepted: AcceptedUpdates, places: Sequence[int] | npt.NDArray[np.int64], scores: Floats) -> AcceptedUpdates:
    """Return only some updates, by place; records show every score."""
    records = [replace(record, distance=float(score)) for record, score in zip(accepted.records, scores, strict=True)]
    kept = set(map(int, places))
    outs = {place: record.reject("left out by the rule") for place, record in enumerate(records) if place not in kept}
    return replace(accepted, records=tuple(records)).without(outs)


def plain_mean(updates: Sequence[Update], n_threads: int) -> Model:
    """Return the mean of updates, each counted once, exact in any order."""
    once = (replace(update, weight=1.0) for update in updates)
    return observe_all(WeightedMean(n_threads=n_threads), once).release().model


def at_least_zero(f: int) -> None:
    """Raise `UpdateError` if `f` is negative.

    Raises
    ------
    UpdateError
    """
    if f < 0:
        msg = "f, the number of updates that may be hostile, is at least 0"
        raise UpdateError(msg)
