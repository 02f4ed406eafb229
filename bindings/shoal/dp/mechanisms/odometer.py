"""Privacy odometer: an epsilon of events that are chosen adaptively, valid at any time."""

from fractions import Fraction

from shoal_engine.differential import events
from shoal_engine.differential.accounting import concentrated
from shoal_engine.differential.exact_numbers import Exact, check_delta, exact


class Odometer:
    """Privacy odometer: add up events that are chosen adaptively, and report an epsilon that is valid at any time.

    It composes and reports; releases are charged to a ledger by themselves.

    Parameters
    ----------
    delta : number
        Between 0 and 1, for all times together; the deltas of events are added to it. A float is rounded down.

    Raises
    ------
    NumberError
        Delta is out of range.

    References
    ----------
    Rogers, Roth, Ullman, Vadhan (2016), Privacy odometers and filters, section 6; Whitehouse, Ramdas, Rogers, Wu
    (2023), Fully-adaptive composition in differential privacy, theorem 1: filters of doubling rhos, and a union bound.

    Examples
    --------
    >>> from shoal.dp.mechanisms import NoisyMax
    >>> odometer = Odometer(delta="1e-6")
    >>> odometer.spend(NoisyMax(epsilon="1/10", sensitivity=1).event)
    >>> round(odometer.epsilon, 2)
    0.69
    """

    def __init__(self, *, delta: Exact) -> None:
        found = exact(delta, name="delta", toward="down")
        check_delta(found)
        self._odometer = concentrated.Odometer(found)

    def spend(self, event: str) -> None:
        """Add an event, as JSON, such as `event` of a mechanism, a plan or a line of a ledger.

        Raises
        ------
        NumberError
            The text is not an event.
        """
        self._odometer.spend(events.from_json(event))

    @property
    def epsilon(self) -> float:
        """Epsilon of all events so far; 0 before the first."""
        return self._odometer.epsilon

    @property
    def delta(self) -> Fraction:
        """Delta that the epsilon goes with."""
        return self._odometer.delta
