"""Many events together, by their privacy loss distributions: epsilon for a delta, and delta for an epsilon.

Losses of independent events add up, so their distributions are convolved, by Fourier transforms of probabilities that
are tilted towards the losses that decide: the result is a tail, and untilted its digits would drown in rounding.
Every error is bounded and charged: mass that is cut off or wraps around, and rounding of the transforms, to delta.
"""

import bisect
import functools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shoal_engine.differential import events
from shoal_engine.differential.accounting.loss_distributions import Gridded, Losses, losses_of

Floats = npt.NDArray[np.float64]

STEP: Final = 1e-4
"""Losses are told apart by at most this much."""
MOST_CELLS: Final = 1 << 21
"""Cells of a composed distribution: 16 MiB each array."""
_CELLS_OF_RANGE: Final = 4000
_OUTSIDE: Final = 1e-15
_LOG_OUTSIDE: Final = math.log(_OUTSIDE)
_NO_TILT: Final = 1e-3
"""Of the exponent across a window: less hardly moves it."""
_LARGEST_EXPONENT: Final = 300.0
"""Of what probabilities are multiplied by; where more were needed, what is charged for rounding is above 1."""
_LARGEST_TOTAL: Final = 1e9
"""Of all losses together: of more no epsilon comes out that protects anybody, and no grid of steps is fine enough."""
_MOST_TIMES: Final = 1 << 30
"""Events composed at most: each adds the rounding of the logarithm of a moment, its last digit, once more."""
_MERGED: Final = 64
_ROUNDING: Final = 2.0**-53
_ORDER: Final = 8.3
"""Of Chernoff's bound, over one standard deviation: the best for a Gaussian sum, and above the best for others."""
_LOWER, _MOST_ORDERS = 2 / 3, 64
"""Each order that is tried over the one before, and how many are."""


@dataclass(frozen=True, slots=True)
class _Sum:
    """Distributions of one grid, each some number of times."""

    parts: Sequence[tuple[Gridded, int]]

    def log_moment(self, t: float) -> float:
        """Return the logarithm of the mean of exp(t * loss)."""
        return sum(times * _log_moment(one.loss, one.probability, t) for one, times in self.parts)

    def rough_log_moment(self) -> Callable[[float], float]:
        """Return an approximation, quickly, for the search of a tilt; any tilt gives a valid result."""
        merged = [(_merged(one), times) for one, times in self.parts]
        return lambda t: sum(times * _log_moment(*losses, t) for losses, times in merged)

    def coarser(self, times: int) -> "_Sum":
        """Return the distributions on a grid whose step is `times` as long, never more private."""
        return _Sum(tuple((one.coarser(times), repeated) for one, repeated in self.parts))

    @property
    def lost(self) -> float:
        """Return the probability that some loss has no place on the grid."""
        return -math.expm1(sum(times * math.log1p(-one.lost) for one, times in self.parts))


def epsilon_of(event: events.Event, delta: float) -> float | None:
    """Return an epsilon such that an event is (epsilon, delta)-private; None where no distribution is known."""
    most: float | None = None
    for parts in _both_ways(event):
        # A direction that costs less by a cruder bound need not be composed.
        if most is None or _renyi(parts, delta) > most:
            most = max(_epsilon(parts, delta), most or 0.0)
    return most


def delta_of(event: events.Event, epsilon: float) -> float | None:
    """Return a delta such that an event is (epsilon, delta)-private; None where no distribution is known."""
    return max((_delta(parts, epsilon) for parts in _both_ways(event)), default=None)


def renyi_epsilon_of(event: events.Event, delta: float) -> float | None:
    """Return an epsilon by Renyi divergences alone: of order 1 + t, the moment of exp(t * loss) over t.

    The conversion is that of Canonne, Kamath, Steinke 2020, proposition 12, at the best order.
    """
    return max((_renyi(parts, delta) for parts in _both_ways(event)), default=None)


