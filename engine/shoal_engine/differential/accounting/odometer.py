"""An odometer: a bound on the privacy spent so far that holds at any time, while more is still to come.

A filter bounds what is spent when it stops, also where each event is chosen by what came before; asked at any time,
the answer has to hold for all times at once. Here filters of doubling rhos run in parallel, each with a share of
delta, and the first that is not reached yet is reported (filters: Whitehouse, Ramdas, Rogers, Wu 2023, theorem 1;
odometers from filters by a union bound: Rogers, Roth, Ullman, Vadhan 2016, section 6).
"""

import math
from fractions import Fraction

from shoal_engine.differential import events
from shoal_engine.differential.accounting.concentrated import delta_of, epsilon_for, rho_of
from shoal_engine.errors import NumberError

LEAST_RHO = Fraction(1, 1 << 20)
"""Of the first filter."""


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
