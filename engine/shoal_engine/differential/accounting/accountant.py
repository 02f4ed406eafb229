"""Compute the cost of events by every proven bound, and report the least.

``basic``
    Epsilons and deltas add up (Dwork, Roth 2014, theorem 3.16).
``advanced``
    The best that can be said of events by their epsilons and deltas alone (Kairouz, Oh, Viswanath 2015, theorem 3.3;
    Murtagh, Vadhan 2016): each counts as the worst mechanism there is of its kind.
``concentrated``
    Rhos add up (Bun, Steinke 2016, lemma 1.7), and are converted as Canonne, Kamath, Steinke 2020 do.
``renyi``
    Renyi divergences add up, order by order (Mironov 2017, proposition 1; the conversion as for rhos).
``losses``
    The distributions of losses themselves, composed.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Final

from shoal_engine.differential import events
from shoal_engine.differential.accounting import loss_compositions
from shoal_engine.differential.accounting.basic import pure_cost
from shoal_engine.differential.accounting.concentrated import delta_of, epsilon_for, rho_of
from shoal_engine.differential.events import Event
from shoal_engine.differential.exact_numbers import check_delta, check_epsilon
from shoal_engine.errors import NumberError

MOST_CHOICES = 64
"""Ways to choose one event of each parallel group that are reckoned one by one."""
MOST_RHO = 10**200
"""Of rhos and epsilons that are reckoned; more count as infinite."""
PRECISION: Final = Fraction(1, 1000)
"""How far above the least scale an answer may be, relatively."""
LARGEST_TARGET: Final = 10_000
"""Epsilons above are refused: noise for them protects nobody, and is slow to reckon."""
_DOUBLINGS: Final = 200


@dataclass(frozen=True, slots=True)
class Spent:
    """What events cost.

    Attributes
    ----------
    epsilon : float
        The least of `ways`.
    way : str
        Which of them it is.
    ways : dict of str to float
        By each way that applies.
    """

    epsilon: float
    way: str
    ways: dict[str, float]


def privacy_spent(event: events.Event, *, delta: Fraction) -> Spent:
    """Return an epsilon such that all of an event is (epsilon, delta)-private.

    Parameters
    ----------
    event : events.Event
        `events.Composed` for several.
    delta : Fraction
        At least 0, below 1.

    Raises
    ------
    NumberError
        Delta is out of range: below 0, 1 or more, or above 0 and below 1e-250.

    Examples
    --------
    >>> once = events.DiscreteGaussian(Fraction(100), Fraction(1))
    >>> spent = privacy_spent(events.Repeated(once, 10), delta=Fraction(1, 10**6))
    >>> spent.way, round(spent.epsilon, 3)
    ('losses', 1.368)
    """
    check_delta(delta)
    worst: Spent | None = None
    for one in _choices(event):
        ways = dict(_ways(one, delta))
        way = min(ways, key=lambda name: ways[name])
        if worst is None or ways[way] > worst.epsilon:
            worst = Spent(ways[way], way, ways)
    assert worst is not None
    return worst


def _ways(event: events.Event, delta: Fraction) -> Iterator[tuple[str, float]]:
    """Yield an epsilon by each way that applies, the strongest first."""
    if delta > 0:
        for name, reckoned in (("losses", loss_compositions.epsilon_of), ("renyi", loss_compositions.renyi_epsilon_of)):
            found = reckoned(event, float(delta))
            if found is not None:
                yield name, found
        left, plain, rho = delta - delta_of(event), _plain(event), rho_of(event)
        if left >= 0 and rho == 0:
            yield "concentrated", 0.0
        elif left > 0 and rho < MOST_RHO:
            yield "concentrated", epsilon_for(rho, left)
        if plain is not None:
            yield "advanced", loss_compositions.epsilon_of(plain, float(delta)) or math.inf
    yield "basic", _basic(event, delta)


def _basic(event: events.Event, delta: Fraction) -> float:
    """Add up epsilons and deltas; infinite if an event has no epsilon of its own or deltas exceed the given one."""
    pure = pure_cost(event)
    if pure is None or pure[1] > delta:
        return math.inf
    if pure[0] == 0:
        return 0.0
    return math.nextafter(float(pure[0]), math.inf) if pure[0] < MOST_RHO else math.inf


def _plain(event: events.Event) -> events.Event | None:
    """Return the events with each as no more than an epsilon and a delta; None where one has neither."""
    match event:
        case events.Repeated(event=one, times=times):
            plain = _plain(one)
            return None if plain is None else events.Repeated(plain, times)
        case events.Composed(events=several):
            found = [_plain(one) for one in several]
            known = tuple(one for one in found if one is not None)
            return events.Composed(known) if len(known) == len(found) else None
        case _:
            pure = pure_cost(event)
            return None if pure is None else events.ApproximateDP(*pure)


def _choices(event: events.Event) -> Iterator[events.Event]:
    """Yield the event for each way that one unit can be in the parts of parallel groups: it is in one of each.

    Parallel composition: McSherry 2009, theorem 4.
    """
    match event:
        case events.Parallel(events=several):
            for one in several:
                yield from _choices(one)
        case events.Repeated(event=one, times=times):
            for chosen in _choices(one):
                yield events.Repeated(chosen, times)
        case events.Composed(events=several):
            choices = [list(_choices(one)) for one in several]
            if math.prod(map(len, choices)) > MOST_CHOICES:
                msg = f"over {MOST_CHOICES} ways to choose among parallel events; compose each group by itself first"
                raise NumberError(msg)
            for chosen in product(*choices):
                yield events.Composed(chosen)
        case _:
            yield event


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
