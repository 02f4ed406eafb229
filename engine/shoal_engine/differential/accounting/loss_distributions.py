"""Privacy loss distributions on a grid, never more private than the mechanism: the cost of one event, exactly enough.

The loss of an outcome is the logarithm of its probability on one table over that on the neighboring one. Each outcome's
probabilities on both tables are moved to the two points of the grid around its loss, so that both sums stay what they
are ("connect the dots": Doroshenko, Ghazi, Kamath, Kumar, Manurangsi 2022, algorithm 1): the hockey-stick curve becomes
a chain of chords, and lies nowhere below the true one.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from shoal_engine.differential import events
from shoal_engine.differential.accounting.basic import pure_cost

Floats = npt.NDArray[np.float64]

TAIL: Final = 1e-22
"""Chance of outcomes beyond the grid of one event; they count as lost."""
MOST_ATOMS: Final = 1 << 20
"""Outcomes that are told apart; where there are more, neighbors count as the worst of them."""
_FINE: Final = 1 << 16
_LARGEST_SAMPLED: Final = 128.0
"""Of losses before sampling: exponentials of larger ones leave float64, and no protection is left to be reckoned."""
_LARGEST: Final = 1e5
"""Of losses of one event: beyond, nothing protects anybody, and cells would be too wide to tell anything."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of one event between a pair of neighbors, as atoms and as a density.

    Attributes
    ----------
    loss, probability : (n,) float64
        Atoms: losses, and their probabilities on the first table.
    density : callable, optional
        Density of the loss on the first table, between `low` and `high`.
    low, high : float
        All losses lie between them but those of `lost`.
    lost : float
        Probability on the first table of losses off the grid.
    """

    loss: Floats
    probability: Floats
    density: Callable[[Floats], Floats] | None
    low: float
    high: float
    lost: float

    def on_grid(self, step: float) -> "Gridded":
        """Return the losses on multiples of a step."""
        first = math.floor(self.low / step)
        n = math.ceil(self.high / step) - first + 2
        probability = np.zeros(n)
        place = np.floor(self.loss / step).astype(np.int64)
        _split(probability, place - first, self.probability, self.loss - place * step, step)
        if self.density is not None:
            edge = (first + np.arange(n - 1)) * step
            inside = np.clip(np.stack([edge, edge + step]), self.low, self.high)
            half, middle = (inside[1] - inside[0]) / 2, (inside[1] + inside[0]) / 2
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                at = middle + half * node
                _split(probability, np.arange(n - 1), weight * half * self.density(at), at - edge, step)
        held = np.flatnonzero(probability)
        return Gridded(step, first + int(held[0]), probability[held[0] : held[-1] + 1], self.lost)


@dataclass(frozen=True, eq=False)
class Gridded:
    """Probabilities of losses ``(first + i) * step``, and of losses off the grid."""

    step: float
    first: int
    probability: Floats
    lost: float

    @functools.cached_property
    def loss(self) -> Floats:
        """Return the losses."""
        return np.asarray((self.first + np.arange(self.probability.size)) * self.step, np.float64)

    def coarser(self, times: int) -> "Gridded":
        """Return the probabilities on a grid whose step is `times` as long: chords of chords, which lie no lower."""
        place = (self.first + np.arange(self.probability.size)) // times
        probability, step = np.zeros(int(place[-1] - place[0]) + 2), self.step * times
        _split(probability, place - place[0], self.probability, self.loss - place * step, step)
        return Gridded(step, int(place[0]), probability, self.lost)


def _split(probability: Floats, place: npt.NDArray[np.int64], mass: Floats, above: Floats, step: float) -> None:
    """Move mass that lies some way above a point of the grid to it and the next, keeping both tables' sums."""
    # A loss on the grid may be rounded to just beside its point: no probability is negative for that.
    up = mass * np.clip(np.expm1(-above) / math.expm1(-step), 0.0, 1.0)
    np.add.at(probability, place, mass - up)
    np.add.at(probability, place + 1, up)


