"""Randomized response: everybody's own answer, made deniable before anyone sees it."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from shoal_engine.differential import events
from shoal_engine.differential.samplers.choices import coins_below, uniform_below
from shoal_engine.differential.samplers.coins import exp_bounds
from shoal_engine.errors import InputError, NumberError
from shoal_engine.randomness import Keystream

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RandomizedResponse:
    """Keeps an answer among k with probability exp(epsilon) / (exp(epsilon) + k - 1), else gives another, all alike.

    epsilon-private for each answer by itself (Warner 1965 for two answers; Kairouz, Oh, Viswanath 2016, section 4.1,
    for k). The probability is met exactly, whatever epsilon.

    Attributes
    ----------
    epsilon : Fraction
        Above 0.
    k : int
        Answers to choose from, at least 2.

    Examples
    --------
    >>> with Keystream.secure() as stream:
    ...     RandomizedResponse(Fraction(40), k=3).respond(np.array([0, 1, 2]), stream).tolist()
    [0, 1, 2]
    """

    epsilon: Fraction
    k: int = 2

    def __post_init__(self) -> None:
        if self.epsilon <= 0 or self.k < 2:
            msg = "a randomized response needs an epsilon above 0 and at least two answers"
            raise NumberError(msg)

    def event(self) -> events.PureDP:
        """Return the privacy event of one answer."""
        return events.PureDP(epsilon=self.epsilon)

    def respond(self, answers: Ints, stream: Keystream) -> Ints:
        """Return the randomized answers, (n,) int64, each below k.

        Raises
        ------
        InputError
            An answer is not from 0 to k - 1.
        """
        self.check(answers)
        kept = coins_below(self._keep_probability, stream.next_draw(), answers.size)
        # One of the k - 1 others, all alike.
        other = (answers + 1 + uniform_below(stream, self.k - 1, answers.size)) % self.k
        return np.where(kept, answers, other)

    def check(self, answers: Ints) -> None:
        """Check that answers are from 0 to k - 1; InputError if one is not."""
        if answers.size and not 0 <= int(answers.min()) <= int(answers.max()) < self.k:
            msg = f"answers are integers from 0 to {self.k - 1}; encode the answers as 0, 1, ..."
            raise InputError(msg)

    def _keep_probability(self, bits: int) -> tuple[int, int]:
        """Return integers around 2**bits / (1 + (k - 1) * exp(-epsilon))."""
        # The others' probability is k times as coarse as one exponential.
        finer = bits + self.k.bit_length() + 4
        low, high = exp_bounds(self.epsilon, finer)
        one = 1 << finer
        return (one << bits) // (one + (self.k - 1) * high), -((-one << bits) // (one + (self.k - 1) * low))

    def estimate(self, responses: Ints) -> npt.NDArray[np.float64]:
        """Return unbiased estimates of the shares of true answers, (k,) float64; they may be below 0 or above 1."""
        keep = 1 / (1 + (self.k - 1) * float(np.exp(-float(self.epsilon))))
        share = np.bincount(responses, minlength=self.k) / max(1, responses.size)
        other = (1 - keep) / (self.k - 1)
        return (share - other) / (keep - other)
