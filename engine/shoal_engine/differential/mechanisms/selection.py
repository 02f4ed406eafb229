"""Private choices: exponential mechanism, permute-and-flip, noisy max, and the sparse vector technique.

All take scores that one unit changes by at most `sensitivity`, and are epsilon-private whatever the scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from shoal_engine.differential import events
from shoal_engine.differential.mechanisms.additive import LaplaceNoise
from shoal_engine.differential.samplers import Coins, discrete_laplace
from shoal_engine.differential.samplers.coins import exp_bounds
from shoal_engine.errors import InputError, NumberError
from shoal_engine.randomness import Keystream

Ints = npt.NDArray[np.int64]

_BITS = 128
_MARGIN = 2.0**-30
_MOST_BY_FLOATS = 1 << 20


@dataclass(frozen=True, slots=True)
class _Choice:
    """Parameters of every selection mechanism.

    Attributes
    ----------
    epsilon : Fraction
        Above 0.
    sensitivity : int
        The most that one unit changes a score, at least 1.
    """

    epsilon: Fraction
    sensitivity: int = 1

    def __post_init__(self) -> None:
        if self.epsilon <= 0 or self.sensitivity < 1:
            msg = "a choice needs an epsilon above 0 and a sensitivity of at least 1"
            raise NumberError(msg)

    def _gaps(self, scores: Sequence[int]) -> list[Fraction]:
        """Return epsilon * (best - score) / (2 * sensitivity) for each score."""
        if not len(scores):
            msg = "there is nothing to choose from; give at least one candidate"
            raise InputError(msg)
        best = max(scores)
        return [self.epsilon * (best - score) / (2 * self.sensitivity) for score in scores]


@dataclass(frozen=True, slots=True)
class Exponential(_Choice):
    """The exponential mechanism (McSherry, Talwar 2007; Dwork, Roth 2014, definition 3.4).

    Its privacy loss has range epsilon, so it is epsilon**2 / 8-concentrated (Rogers, Steinke 2021, lemma 3.2).
    """

    def event(self) -> events.BoundedRange:
        """Return the privacy event."""
        return events.BoundedRange(epsilon=self.epsilon)

    def choose(self, scores: Sequence[int], stream: Keystream) -> int:
        """Return the place of a candidate, chosen with probability in proportion to exp(epsilon * score / (2 * s)).

        Exact: a uniform number is compared with the running sums of the weights, to as many digits as it takes. Where
        it is far from all of them floating-point numbers decide on which side it lies, and nothing else.
        """
        coins, bits = Coins.of(stream), _BITS
        drawn = coins.digits(bits)
        found = self._by_floats(np.asarray(scores, np.int64), drawn)
        if found is not None:
            return found
        gaps = self._gaps(scores)
        distinct = {gap: number for number, gap in enumerate(dict.fromkeys(gaps))}
        kind = [distinct[gap] for gap in gaps]
        while True:
            bounds = [exp_bounds(gap, bits) for gap in distinct]
            low, high = (np.cumsum([bounds[number][end] for number in kind], dtype=object) for end in (0, 1))
            # The uniform number lies between drawn and drawn + 1, over 2**bits, times the sum of the weights.
            first = int(np.searchsorted(high, drawn * low[-1] >> bits, side="right"))
            last = int(np.searchsorted(low, -(-(drawn + 1) * high[-1] >> bits), side="left"))
            if first == last:
                return first
            drawn = drawn << _BITS | coins.digits(_BITS)
            bits += _BITS

    def _by_floats(self, scores: Ints, drawn: int) -> int | None:
        """Return the place that a uniform number falls to, None where rounding might put it elsewhere.

        A weight has a relative error below 2**-41: its exponent, at most 800, is rounded five times, and exp by a
        unit in the last place or so. Running sums of up to 2**20 of them add 2**-33 of the whole, the uniform number
        and the product 2**-51. All of it is below the margin.
        """
        if not 0 < scores.size <= _MOST_BY_FLOATS:
            return None
        rate = float(self.epsilon) / (2 * self.sensitivity)
        running = np.cumsum(np.exp(-np.minimum(rate * (scores.max() - scores), 800.0)))
        place, margin = drawn / (1 << _BITS) * running[-1], _MARGIN * running[-1]
        first = int(np.searchsorted(running, place - margin, side="right"))
        last = int(np.searchsorted(running, place + margin, side="left"))
        return first if first == last and last < scores.size else None


@dataclass(frozen=True, slots=True)
class PermuteAndFlip(_Choice):
    """Permute-and-flip (McKenna, Sheldon 2020, algorithm 1): never worse than the exponential mechanism.

    epsilon-private (theorem 1). Its privacy loss is not of bounded range, so it is billed by its epsilon alone.
    """

    def event(self) -> events.PureDP:
        """Return the privacy event."""
        return events.PureDP(epsilon=self.epsilon)

    def choose(self, scores: Sequence[int], stream: Keystream) -> int:
        """Return the place of the first candidate, in an order that is uniform, whose coin of its gap falls heads."""
        gaps = self._gaps(scores)
        coins = Coins.of(stream)
        left = list(range(len(gaps)))
        while True:
            place = coins.below(len(left))
            left[place], left[-1] = left[-1], left[place]
            candidate = left.pop()
            if coins.bernoulli_exp(gaps[candidate]):
                return candidate


@dataclass(frozen=True, slots=True)
class NoisyMax(_Choice):
    """The first of the candidates whose score with discrete Laplace noise is largest; only its place is released.

    epsilon-private with noise of scale 2 * sensitivity / epsilon: for noise of all other candidates held fixed, the
    winner needs noise of at least a threshold, which a unit moves by at most twice the sensitivity (Dwork, Roth 2014,
    claim 3.9). Ties go to the first, which is a threshold too.
    """

    def event(self) -> events.PureDP:
        """Return the privacy event."""
        return events.PureDP(epsilon=self.epsilon)

    def choose(self, scores: Sequence[int], stream: Keystream) -> int:
        """Return the place of the winner."""
        self._gaps(scores)
        noise = LaplaceNoise(2 * self.sensitivity / self.epsilon)
        return int(np.argmax(noise.add(np.array(scores, np.int64), stream)))


@dataclass(frozen=True, slots=True)
class AboveThreshold:
    """Reports, question by question, whether an integer answer is above a threshold; over after the first that is.

    epsilon-private for any number of questions (Dwork, Roth 2014, algorithm 1, theorem 3.23): noise of scale
    2 * sensitivity / epsilon on the threshold, drawn once, and of twice that on each answer. Both are integers,
    so an answer that equals the threshold is not above it; the proof needs only that the answers' noise, shifted by
    twice the sensitivity, changes probabilities by exp(epsilon / 2) at most. The numbers themselves are never released.

    Attributes
    ----------
    epsilon : Fraction
        Above 0.
    threshold : int
    sensitivity : int
        The most that one unit changes an answer, at least 1.

    Examples
    --------
    >>> with Keystream.secure() as stream:
    ...     asked = AboveThreshold(Fraction(1), threshold=1000).begin(stream)
    ...     [asked.is_above(0), asked.is_above(100_000)]
    [False, True]
    """

    epsilon: Fraction
    threshold: int
    sensitivity: int = 1

    def __post_init__(self) -> None:
        if self.epsilon <= 0 or self.sensitivity < 1:
            msg = "a threshold needs an epsilon above 0 and a sensitivity of at least 1"
            raise NumberError(msg)

    def event(self) -> events.PureDP:
        """Return the privacy event, to be charged before the first question."""
        return events.PureDP(epsilon=self.epsilon)

    def begin(self, stream: Keystream) -> "Asked":
        """Draw the threshold's noise."""
        scale = 2 * self.sensitivity / self.epsilon
        return Asked(self.threshold + int(discrete_laplace(stream, scale, 1)[0]), 2 * scale, stream)


class Asked:
    """Questions asked of one noisy threshold."""

    def __init__(self, threshold: int, scale: Fraction, stream: Keystream) -> None:
        self._threshold, self._scale, self._stream = threshold, scale, stream
        self._over = False

    def is_above(self, answer: int) -> bool:
        """Return whether the noisy answer is above the noisy threshold.

        Raises
        ------
        RuntimeError
            An answer was above it already, which uses up the charge.
        """
        if self._over:
            msg = "an answer was above the threshold already, which uses up the charge; begin and charge again"
            raise RuntimeError(msg)
        self._over = answer + int(discrete_laplace(self._stream, self._scale, 1)[0]) > self._threshold
        return self._over
