"""Zero-concentrated differential privacy: events as rho, and rho as epsilon and delta (Bun, Steinke 2016).

An odometer: a bound on the privacy spent so far that holds at any time, while more is still to come.

A filter bounds what is spent when it stops, also where each event is chosen by what came before; asked at any time,
the answer has to hold for all times at once. Here filters of doubling rhos run in parallel, each with a share of
delta, and the first that is not reached yet is reported (filters: Whitehouse, Ramdas, Rogers, Wu 2023, theorem 1;
odometers from filters by a union bound: Rogers, Roth, Ullman, Vadhan 2016, section 6).
"""

import functools
import math
from fractions import Fraction
from typing import Final

from shoal_engine.differential import events
from shoal_engine.errors import NumberError

_SLACK: Final = 1e-12
"""Relative, towards more privacy: far above what rounding adds here."""
_STEPS: Final = 70
"""Of a golden section and of a bisection: enough for the last digits."""
LEAST_RHO = Fraction(1, 1 << 20)
"""Of the first filter."""


def rho_of(event: events.Event) -> Fraction:
    """Return a rho for which an event is rho-concentrated, up to the deltas that it holds; exact.

    Gaussian noise: s**2 / (2 sigma**2) (Canonne, Kamath, Steinke 2020, theorem 14). Anything epsilon-private:
    epsilon**2 / 2 (Bun, Steinke 2016, proposition 1.4). A loss of range epsilon: epsilon**2 / 8 (Cesar, Rogers 2021,
    lemma 3.4).
    """
    match event:
        case events.DiscreteGaussian(sigma_squared=sigma_squared, sensitivity=s):
            return s * s / (2 * sigma_squared)
        case events.Gaussian(sigma=sigma, sensitivity=s):
            return (s / sigma) ** 2 / 2
        case events.DiscreteLaplace(scale=scale, sensitivity=s) | events.Laplace(scale=scale, sensitivity=s):
            return (s / scale) ** 2 / 2
        case events.PureDP(epsilon=epsilon) | events.ApproximateDP(epsilon=epsilon):
            return epsilon * epsilon / 2
        case events.BoundedRange(epsilon=epsilon):
            return epsilon * epsilon / 8
        case events.Repeated(event=one, times=times):
            return rho_of(one) * times
        case events.Composed(events=several):
            return sum(map(rho_of, several), Fraction(0))
        case events.Parallel(events=several):
            return max(map(rho_of, several))
        case events.PoissonSampled(event=one) | events.FixedSizeSampled(event=one):
            # A sample amplifies; without it the cost is never less.
            return rho_of(one)


def delta_of(event: events.Event) -> Fraction:
    """Return the sum of the deltas that an event has in addition to its concentrated part; exact."""
    match event:
        case events.ApproximateDP(delta=delta):
            return delta
        case events.Repeated(event=one, times=times):
            return delta_of(one) * times
        case events.Composed(events=several):
            return sum(map(delta_of, several), Fraction(0))
        case events.Parallel(events=several):
            return max(map(delta_of, several))
        case events.PoissonSampled(event=one) | events.FixedSizeSampled(event=one):
            return delta_of(one)
        case _:
            return Fraction(0)


def epsilon_for(rho: Fraction, delta: Fraction) -> float:
    """Return an epsilon such that everything rho-concentrated is (epsilon, delta)-private.

    The least over the Renyi orders a of Canonne, Kamath, Steinke 2020, corollary 13:
    a rho + (log(1 / delta) - log a) / (a - 1) + log(1 - 1 / a); any order gives a bound, so the search need not be
    exact.
    """
    if rho <= 0 or not 0 < delta < 1:
        msg = "a conversion needs rho above 0 and delta between 0 and 1"
        raise NumberError(msg)
    r, log_delta = float(rho), math.log(delta.numerator) - math.log(delta.denominator)

    def bound(order: float) -> float:
        return order * r + (-log_delta - math.log(order)) / (order - 1) + math.log1p(-1 / order)

    # The bound is quasi-convex in the logarithm of the order less 1; a golden section finds the bottom.
    low, high, part = -20.0, 40.0, (math.sqrt(5) - 1) / 2
    for _ in range(_STEPS):
        left, right = high - part * (high - low), low + part * (high - low)
        if bound(1 + math.exp(left)) < bound(1 + math.exp(right)):
            high = right
        else:
            low = left
    return max(0.0, bound(1 + math.exp((low + high) / 2))) * (1 + _SLACK)


@functools.lru_cache(maxsize=256)
def rho_for(epsilon: Fraction, delta: Fraction) -> Fraction:
    """Return nearly the largest rho that is (epsilon, delta)-private, never one that is not."""
    if epsilon <= 0:
        msg = "a conversion needs epsilon above 0"
        raise NumberError(msg)
    # rho + 2 sqrt(rho log(1 / delta)) bounds the optimal conversion from above, and epsilon itself bounds rho.
    low, high = 0.0, float(epsilon)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if epsilon_for(Fraction(middle), delta) <= epsilon:
            low = middle
        else:
            high = middle
    if low <= 0:
        msg = "epsilon is too small for any concentrated privacy at this delta; raise epsilon or delta"
        raise NumberError(msg)
    return Fraction(low)


class Odometer:
    """Adds up events, and reports an epsilon that holds whenever it is asked for.

    Parameters
    ----------
    delta : Fraction
        Between 0 and 1, for all times together; what events bring of their own is added to it.

    Raises
    ------
    NumberError
        Delta is out of range.

    Examples
    --------
    >>> odometer = Odometer(Fraction(1, 10**6))
    >>> for _ in range(10):
    ...     odometer.spend(events.DiscreteGaussian(Fraction(100), Fraction(1)))
    >>> round(odometer.epsilon, 2), odometer.delta == Fraction(1, 10**6)
    (2.07, True)
    """

    def __init__(self, delta: Fraction) -> None:
        if not 0 < delta < 1:
            msg = "an odometer needs a delta between 0 and 1"
            raise NumberError(msg)
        self._delta = delta
        self._rho = self._brought = Fraction(0)

    def spend(self, event: events.Event) -> None:
        """Add an event, which may have been chosen by what came before."""
        self._rho += rho_of(event)
        self._brought += delta_of(event)

    @property
    def delta(self) -> Fraction:
        """Return the delta that the epsilon goes with."""
        return self._delta + self._brought

    @property
    def epsilon(self) -> float:
        """Return an epsilon for all that was spent; 0 before anything was."""
        if not self._rho:
            return 0.0
        number = max(0, math.ceil(math.log2(self._rho / LEAST_RHO)))
        while LEAST_RHO * 2**number < self._rho:
            number += 1
        # Shares of 6 / (pi (i + 1))**2, rounded down, add up to at most 1.
        share = self._delta * Fraction(6, 10) / (number + 1) ** 2
        return epsilon_for(LEAST_RHO * 2**number, share)