@functools.lru_cache(maxsize=16)
def _both_ways(event: events.Event) -> "tuple[_Sum, ...]":
    """Return the distributions for a unit removed and, where it is not the same, for one added; none if not known."""
    leaves = Counter[events.Event]()
    _count(event, 1, leaves)
    ways: list[_Sum] = []
    sampled = any(isinstance(one, events.PoissonSampled) for one in leaves)
    for adding in (False, True) if sampled else (False,):
        found = [(losses_of(one, adding=adding), times) for one, times in leaves.items()]
        known = [(losses, times) for losses, times in found if losses is not None]
        if not known or len(known) < len(found):
            return ()
        if sum(times * losses.high for losses, times in known) > _LARGEST_TOTAL or leaves.total() > _MOST_TIMES:
            return ()
        step = _step(known)
        ways.append(_Sum(tuple((losses.on_grid(step), times) for losses, times in known)))
    return tuple(ways)


def _count(event: events.Event, times: int, leaves: "Counter[events.Event]") -> None:
    """Count the events that others are made of."""
    match event:
        case events.Composed(events=several):
            for one in several:
                _count(one, times, leaves)
        case events.Repeated(event=one, times=more):
            _count(one, times * more, leaves)
        case _:
            leaves[event] += times


def _step(known: Sequence[tuple[Losses, int]]) -> float:
    """Return the step of the grid of losses: fine for each event, and not too fine for all of them."""
    # What is (0, delta)-private has losses of 0 alone.
    known = [(losses, times) for losses, times in known if losses.high > losses.low]
    finest = min(((losses.high - losses.low) / _CELLS_OF_RANGE for losses, _ in known), default=STEP)
    spread = 0.0
    for losses, times in known:
        coarse = losses.on_grid((losses.high - losses.low) / _CELLS_OF_RANGE)
        mean = float((coarse.probability * coarse.loss).sum())
        spread += times * float((coarse.probability * (coarse.loss - mean) ** 2).sum())
    widest = max((losses.high - losses.low for losses, _ in known), default=0.0)
    return max(min(STEP, finest), widest / MOST_CELLS, 30 * math.sqrt(spread) / MOST_CELLS)


def _power(base: npt.NDArray[Any], times: int) -> npt.NDArray[Any]:
    """Return a power, of at least 1, by squaring, which is quicker than by logarithms."""
    square, result = base.copy(), np.ones(1, base.dtype)
    while times:
        if times & 1:
            result = result * square
        times >>= 1
        np.multiply(square, square, out=square)
    return result


def _merged(one: Gridded) -> tuple[Floats, Floats]:
    """Return the mean losses of every 64 neighbors, and their probabilities together."""
    starts = np.arange(0, one.probability.size, _MERGED)
    probability, sums = np.add.reduceat(one.probability, starts), np.add.reduceat(one.probability * one.loss, starts)
    return np.divide(sums, probability, out=one.loss[starts], where=probability > 0), probability


def _log_moment(loss: Floats, probability: Floats, t: float) -> float:
    exponent = t * loss
    top = float(exponent.max())
    return top + math.log(float((probability * np.exp(exponent - top)).sum()))


def _epsilon(total: _Sum, delta: float) -> float:
    """Return the least epsilon that is reached, at least 0."""
    if delta <= total.lost:
        return math.inf
    rough, log_delta = total.rough_log_moment(), math.log(delta)
    t = _best_tilt(lambda t: (rough(t) - log_delta - math.log1p(t)) / t + math.log1p(-1 / (1 + t)))
    while True:
        curve = _Curve.of(total, t)
        found = curve.epsilon(delta)
        # Of losses below the window nothing is known; a smaller tilt looks further down, if it changes much yet.
        if found == 0 or found > curve.loss[0] or t * (curve.loss[-1] - curve.loss[0]) < _NO_TILT:
            return found
        t /= 2


