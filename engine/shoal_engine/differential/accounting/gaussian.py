"""Gaussian noise, continuous and discrete: delta for an epsilon, and the least noise for both.

Gaussian noise, analytically: delta for an epsilon, and the least sigma for both (Balle, Wang 2018).

The least discrete Gaussian noise for an epsilon and a delta, on many numbers at once: analytic, and proven.

The analytic Gaussian mechanism (Balle, Wang 2018, theorem 8) is about the continuous distribution; what is drawn is the
discrete one. Theorem: let every changed coordinate i, by an integer v_i, have discrete Gaussian noise of parameter
``sigma_i**2 = tau_i**2 + s**2``. With q = exp(-2 pi**2 s**2), theta = 2 q / (1 - q), n changed coordinates and
``mu**2 = sum_i v_i**2 / tau_i**2``,

    delta(epsilon) <= (1 + theta)**n * delta_continuous(epsilon - n log((1 + theta) / (1 - theta)); mu).

Proof. Round a real x to the integer z with probability exp(-(z - x)**2 / (2 s**2)) / N(x), N(x) being the sum over z.
By Poisson's summation N(x) = s sqrt(2 pi) (1 + 2 sum_{j >= 1} q**(j**2) cos(2 pi j x)), within a share of theta of
s sqrt(2 pi). Rounding x = v + tau g, with g of the standard normal distribution, meets z with probability p~(z) =
integral of phi_tau(x - v) exp(-(z - x)**2 / (2 s**2)) / N(x), so between phi_sigma(z - v) / (1 + theta) and
phi_sigma(z - v) / (1 - theta), phi_sigma being the normal density: the product of two Gaussians integrates to one of
the summed variance. The discrete Gaussian of parameter sigma**2 around the integer v has probability
phi_sigma(z - v) / (1 + t) with the same t from 0 to theta for every integer v. So each coordinate's probability is at
most (1 + theta) / (1 + t) and at least (1 - theta) / (1 + t) times p~, for both tables; coordinates that do not change
drop out. Rounding is postprocessing of the continuous mechanism, whose delta is therefore an upper bound for p~:
sum max(0, P - exp(epsilon) Q) <= (1 + theta)**n sum max(0, P~ - exp(epsilon) ((1 - theta) / (1 + theta))**n Q~).

The price is s**2, about half a step squared. Where that is felt and numbers move one way or the other but all by at
most their sensitivity, a smaller addition is tried and proven by the privacy losses of the discrete distribution
themselves: its probabilities are log-concave, so the best event is a half line, whose advantage grows with the shift;
so every coordinate's pair is dominated by that of the largest shift, and products of dominated pairs by products of the
dominating ones (Zhu, Dong, Wang 2022, theorem 10).
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np

from shoal_engine.differential import events
from shoal_engine.differential.accounting import loss_compositions
from shoal_engine.errors import NumberError

_SLACK: Final = 1e-11
"""Relative, towards more noise: far above what rounding adds here."""
_NARROW: Final = 50
"""Variance up to which a smaller addition than the theorem's is worth a composition of losses."""
_ADDITIONS: Final = (Fraction(1, 12), Fraction(1, 4))
_SHARE_LOST: Final = 1e-4
"""Of epsilon and of delta, at most, that the theorem's theta may take."""
_UPWARDS: Final = 1e-9
"""Relative, of epsilon and delta towards more privacy: far above what rounding adds here."""
_LEAST, _LARGEST = 1e-280, 1e5
_BITS: Final = 40


def delta_for(sigma: float, epsilon: float) -> float:
    """Return the least delta of Gaussian noise with sensitivity 1 (theorem 8): of an epsilon of any sign.

    Phi(1 / (2 sigma) - epsilon sigma) - exp(epsilon) Phi(-1 / (2 sigma) - epsilon sigma).
    """
    from scipy.special import log_ndtr

    first = float(log_ndtr(0.5 / sigma - epsilon * sigma))
    second = epsilon + float(log_ndtr(-0.5 / sigma - epsilon * sigma))
    return math.exp(first) * -math.expm1(second - first)


def epsilon_for(sigma: float, delta: float) -> float:
    """Return the least epsilon of Gaussian noise with sensitivity 1, at least 0."""
    _check(sigma > 0 and 0 < delta < 1)
    if delta_for(sigma, 0.0) <= delta:
        return 0.0
    # rho + 2 sqrt(rho log(1 / delta)) with rho = 1 / (2 sigma**2) is an epsilon that is high enough.
    rho = 0.5 / sigma**2
    high = rho + 2 * math.sqrt(rho * -math.log(delta)) + 1

    def beyond(epsilon: float) -> float:
        return delta_for(sigma, epsilon) - delta

    return _root(beyond, 0.0, high) * (1 + _SLACK)


