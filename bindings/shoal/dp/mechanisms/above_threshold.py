"""Sparse vector technique: questions asked of one noisy threshold."""

from dataclasses import dataclass
from typing import NoReturn

from shoal.dp.mechanisms.charging import MOST, charge, epsilon_of, integer_of, sensitivity_of
from shoal.queries.charging import LedgerOrPath
from shoal_engine.differential import events
from shoal_engine.differential.exact_numbers import Exact, count
from shoal_engine.differential.mechanisms import selection
from shoal_engine.differential.samplers.distributions import Laplace
from shoal_engine.ledger import Receipt
from shoal_engine.randomness import Keystream


@dataclass(frozen=True, slots=True, kw_only=True)
class AboveThreshold:
    """Sparse vector technique: report, question by question, whether an answer is above a threshold.

    epsilon-private for any number of questions, up to and including the first answer above the threshold. Noise of
    scale ``2 * sensitivity / epsilon`` is added to the threshold once, and of twice that scale to each answer.

    Parameters
    ----------
    epsilon : number
        Above 0; a float is rounded down.
    threshold : int
        Public.
    sensitivity : int
        The most that one privacy unit changes an answer, at least 1, under the neighbors that the ledger protects.

    Raises
    ------
    NumberError
        A parameter is out of range, or the noise would be too wide to draw.

    References
    ----------
    Dwork, Roth (2014), The algorithmic foundations of differential privacy, algorithm 1 and theorem 3.23; with
    discrete Laplace noise, and "above" in place of "at least".

    Examples
    --------
    >>> test = AboveThreshold(epsilon=1, threshold=1000, sensitivity=1).begin(ledger=None, dataset="visits")
    >>> [test.is_above(0), test.is_above(100_000)]
    [False, True]
    """

    epsilon: Exact
    threshold: int
    sensitivity: int

    def __post_init__(self) -> None:
        Laplace(4 * self._engine.sensitivity / self._engine.epsilon)

    @property
    def _engine(self) -> selection.AboveThreshold:
        threshold = count(self.threshold, name="threshold", least=-MOST, most=MOST)
        return selection.AboveThreshold(epsilon_of(self.epsilon), threshold, sensitivity_of(self.sensitivity))

    @property
    def event(self) -> str:
        """Privacy event of one test, as JSON, for `shoal.privacy_spent`."""
        return events.to_json(self._engine.event())

    def begin(self, *, ledger: LedgerOrPath, dataset: str) -> "ThresholdTest":
        """Charge the ledger, draw the noise of the threshold, and return the test; errors as for `NoisyMax.choose`."""
        engine = self._engine
        with Keystream.secure() as stream:
            engine.begin(stream).is_above(0)
        receipt = charge(self, engine.event(), ledger, dataset, distribution="laplace")
        return ThresholdTest(engine.begin(Keystream.secure()), receipt)


class ThresholdTest:
    """Questions asked of one noisy threshold, until an answer is above it; made by `AboveThreshold.begin`.

    Attributes
    ----------
    receipt : Receipt or None
        Receipt of the ledger that was charged, if any.
    """

    def __init__(self, asked: selection.Asked, receipt: Receipt | None) -> None:
        self._asked = asked
        self.receipt = receipt

    def is_above(self, answer: int) -> bool:
        """Return whether the noisy answer is above the noisy threshold.

        Raises
        ------
        InputError
            The answer is not an integer; nothing was drawn.
        RuntimeError
            An answer was above the threshold already, which uses up the charge.
        """
        return self._asked.is_above(integer_of(answer, "an answer"))

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a copy could ask again with the same noise."""
        msg = "a threshold test cannot be pickled, as its copy would ask again for one charge; begin another test"
        raise TypeError(msg)
