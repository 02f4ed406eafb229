"""The least noise for a target: the scale at which events cost no more than was asked for."""

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from shoal_engine.differential.accounting.accountant import privacy_spent
from shoal_engine.differential.events import Event
from shoal_engine.differential.exact_numbers import check_delta, check_epsilon
from shoal_engine.errors import NumberError

PRECISION: Final = Fraction(1, 1000)
"""How far above the least scale an answer may be, relatively."""
LARGEST_TARGET: Final = 10_000
"""Epsilons above are refused: noise for them protects nobody, and is slow to reckon."""
_DOUBLINGS: Final = 200


def least_scale(event: Callable[[Fraction], Event], *, epsilon: Fraction, delta: Fraction) -> Fraction:
    """Return a scale of noise at which an event is (epsilon, delta)-private, at most 0.1 % above the least.

    Parameters
    ----------
    event : callable
        From a scale to the event; more noise must not cost more.
    epsilon, delta : Fraction
        Epsilon above 0, at most `LARGEST_TARGET`; delta at least 0, below 1.

    Raises
    ------
    NumberError
        Epsilon or delta is out of range, or no noise suffices: some part of the event costs more by itself.

    Examples
    --------
    >>> from shoal_engine.differential import events
    >>> def thousand(scale: Fraction) -> events.Event:
    ...     once = events.Gaussian(scale, Fraction(1))
    ...     return events.Repeated(events.PoissonSampled(Fraction(1, 100), once), 1000)
    >>> round(float(least_scale(thousand, epsilon=Fraction(1), delta=Fraction(1, 10**6))), 2)
    1.56
    """
    check_epsilon(epsilon)
    check_delta(delta)
    if epsilon > LARGEST_TARGET:
        msg = f"an epsilon above {LARGEST_TARGET} protects nobody, and no noise is computed for it; ask for less"
        raise NumberError(msg)

    def suffices(scale: Fraction) -> bool:
        return privacy_spent(event(scale), delta=delta).epsilon <= epsilon

    low = high = Fraction(1)
    for _ in range(_DOUBLINGS):
        if suffices(high):
            break
        low, high = high, high * 2
    else:
        msg = "no scale of noise meets this epsilon and delta: some part costs more by itself; raise them"
        raise NumberError(msg)
    while low == high or suffices(low):
        high, low = low, low / 2
        if low < Fraction(1, 1 << _DOUBLINGS):
            return high
    while high - low > PRECISION * low:
        middle = (low + high) / 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high