def losses_of(event: events.Event, *, adding: bool = False) -> Losses | None:
    """Return the losses of an event, or None where nothing but its parameters is known.

    Parameters
    ----------
    event : events.Event
    adding : bool
        For the pair of tables with and without a unit: whether the unit is added rather than removed; only for
        sampled events does it matter.
    """
    size = _size(event)
    if size is not None and size > _LARGEST:
        return None
    if size == 0:
        return _randomized_response(0.0, float(getattr(event, "delta", 0)))
    match event:
        case events.Laplace(scale=scale, sensitivity=s):
            return _laplace(float(s / scale))
        case events.DiscreteLaplace(scale=scale, sensitivity=s):
            return _discrete_laplace(float(1 / scale), int(s))
        case events.Gaussian(sigma=sigma, sensitivity=s):
            return _gaussian(float(s / sigma))
        case events.DiscreteGaussian(sigma_squared=sigma_squared, sensitivity=s):
            return _discrete_gaussian(float(sigma_squared), int(s))
        case events.PureDP(epsilon=epsilon) | events.BoundedRange(epsilon=epsilon):
            return _randomized_response(float(epsilon), 0.0)
        case events.ApproximateDP(epsilon=epsilon, delta=delta):
            return _randomized_response(float(epsilon), float(delta))
        case events.PoissonSampled(rate=rate, event=one):
            inner = losses_of(one)
            if inner is None or max(inner.high, -inner.low) > _LARGEST_SAMPLED:
                return None
            # A sample of everybody is everybody, and what tells nothing tells nothing of a sample.
            alike = float(rate) == 1.0 or inner.high <= inner.low
            return inner if alike else _sampled(inner, float(rate), adding=adding)
        case events.FixedSizeSampled():
            # Of such samples no more is reckoned than what their epsilon and delta say.
            pure = pure_cost(event)
            return None if pure is None else _randomized_response(float(pure[0]), float(pure[1]))
        case _:
            return None


def _size(event: events.Event) -> float | None:
    """Return about how large losses of one event get; 0 without losses, None for events on samples."""
    match event:
        case events.Laplace(scale=scale, sensitivity=s) | events.DiscreteLaplace(scale=scale, sensitivity=s):
            return float(s / scale)
        case events.Gaussian(sigma=sigma, sensitivity=s):
            return float((s / sigma) ** 2)
        case events.DiscreteGaussian(sigma_squared=sigma_squared, sensitivity=s):
            return float(s * s / sigma_squared)
        case events.PureDP(epsilon=epsilon) | events.BoundedRange(epsilon=epsilon):
            return float(epsilon)
        case events.ApproximateDP(epsilon=epsilon):
            return float(epsilon)
        case _:
            return None


def _laplace(r: float) -> Losses:
    """Return the losses of Laplace noise moved by r scales: from -r to r, with atoms at both ends."""
    ends = np.array([-r, r])
    return Losses(ends, np.array([math.exp(-r) / 2, 0.5]), lambda loss: np.exp((loss - r) / 2) / 4, -r, r, 0.0)


def _gaussian(mu: float) -> Losses:
    """Return the losses of Gaussian noise moved by mu sigmas: they are Gaussian (Balle, Wang 2018, lemma 3)."""
    from scipy.special import log_ndtr, ndtri_exp

    reach = -float(ndtri_exp(math.log(TAIL / 2)))

    def density(loss: Floats) -> Floats:
        return np.exp(-(((loss - mu * mu / 2) / mu) ** 2) / 2) / (mu * math.sqrt(2 * math.pi))

    lost = 2 * math.exp(float(log_ndtr(-reach)))
    nothing = np.empty(0)
    return Losses(nothing, nothing, density, mu * mu / 2 - reach * mu, mu * mu / 2 + reach * mu, lost)