def sigma_for(epsilon: Fraction, delta: Fraction) -> Fraction:
    """Return nearly the least sigma, never one below it, that makes sensitivity 1 (epsilon, delta)-private.

    Raises
    ------
    NumberError
        Epsilon is not above 0, or delta not between 0 and 1.
    """
    _check(epsilon > 0 and 0 < delta < 1)
    e, d = float(epsilon), float(delta)
    low = high = 1.0
    while delta_for(high, e) > d:
        high *= 2
    while delta_for(low, e) <= d:
        low /= 2

    def beyond(sigma: float) -> float:
        return delta_for(sigma, e) - d

    return Fraction(_root(beyond, low, high) * (1 + _SLACK))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function changes sign, to the last digits."""
    from scipy.optimize import brentq

    found: Any = brentq(function, low, high, xtol=1e-300, rtol=np.float64(1e-14))
    return float(found)


def _check(fine: bool) -> None:  # noqa: FBT001
    if not fine:
        msg = "Gaussian noise needs an epsilon and a sigma above 0, and a delta between 0 and 1"
        raise NumberError(msg)


@dataclass(frozen=True, slots=True)
class Moved:
    """Numbers that get noise of one variance.

    Attributes
    ----------
    sensitivity : int
        The most that a change of the data moves each.
    groups : int
        Their squared changes add up to at most ``sensitivity**2 * groups``.
    coordinates : int
        The most of them that change at all.
    share : Fraction
        Part of the squared norm of the whole change, scaled by its noise; the shares of a query add up to 1.
    """

    sensitivity: int
    groups: int
    coordinates: int
    share: Fraction


@functools.lru_cache(maxsize=256)
def variances(epsilon: Fraction, delta: Fraction, moved: tuple[Moved, ...]) -> tuple[Fraction, ...] | None:
    """Return the parameter sigma**2 of each noise, so that all of it together is (epsilon, delta)-private.

    None if floating-point numbers cannot decide.

    Examples
    --------
    >>> (found,) = variances(Fraction(1), Fraction(1, 10**6), (Moved(1, 1, 1, Fraction(1)),))
    >>> round(float(found), 2)  # 17.85 for the continuous distribution, 20.53 by zero-concentrated privacy
    17.93
    """
    if not (delta > _LEAST and _LEAST < epsilon < _LARGEST):
        return None
    n = sum(one.coordinates for one in moved)
    found = _by_theorem(epsilon, delta, n)
    if found is None:
        return None
    tau_squared, added = found
    proven = tuple(_up(_scaled(one, tau_squared) + added) for one in moved)
    is_narrow = [one < _NARROW for one in proven]
    if not any(is_narrow) or any(one.coordinates > one.groups for one in moved):
        return proven
    return _refined(epsilon, delta, moved, is_narrow) or proven


def _by_theorem(epsilon: Fraction, delta: Fraction, n: int) -> tuple[Fraction, Fraction] | None:
    """Return tau**2 for a change of length 1, and s**2."""
    added, lost = _smoothing(epsilon, n)
    left = Fraction(float(epsilon) * (1 - _UPWARDS) - lost)
    probability = Fraction(float(delta) * math.exp(-lost) * (1 - _UPWARDS))
    return (sigma_for(left, probability) ** 2, added) if left > 0 else None


def _smoothing(epsilon: Fraction, n: int) -> tuple[Fraction, float]:
    """Return s**2, and what n coordinates lose of epsilon by it, which is above what they add to log(delta)."""
    allowed, sixteenths = _SHARE_LOST * min(1.0, float(epsilon)), 8
    while True:
        q = math.exp(-2 * math.pi**2 * sixteenths / 16) * (1 + _UPWARDS)
        theta = 2 * q / (1 - q)
        lost = n * (math.log1p(theta) - math.log1p(-theta)) * (1 + _UPWARDS)
        if lost <= allowed:
            return Fraction(sixteenths, 16), lost
        sixteenths += 1


def _refined(
    epsilon: Fraction, delta: Fraction, moved: Sequence[Moved], is_narrow: Sequence[bool]
) -> tuple[Fraction, ...] | None:
    """Return variances: the narrow ones by the losses of the discrete distribution, the wide ones by the theorem."""
    wide = [one for one, narrow in zip(moved, is_narrow, strict=True) if not narrow]
    added, lost = _smoothing(epsilon, sum(one.coordinates for one in wide)) if wide else (Fraction(0), 0.0)
    e, d = float(epsilon) * (1 - _UPWARDS) - lost, float(delta) * math.exp(-lost) * (1 - _UPWARDS)
    tau_squared = sigma_for(Fraction(e), Fraction(d)) ** 2
    for addition in _ADDITIONS:
        found = tuple(
            _up(_scaled(one, tau_squared) + (addition if narrow else added))
            for one, narrow in zip(moved, is_narrow, strict=True)
        )
        parts: list[events.Event] = [
            events.Repeated(events.DiscreteGaussian(variance, Fraction(one.sensitivity)), one.groups)
            for one, variance, narrow in zip(moved, found, is_narrow, strict=True)
            if narrow
        ]
        if wide:
            # Together the continuous noises of the wide ones are one, of the length of their changes.
            length = sum((one.share for one in wide), Fraction(0)) / tau_squared
            parts.append(events.Gaussian(1 / Fraction(math.sqrt(length) * (1 + _UPWARDS)), Fraction(1)))
        reached = loss_compositions.delta_of(events.Composed(tuple(parts)), e)
        if reached is not None and reached <= d:
            return found
    return None


def _scaled(one: Moved, tau_squared: Fraction) -> Fraction:
    return one.sensitivity**2 * one.groups * tau_squared / one.share


def _up(value: Fraction) -> Fraction:
    """Return a number at least as large, and larger by a share of 2**-40 at most, written shortly."""
    bits = _BITS + max(0, value.denominator.bit_length() - value.numerator.bit_length())
    return Fraction(-((-value.numerator << bits) // value.denominator), 1 << bits)
