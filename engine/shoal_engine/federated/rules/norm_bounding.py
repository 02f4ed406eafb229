"""Norm bounding (Sun, Kairouz, Suresh, McMahan 2019): no update is longer than a limit, or it does not count."""

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from shoal_engine.errors import UpdateError
from shoal_engine.federated.rules.averaging import Mean
from shoal_engine.federated.rules.centered_clipping import shortening
from shoal_engine.federated.sums.buffered_updates import Admitted, Holding
from shoal_engine.federated.sums.distances import Floats, combined, measured_from
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import Aggregate


@dataclass(slots=True)
class NormBound(Holding):
    """The weighted mean of updates whose lengths are bounded.

    Lengths are those of the changes from ``admission.like``, the round's model, where it is given; else of what is
    sent. They are the report's norms.

    Parameters
    ----------
    admission : Admission
    limit : float
        On the Euclidean length.
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

    def release(self) -> Aggregate:
        """Return the mean.

        Raises
        ------
        TooFewUpdates
            With "drop" and "zero", updates that are too long are no good ones.
        UpdateError
            The round's model is not finite.
        """
        center = self.admission.like
        admitted = measured_from(self.admitted(), center, n_threads=self.n_threads)
        weights = [line.weight for line in admitted.lines]
        factors = shortening(np.array([line.norm for line in admitted.lines]), self.limit)
        long = {place: line for place, line in enumerate(admitted.lines) if factors[place] < 1}
        if self.action == "clip":
            lines = tuple(replace(line, clipped=place in long) for place, line in enumerate(admitted.lines))
            admitted = replace(admitted, lines=lines)
        else:
            admitted = admitted.without({place: line.out("norm too large") for place, line in long.items()})
            weights = weights if self.action == "zero" else [line.weight for line in admitted.lines]
            factors = np.ones(len(admitted.updates))
        admitted.enough(self.admission)
        if not long or self.action == "drop":
            model = self._mean(admitted)
        else:
            total = float(sum(map(Fraction, weights)))
            parts = factors * np.array([line.weight for line in admitted.lines]) / total
            model = self._from_center(admitted, center, parts)
        return Aggregate(model, admitted.told)

    def _mean(self, admitted: Admitted) -> Model:
        """Return the mean of updates as they are, exact in any order."""
        mean = Mean(n_threads=self.n_threads)
        for update in admitted.updates:
            mean.observe(update)
        return mean.release().model

    def _from_center(self, admitted: Admitted, center: Model | None, parts: Floats) -> Model:
        """Return the center, or the origin, plus the changes from it times parts."""
        models = [update.model for update in admitted.updates]
        if center is not None:
            models.append(center)
            parts = np.append(parts, 1.0 - math.fsum(parts))
        return combined(models, parts, n_threads=self.n_threads)[0]
