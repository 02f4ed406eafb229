"""The sparse vector technique: which of a stream of questions has an answer above a threshold, paid for once."""

from dataclasses import dataclass
from fractions import Fraction

from shoal_engine.differential import events
from shoal_engine.differential.samplers import discrete_laplace
from shoal_engine.errors import NumberError
from shoal_engine.randomness.keystream import Keystream


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