def _renyi(total: _Sum, delta: float) -> float:
    """Return the least epsilon over the orders."""
    if delta <= total.lost:
        return math.inf
    log_delta = math.log(delta - total.lost)

    def bound(log_moment: Callable[[float], float], t: float) -> float:
        return (log_moment(t) - log_delta - math.log1p(t)) / t + math.log1p(-1 / (1 + t))

    # Any order gives a bound; the best of the rough ones is nearly the best.
    rough = total.rough_log_moment()
    return max(0.0, bound(total.log_moment, _best_tilt(lambda t: bound(rough, t))))


def _delta(total: _Sum, epsilon: float) -> float:
    """Return the delta that is reached, at most 1."""
    if epsilon >= sum(times * float(one.loss[-1]) for one, times in total.parts):
        return total.lost
    rough = total.rough_log_moment()
    untilted = _NO_TILT * total.parts[0][0].step
    if epsilon < _window(total, untilted)[0]:
        # All losses but a vanishing share are larger.
        return min(1.0, _Curve.of(total, untilted).delta(epsilon))
    t = _best_tilt(lambda t: rough(t) - t * epsilon - math.log1p(t) + t * math.log1p(-1 / (1 + t)))
    while True:
        curve = _Curve.of(total, t)
        if epsilon >= curve.loss[0]:
            return min(1.0, curve.delta(epsilon))
        t /= 2


def _best_tilt(bound: Callable[[float], float]) -> float:
    """Return about the tilt at which a Chernoff bound is least."""
    from scipy.optimize import minimize_scalar

    options = {"xatol": 1e-2}

    def of_logarithm(t: float) -> float:
        return bound(math.exp(t))

    found = minimize_scalar(of_logarithm, bounds=(-12, 12), method="bounded", options=options)
    return math.exp(float(found.x))


