"""Krum and Multi-Krum (Blanchard, El Mhamdi, Guerraoui, Stainer 2017): updates that have many others near them.

Bulyan (El Mhamdi, Guerraoui, Rouault 2018): Krum picks updates one by one, then values near the median count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import UpdateError
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.sums.buffered_updates import AcceptedUpdates, BufferedAggregator
from shoal_engine.federated.sums.distances import Floats, Part, accepted_distances, in_parts
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult
from shoal_engine.federated.updates.tensors import narrowed
from shoal_engine.federated.updates.update import Update
from shoal_engine.observing import observe_all
from shoal_engine.tables.buffers import aligned_empty


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


@dataclass(slots=True)
class Bulyan(BufferedAggregator):
    """For each value, the mean of the n - 4 f selected ones that are closest to the median of the selected.

    Selected are n - 2 f updates: Krum's choice, then Krum's choice of the rest, and so on. The report's distances are
    Krum's scores among all. Claimed weights play no part.

    Parameters
    ----------
    checks : UpdateChecks
    f : int
        Updates that may be hostile; at least 4 f + 3 are needed in all.
    n_threads : int
        They change no bit of the result.

    Notes
    -----
    Krum is run on the rest: the score of each of r updates is from its r - f - 2 closest others, at least one. So
    the number of neighbors shrinks with the set, as algorithm and proof have it.

    References
    ----------
    El Mhamdi, Guerraoui, Rouault (2018), The hidden vulnerability of distributed learning in Byzantium, ICML,
    section 4. Where a value above and one below the median are as close, the lower counts.

    Examples
    --------
    >>> from shoal_engine.federated.updates.update import Update
    >>> bulyan = Bulyan(f=1)
    >>> for node, value in zip("abcdefg", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1e9)):
    ...     bulyan.observe(Update.of_arrays({"w": np.array([value])}, node=node))
    >>> bulyan.release().model.arrays()["w"]
    array([3.])
    """

    f: int = field(kw_only=True)
    n_threads: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        at_least_zero(self.f)

    def release(self) -> RoundResult:
        """Return the values near the medians of the selected updates.

        Raises
        ------
        TooFewUpdates
            Fewer than 4 f + 3 updates are good.
        """
        accepted, distances = accepted_distances(self, 4 * self.f + 3, f" by Bulyan with f={self.f}", self.n_threads)
        places = selection(distances, self.f)
        accepted = chosen(accepted, places, krum_scores(distances, self.f))
        models = [update.model for update in accepted.updates]
        found = mean_around_median(models, len(models) - 2 * self.f, n_threads=self.n_threads)
        return RoundResult(found, accepted.reported)


def selection(distances: Floats, f: int) -> list[int]:
    """Return the places of the n - 2 f updates that Krum chooses one after the other, in that order.

    Parameters
    ----------
    distances : (n, n) float64
        Squared.
    f : int
    """
    left = list(range(len(distances)))
    return [
        left.pop(int(np.argmin(krum_scores(distances[np.ix_(left, left)], f)))) for _ in range(len(distances) - 2 * f)
    ]


def mean_around_median(models: Sequence[Model], n_kept: int, *, n_threads: int = 1) -> Model:
    """Return for each value the mean of the `n_kept` of all models that are closest to their median.

    Added up in float64 from the lowest, and rounded once to the dtypes of the layout.

    Parameters
    ----------
    models : sequence of Model
        Of one layout, all finite.
    n_kept : int
        1 to the number of models.
    """
    from shoal_kernels.aggregation.bulyan import MEAN_AROUND_MEDIAN, TILE, exchanges

    pairs = exchanges(len(models))

    def average(part: Part) -> Floats:
        rows: npt.NDArray[np.float64] = aligned_empty((len(models), TILE), part.dtype)
        means = aligned_empty(len(part.into), np.float64)
        MEAN_AROUND_MEDIAN[part.dtype](part.addresses, pairs, n_kept, rows, aligned_empty(TILE, np.int64), means)
        part.into[:] = narrowed(means, part.tensor.dtype)
        return means[:0]

    found, _ = in_parts(models, average, n_threads=n_threads)
    assert found is not None
    return found
