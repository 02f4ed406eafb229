"""Evidence against a privacy claim: an event that is likelier on one table than the claim allows on its neighbor.

Half of the runs choose the event, the other half counts it, so that choosing cannot flatter the count. A probability
seen in n runs lies within the bounds of Clopper and Pearson 1934; with both bounds, epsilon is proven to be at least
log((p - delta) / q) (Jagielski, Ullman, Oprea 2020, section 4; Ding et al. 2018).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import NumberError
from shoal_engine.randomness import Keystream

Outputs = npt.NDArray[np.int64] | npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
Verdict: TypeAlias = Literal["holds", "loose", "broken"]

DOUBT = 0.05
"""One less the confidence of a bound."""
LOOSE = 0.99
"""A bound below this share of the claim tells that the audit, or the claim, could be tighter."""
_CUTS = 64
_FEWEST_RUNS = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim about the privacy of a mechanism.

    Attributes
    ----------
    epsilon : float
    delta : float
    of_range : bool
        That the range of the loss is epsilon, as that of the exponential mechanism, and not only its largest size.
    """

    epsilon: float
    delta: float = 0.0
    of_range: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What an audit found.

    Attributes
    ----------
    claim : Claim
    bound : float
        Epsilon, or the range, is at least that, with 95 % confidence; 0 where nothing is proven.
    verdict : str
        broken above the claim, loose below 0.99 of it, holds between.
    """

    claim: Claim
    bound: float

    @property
    def verdict(self) -> Verdict:
        """Return what follows."""
        if self.bound > self.claim.epsilon:
            return "broken"
        return "holds" if self.bound >= LOOSE * self.claim.epsilon else "loose"


Draw: TypeAlias = Callable[[int, int, Keystream], Outputs]
"""Runs a mechanism n times, the second number, on the table without (0) or with the unit (1): (n,) or (n, columns)."""


def audit(draw: Draw, claim: Claim, *, runs: int, stream: Keystream) -> Finding:
    """Run a mechanism on two neighbors, and bound its epsilon from below.

    Parameters
    ----------
    draw : callable
    claim : Claim
    runs : int
        On each of the neighbors; half of them choose the event.
    stream : Keystream

    Raises
    ------
    NumberError
        Fewer than 1,000 runs, which prove nothing.
    """
    if runs < _FEWEST_RUNS:
        msg = f"{runs} runs prove nothing; ask for at least {_FEWEST_RUNS}"
        raise NumberError(msg)
    half = runs // 2
    drawn = [draw(world, runs, stream) for world in (1, 0)]
    # One measure for both tables, of runs that only choose.
    spread = np.atleast_1d(np.std(drawn[1][:half].astype(np.float64), axis=0))
    worlds = [np.stack(list(_features(outputs, np.where(spread > 0, spread, 1.0)))) for outputs in drawn]
    ways = [(worlds[0], worlds[1]), (worlds[1], worlds[0])]
    doubt = DOUBT / 2 if claim.of_range else DOUBT
    bounds = [
        _bound(one[:, :half], other[:, :half], one[:, half:], other[:, half:], claim, doubt) for one, other in ways
    ]
    found = sum(bounds) if claim.of_range else max(bounds)
    return Finding(claim, max(0.0, found))


def _features(outputs: Outputs, spread: Floats) -> Iterator[Floats]:
    """Yield what events are made of: numbers, the grain of their binary digits, and two numbers together."""
    columns = [outputs] if outputs.ndim == 1 else list(outputs.T)
    for column in columns:
        values = np.asarray(column, np.float64)
        yield values
        yield _grain(values)
    for i, one in enumerate(columns):
        for j, other in enumerate(columns[i + 1 :], i + 1):
            yield np.asarray(one - other, np.float64)
            # Both high or both low, each by its own spread.
            scaled = np.stack([one / spread[i], other / spread[j]]).astype(np.float64)
            yield scaled.min(axis=0)
            yield scaled.max(axis=0)
            yield scaled.sum(axis=0)


def _grain(values: Floats) -> Floats:
    """Return the exponent of the lowest binary digit that is set: rounding shows in it (Mironov 2012)."""
    fraction, exponent = np.frexp(values)
    whole = np.abs(np.ldexp(fraction, 53)).astype(np.int64)
    lowest = np.where(whole == 0, 1, whole & -whole)
    return np.asarray(exponent - 53 + np.log2(lowest.astype(np.float64)), np.float64)


def _bound(chosen_one: Floats, chosen_other: Floats, one: Floats, other: Floats, claim: Claim, doubt: float) -> float:
    """Choose an event by the first runs, and return the bound that the others prove."""
    best, least = None, -math.inf
    n = chosen_one.shape[1]
    for feature in range(len(one)):
        for event in _events(chosen_one[feature], chosen_other[feature]):
            p, q = (int(np.count_nonzero(event(values))) for values in (chosen_one[feature], chosen_other[feature]))
            # One doubt for all events alike is good enough to choose by.
            proven = _proven(p, q, n, claim.delta, doubt)
            if proven > least:
                best, least = (feature, event), proven
    if best is None:
        return 0.0
    feature, event = best
    counts = [int(np.count_nonzero(event(values[feature]))) for values in (one, other)]
    return max(0.0, _proven(counts[0], counts[1], one.shape[1], claim.delta, doubt))


def _events(one: Floats, other: Floats) -> Iterator[Callable[[Floats], npt.NDArray[np.bool_]]]:
    """Yield events of a feature: at most, at least and exactly each of some values."""
    both = np.concatenate([one[: 1 << 14], other[: 1 << 14]])
    values, count = np.unique(both, return_counts=True)
    cuts = values if values.size <= _CUTS else np.quantile(both, np.linspace(0, 1, _CUTS), method="nearest")
    likely = values[np.argsort(count)[::-1][:_CUTS]]
    for cut in np.unique(cuts).tolist():
        yield lambda feature, cut=cut: feature <= cut
        yield lambda feature, cut=cut: feature >= cut
    for value in likely.tolist():
        yield lambda feature, value=value: feature == value


def _proven(p: int, q: int, n: int, delta: float, doubt: float) -> float:
    """Return log((p - delta) / q) with both probabilities at the ends of their bounds, half of the doubt on each."""
    from scipy.special import betaincinv

    low = float(betaincinv(p, n - p + 1, doubt / 2)) if p else 0.0
    high = float(betaincinv(q + 1, n - q, 1 - doubt / 2)) if q < n else 1.0
    return math.log((low - delta) / high) if low > delta else -math.inf