def _discrete_laplace(a: float, s: int) -> Losses:
    """Return the losses of integer noise, in proportion to exp(-a abs(z)), moved by s: a (s - 2 z), z from 0 to s."""
    group = -(-s // MOST_ATOMS)
    z = np.arange(0, s + 1, group, dtype=np.float64)
    q = math.exp(-a)
    # Of z and the next of its group; z = 0 stands for all below it, z = s for all above.
    members = np.minimum(group, s - z)
    probability = np.exp(-a * z) * (-np.expm1(-a * members) / (1 + q))
    probability[0] += q / (1 + q)
    probability[-1] = math.exp(-a * s) / (1 + q) if z[-1] == s else probability[-1]
    loss = a * (s - 2 * z)
    if z[-1] != s:
        loss, probability = np.append(loss, -a * s), np.append(probability, math.exp(-a * s) / (1 + q))
    return Losses(loss, probability, None, -a * s, a * s, 0.0)


def _discrete_gaussian(sigma_squared: float, s: int) -> Losses:
    """Return the losses of integer Gaussian noise moved by s: (s**2 - 2 s z) / (2 sigma**2) (Canonne et al. 2020)."""
    sigma = math.sqrt(sigma_squared)
    reach = math.ceil(10.2 * sigma) + 2
    group = -(-2 * reach // MOST_ATOMS)
    z = np.arange(-reach, reach + 1, group, dtype=np.float64)
    if group == 1:
        probability = np.exp(-(z**2) / (2 * sigma_squared))
        probability /= probability.sum()
    else:
        # Each stands for itself and those behind it, whose losses are lower. Their sum is the integral around them to
        # a share of 1 / sigma**2, which is below 1e-9 here; that is added.
        at = z + (group - 1) / 2 + group / 2 * _NODES[:, None]
        probability = (_WEIGHTS[:, None] * np.exp(-(at**2) / (2 * sigma_squared))).sum(axis=0) * group / 2
        probability *= (1 + 1 / sigma_squared) / (sigma * math.sqrt(2 * math.pi))
    loss = (s * s - 2 * s * z) / (2 * sigma_squared)
    return Losses(loss, probability, None, float(loss.min()), float(loss.max()), TAIL)


def _randomized_response(epsilon: float, delta: float) -> Losses:
    """Return the worst losses of all that is (epsilon, delta)-private (Kairouz, Oh, Viswanath 2015, theorem 3.1)."""
    loss = np.array([-epsilon, epsilon])
    probability = (1 - delta) / (1 + np.exp(np.minimum(-loss, 700.0)))
    return Losses(loss, probability, None, -epsilon, epsilon, delta)


def _sampled(inner: Losses, rate: float, *, adding: bool) -> Losses:
    """Return the losses of an event on a Poisson sample: each unit takes part with probability `rate`.

    Removing: the mixture of both tables' outcomes against the one without the unit; adding: the reverse (Zhu, Dong,
    Wang 2022, section 4; Koskela, Jalko, Honkela 2020).
    """
    # A finer grid first: chords of the inner curve are chords of the sampled one, since both tables' sums stay.
    fine = inner.on_grid((inner.high - inner.low) / _FINE)
    loss, probability = fine.loss, fine.probability
    if adding:
        # The losses of the pair reversed are those of the pair, the mechanism being symmetric.
        moved = -np.log1p(rate * np.expm1(-loss))
    else:
        moved, without = np.log1p(rate * np.expm1(loss)), probability * np.exp(-loss)
        # Below the grid are outcomes without a probability with the unit, but with one without it: where there is
        # little noise, nearly all of them. Their losses are less than the least that is told apart, and count as that.
        without[0] += max(0.0, 1.0 - float(without.sum()))
        probability = rate * probability + (1 - rate) * without
    return Losses(moved, probability, None, float(moved.min()), float(moved.max()), inner.lost)
