"""Gaussian noise, analytically: delta for an epsilon, and the least sigma for both (Balle, Wang 2018)."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import numpy as np

from shoal_engine.errors import NumberError

_SLACK: Final = 1e-11
"""Relative, towards more noise: far above what rounding adds here."""


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