@dataclass(frozen=True, slots=True)
class _Curve:
    """Delta for every epsilon within a window of losses.

    Attributes
    ----------
    loss : (n,) float64
        Ascending.
    beyond, scaled : (n + 1,) float64
        Sums over each loss and all above it: of their probabilities, and of these times exp(-loss); the last are 0.
    lost : float
    tilt, log_moment, rounding : float
        Rounding adds at most ``exp(log_moment - tilt * epsilon) * rounding`` to a delta.
    """

    loss: Floats
    beyond: Floats
    scaled: Floats
    lost: float
    tilt: float
    log_moment: float
    rounding: float

    @classmethod
    def of(cls, total: _Sum, t: float) -> "_Curve":
        """Convolve the distributions, tilted by t."""
        from scipy.fft import next_fast_len

        low, high = _window(total, t)
        if (cells := (high - low) / total.parts[0][0].step) > MOST_CELLS:
            # Tilted, rare losses may spread much wider than the grid was chosen for.
            total = total.coarser(math.ceil(cells / MOST_CELLS))
            low, high = _window(total, t)
        step, moment = total.parts[0][0].step, total.log_moment(t)
        first = math.floor(low / step)
        needed = math.ceil(high / step) - first + 2
        n = int(next_fast_len(needed, real=True) or needed)
        product, erring = np.ones(1, np.complex128), 2.0
        for one, times in total.parts:
            tilted = one.probability * np.exp(t * one.loss - _log_moment(one.loss, one.probability, t))
            folded = np.bincount((one.first + np.arange(tilted.size)) % n, weights=tilted, minlength=n)
            transform = np.fft.rfft(folded)
            powered = _power(transform, times)
            product = product * powered
            # A power errs by as many times more as its derivative says, which is times * abs(transform)**(times - 1);
            # frequencies that vanish in it err by nothing.
            erring += (
                times * float((np.abs(powered) / np.maximum(np.abs(transform), 1e-300)).mean()) if times > 1 else 1
            )
        probability = np.maximum(np.roll(np.fft.irfft(product, n), -(first % n)), 0.0)
        loss = np.asarray((first + np.arange(n)) * step, np.float64)
        true = probability * np.exp(np.minimum(moment - t * loss, _LARGEST_EXPONENT))
        beyond, scaled = (
            np.append(np.cumsum(sums[::-1])[::-1], 0.0)
            for sums in (true, true * np.exp(np.minimum(-loss, _LARGEST_EXPONENT)))
        )
        # A transform errs by some log2(n) roundings at each frequency, the one back by the mean of these errors, and
        # each cell's error counts for all cells above it (Higham 2002, Accuracy and stability of numerical
        # algorithms, theorem 24.2).
        each = 8 * erring * math.log2(n) * _ROUNDING
        rounding = each * min(n, 1 / -math.expm1(-t * step)) + 2 * _OUTSIDE
        return cls(loss, beyond, scaled, total.lost, t, moment, rounding)

    def _charged(self, epsilon: float) -> float:
        return self.lost + math.exp(min(self.log_moment - self.tilt * epsilon, 700.0)) * self.rounding

    def _at(self, place: int, epsilon: float) -> float:
        """Return the delta of an epsilon between a loss and the next; before the first of them, place is -1."""
        # Beyond 700 probabilities are those of losses that never end; there delta is what is lost.
        beyond = float(self.beyond[place + 1]) - math.exp(min(epsilon, 700.0)) * float(self.scaled[place + 1])
        return max(0.0, beyond) + self._charged(epsilon)

    def delta(self, epsilon: float) -> float:
        """Return the delta of an epsilon; of one below the window where all but a vanishing share lies within."""
        return self._at(int(np.searchsorted(self.loss, epsilon, side="right")) - 1, epsilon)

    def epsilon(self, delta: float) -> float:
        """Return the least epsilon whose delta is at most that; the lower end of the window if it may lie below."""
        # A delta falls as its epsilon grows.
        place = bisect.bisect_left(
            range(self.loss.size), -delta, key=lambda place: -self._at(place, float(self.loss[place]))
        )
        if place == self.loss.size:
            return math.inf
        if place == 0:
            return max(0.0, float(self.loss[0]))
        # Between two losses delta is beyond - exp(epsilon) * scaled; what is charged is taken at the lower one.
        left = delta - self._charged(float(self.loss[place - 1]))
        beyond, scaled = float(self.beyond[place]), float(self.scaled[place])
        within = math.log((beyond - left) / scaled) if scaled > 0 and beyond > left > 0 else float(self.loss[place])
        return max(0.0, min(within, float(self.loss[place])))


def _window(total: _Sum, t: float) -> tuple[float, float]:
    """Return the losses between which all but a vanishing share of the tilted probability lies, by Chernoff's bound."""
    spread, moment = max(total.parts[0][0].step, _spread(total, t)), total.log_moment(t)
    low, high = (sign * _edge(total, t, moment, sign * _ORDER / spread) for sign in (-1, 1))
    least, most = (sum(times * float(one.loss[end]) for one, times in total.parts) for end in (0, -1))
    return max(low, least), min(high, most)


def _edge(total: _Sum, t: float, moment: float, order: float) -> float:
    """Return how far losses reach to the side of an order's sign: beyond lies a share of at most `_OUTSIDE`.

    Any order bounds it. The bound falls to its least and rises from there, as the logarithm of a moment is convex.
    """
    least = math.inf
    for _ in range(_MOST_ORDERS):
        edge = (total.log_moment(t + order) - moment - _LOG_OUTSIDE) / abs(order)
        if edge >= least:
            break
        least, order = edge, order * _LOWER
    return least


def _spread(total: _Sum, t: float) -> float:
    """Return the standard deviation of the tilted losses."""
    variance = 0.0
    for one, times in total.parts:
        tilted = one.probability * np.exp(t * one.loss - _log_moment(one.loss, one.probability, t))
        mean = float((tilted * one.loss).sum())
        variance += times * float((tilted * (one.loss - mean) ** 2).sum())
    return math.sqrt(variance)
