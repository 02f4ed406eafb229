"""Events by an epsilon and a delta each, added up."""

import math
from fractions import Fraction

from shoal_engine.differential import events
from shoal_engine.errors import NumberError

_SLACK = Fraction(1, 10**12)
"""Relative, towards more privacy: far above what rounding adds here."""
_LARGEST_EXPONENT = 700
"""Exponents up to it have an exponential in double precision."""


def pure_cost(event: events.Event) -> tuple[Fraction, Fraction] | None:
    """Return the sums of epsilons and deltas, None where an event has none."""
    match event:
        case events.DiscreteLaplace(scale=scale, sensitivity=s) | events.Laplace(scale=scale, sensitivity=s):
            return s / scale, Fraction(0)
        case events.PureDP(epsilon=epsilon) | events.BoundedRange(epsilon=epsilon):
            return epsilon, Fraction(0)
        case events.ApproximateDP(epsilon=epsilon, delta=delta):
            return epsilon, delta
        case events.PoissonSampled(rate=rate, event=one):
            return _amplified(pure_cost(one), rate)
        case events.FixedSizeSampled(size=size, population=population, event=one):
            return _amplified(pure_cost(one), Fraction(size, population))
        case events.Repeated(event=one, times=times):
            pure = pure_cost(one)
            return None if pure is None else (times * pure[0], times * pure[1])
        case events.Composed(events=several):
            found = [pure_cost(one) for one in several]
            known = [pure for pure in found if pure is not None]
            if len(known) < len(found):
                return None
            return sum((one[0] for one in known), Fraction(0)), sum((one[1] for one in known), Fraction(0))
        case _:
            return None


def _amplified(cost: tuple[Fraction, Fraction] | None, rate: Fraction) -> tuple[Fraction, Fraction] | None:
    """Return what an event costs on a sample: log(1 + rate * (exp(epsilon) - 1)), and delta at the rate.

    Balle, Barthe, Gaboardi 2018, theorem 8 for Poisson samples and units that come or go, theorem 9 for samples of
    fixed size and units exchanged.
    """
    if not 0 < rate <= 1:
        msg = "a sample takes a share of the units above 0 and at most 1"
        raise NumberError(msg)
    if cost is None:
        return None
    if cost[0] > _LARGEST_EXPONENT:
        # log(1 + r (e^x - 1)) = x + log(r + (1 - r) e^-x), and e^-x is at most that of the largest exponent.
        shift = Fraction(math.log(float(rate) + math.exp(-_LARGEST_EXPONENT))) + _SLACK
        return min(cost[0], cost[0] + shift), rate * cost[1]
    epsilon = math.log1p(float(rate) * math.expm1(float(cost[0])))
    return min(cost[0], Fraction(epsilon) * (1 + _SLACK)), rate * cost[1]
