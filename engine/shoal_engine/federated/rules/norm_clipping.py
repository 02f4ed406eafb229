"""Rules that bound the norm of updates: centered clipping and norm bounding.

Norm bounding (Sun, Kairouz, Suresh, McMahan 2019): no update is longer than a limit, or it does not count.

Centered clipping (Karimireddy, He, Jaggi 2021): from a center, no update moves the result by more than a radius.
"""

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from shoal_engine.errors import UpdateError
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.sums.buffered_updates import AcceptedUpdates, BufferedAggregator
from shoal_engine.federated.sums.distances import Floats, combined, measured_from
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult
from shoal_engine.observing import observe_all


@dataclass(slots=True)
class CenteredClipping(BufferedAggregator):
    """The center plus the mean of the updates' differences from it, each shortened to a radius.

    Iterated, the result of one is the center of the next. In the report, norms are distances from the first center,
    distances those to the result, and clipped is who was beyond the radius in the last iteration. Each update counts
    once, whatever weight it claims.

    Parameters
    ----------
    checks : UpdateChecks
    radius : float
        Each of n updates moves the result by at most radius / n in each iteration.
    center : Model, optional
        Start of the first iteration. Default: ``checks.like``, or else the origin.
        Not compared: aggregators of one round may each hold a copy of it.
    iterations : int
    n_threads : int
        They change no bit of the result.

    References
    ----------
    Karimireddy, He, Jaggi (2021), Learning from history for Byzantine robust optimization, ICML, section 4, centered
    clipping; there the center is the last aggregate, and one iteration is enough.

    Examples
    --------
    >>> from shoal_engine.federated.updates.update import Update
    >>> clipping = CenteredClipping(radius=5.0)
    >>> for node, x, y in (("a", 3.0, 4.0), ("b", 3e9, 4e9)):
    ...     clipping.observe(Update.of_arrays({"w": np.array([x, y])}, node=node))
    >>> clipping.release().model.arrays()["w"]
    array([3., 4.])
    """

    radius: float = field(kw_only=True)
    center: Model | None = field(default=None, kw_only=True, compare=False)
    iterations: int = field(default=1, kw_only=True)
    n_threads: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.radius < math.inf or self.iterations < 1:
            msg = "radius is above 0 and finite, and iterations at least 1"
            raise UpdateError(msg)

    def release(self) -> RoundResult:
        """Return the last center.

        Raises
        ------
        TooFewUpdates
        UpdateError
            The center is not finite, or not of the updates' layout.
        """
        center = self.center or self.checks.like
        accepted = measured_from(self.accepted(), center, n_threads=self.n_threads)
        accepted.require_enough(self.checks)
        n = len(accepted.updates)
        models = [update.model for update in accepted.updates] + ([center] if center is not None else [])
        # Each center is a combination of the updates and the first center; that of the origin is not written down.
        shares = np.zeros(len(models))
        shares[n:] = 1.0
        distances = np.array([record.norm for record in accepted.records])
        factors, model = np.ones(n), models[0]
        for _ in range(self.iterations):
            factors = clip_factors(distances, self.radius)
            shares *= 1.0 - math.fsum(factors) / n
            shares[:n] += factors / n
            model, squares = combined(models, shares, n_threads=self.n_threads)
            distances = np.sqrt(squares[:n])
        records = [
            replace(record, clipped=bool(factor < 1), distance=float(distance))
            for record, factor, distance in zip(accepted.records, factors, distances, strict=True)
        ]
        return RoundResult(model, (*records, *accepted.rejected))


def clip_factors(norms: Floats, limit: float) -> Floats:
    """Return the factors that bring norms down to a limit; 1 for those at or below it."""
    return np.where(norms > limit, limit / np.maximum(norms, limit), 1.0)


@dataclass(slots=True)
class NormBound(BufferedAggregator):
    """The weighted mean of updates whose norms are bounded.

    Norms are those of the changes from ``checks.like``, the round's model, if it is given; else of the
    updates. They are the report's norms.

    Parameters
    ----------
    checks : UpdateChecks
    limit : float
        Bound on the Euclidean norm.
    action : "clip" | "drop" | "zero"
        What becomes of longer ones: they are shortened to the limit; or they do not count; or they count as no change,
        so that one who is far takes the effect of the others down and not their number.
    n_threads : int
        They change no bit of the result.

    References
    ----------
    Sun, Kairouz, Suresh, McMahan (2019), Can you really backdoor federated learning?, arXiv:1911.07963, section 4, norm
    thresholding of updates: it shortens.

    Examples
    --------
    >>> from shoal_engine.federated.updates.update import Update
    >>> for action in ("clip", "drop", "zero"):
    ...     bound = NormBound(limit=5.0, action=action)
    ...     for node, x, y in (("a", 0.0, 0.0), ("b", 30.0, 40.0)):
    ...         bound.observe(Update.of_arrays({"w": np.array([x, y])}, node=node))
    ...     print(action, bound.release().model.arrays()["w"])
    clip [1.5 2. ]
    drop [0. 0.]
    zero [0. 0.]
    """

    limit: float = field(kw_only=True)
    action: Literal["clip", "drop", "zero"] = field(default="clip", kw_only=True)
    n_threads: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.limit < math.inf or self.action not in ("clip", "drop", "zero"):
            msg = 'limit is above 0 and finite, and action is "clip", "drop" or "zero"'
            raise UpdateError(msg)

    def release(self) -> RoundResult:
        """Return the mean.

        Raises
        ------
        TooFewUpdates
            With "drop" and "zero", updates that are too long are no good ones.
        UpdateError
            The round's model is not finite.
        """
        center = self.checks.like
        accepted = measured_from(self.accepted(), center, n_threads=self.n_threads)
        weights = [record.weight for record in accepted.records]
        factors = clip_factors(np.array([record.norm for record in accepted.records]), self.limit)
        long = {place: record for place, record in enumerate(accepted.records) if factors[place] < 1}
        if self.action == "clip":
            records = tuple(replace(record, clipped=place in long) for place, record in enumerate(accepted.records))
            accepted = replace(accepted, records=records)
        else:
            accepted = accepted.without({place: record.reject("norm too large") for place, record in long.items()})
            weights = weights if self.action == "zero" else [record.weight for record in accepted.records]
            factors = np.ones(len(accepted.updates))
        accepted.require_enough(self.checks)
        if not long or self.action == "drop":
            model = self._mean(accepted)
        else:
            total = float(sum(map(Fraction, weights)))
            parts = factors * np.array([record.weight for record in accepted.records]) / total
            model = self._from_center(accepted, center, parts)
        return RoundResult(model, accepted.reported)

    def _mean(self, accepted: AcceptedUpdates) -> Model:
        """Return the mean of updates as they are, exact in any order."""
        return observe_all(WeightedMean(n_threads=self.n_threads), accepted.updates).release().model

    def _from_center(self, accepted: AcceptedUpdates, center: Model | None, parts: Floats) -> Model:
        """Return the center, or the origin, plus the changes from it times parts."""
        models = [update.model for update in accepted.updates]
        if center is not None:
            models.append(center)
            parts = np.append(parts, 1.0 - math.fsum(parts))
        return combined(models, parts, n_threads=self.n_threads)[0]
