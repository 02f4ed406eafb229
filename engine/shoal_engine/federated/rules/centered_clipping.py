"""Centered clipping (Karimireddy, He, Jaggi 2021): from a center, no update moves the result by more than a radius."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from shoal_engine.errors import UpdateError
from shoal_engine.federated.sums.buffered_updates import BufferedAggregator
from shoal_engine.federated.sums.distances import Floats, combined, measured_from
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult


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
