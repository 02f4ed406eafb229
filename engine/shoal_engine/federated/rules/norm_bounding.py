"""Norm bounding (Sun, Kairouz, Suresh, McMahan 2019): no update is longer than a limit, or it does not count."""

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from shoal_engine.errors import UpdateError
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.rules.centered_clipping import clip_factors
from shoal_engine.federated.sums.buffered_updates import AcceptedUpdates, BufferedAggregator
from shoal_engine.federated.sums.distances import Floats, combined, measured_from
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult
from shoal_engine.observing import observe_all


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
