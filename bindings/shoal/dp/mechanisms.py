"""Single mechanisms: private selection, a threshold test, randomized response, and an odometer.

Each mechanism is a frozen value. Its release charges a ledger durably before any noise is drawn, and noise comes from
the operating system's secure source only. There is no default epsilon and no default sensitivity.

>>> from shoal.dp.mechanisms import NoisyMax
>>> NoisyMax(epsilon=50, sensitivity=1).choose([3, 12, 7], ledger=None, dataset="votes").index
1
"""

import hashlib
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NoReturn, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from shoal.queries.charging import LedgerOrPath, ledger_cost, open_ledger
from shoal_engine.differential import events
from shoal_engine.differential.accounting import concentrated
from shoal_engine.differential.exact_numbers import Exact, check_delta, check_epsilon, count, exact, positive
from shoal_engine.differential.mechanisms import randomized_response, selection
from shoal_engine.differential.named_choices import DistributionName
from shoal_engine.differential.samplers.distributions import Laplace
from shoal_engine.errors import InputError, PolicyError
from shoal_engine.ledger import Receipt
from shoal_engine.ledger.entries import text_of
from shoal_engine.randomness import Keystream

__all__ = [
    "AboveThreshold",
    "NoisyMax",
    "Odometer",
    "PermuteAndFlip",
    "RandomizedResponse",
    "Responses",
    "Selection",
    "ThresholdTest",
]

Ints = npt.NDArray[np.int64]
MOST: Final = 1 << 62
"""Bound on scores and answers, to which larger ones are clamped, so that noise cannot overflow 64 bits."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Result of a private selection.

    Attributes
    ----------
    index : int
        Index of the selected candidate.
    receipt : Receipt or None
        Receipt of the ledger that was charged, if any.
    """

    index: int
    receipt: Receipt | None


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """Result of a randomized response.

    Attributes
    ----------
    values : (n,) int64
        Randomized answers, from 0 to k - 1.
    receipt : Receipt or None
        Receipt of the ledger that was charged, if any.
    """

    values: Ints
    receipt: Receipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyMax:
    """Report noisy max: select the candidate whose score with discrete Laplace noise is largest.

    epsilon-private, with noise of scale ``2 * sensitivity / epsilon`` on each score; only the index is released.
    Ties go to the first candidate.

    Parameters
    ----------
    epsilon : number
        Above 0; a float is rounded down.
    sensitivity : int
        The most that one privacy unit changes a score, at least 1, under the neighbors that the ledger protects.

    Raises
    ------
    NumberError
        A parameter is out of range, or the noise would be too wide to draw.

    References
    ----------
    Dwork, Roth (2014), The algorithmic foundations of differential privacy, claim 3.9. The proof needs noise that is
    monotone in the score; it holds for the discrete Laplace distribution and this order of ties.

    Examples
    --------
    >>> NoisyMax(epsilon=50, sensitivity=1).choose([3, 12, 7], ledger=None, dataset="votes")
    Selection(index=1, receipt=None)
    """

    epsilon: Exact
    sensitivity: int

    def __post_init__(self) -> None:
        Laplace(2 * self._engine.sensitivity / self._engine.epsilon)

    @property
    def _engine(self) -> selection.NoisyMax:
        return selection.NoisyMax(_epsilon(self.epsilon), _sensitivity(self.sensitivity))

    @property
    def event(self) -> str:
        """Privacy event of one selection, as JSON, for `shoal.privacy_spent`."""
        return events.to_json(self._engine.event())

    def choose(self, scores: Sequence[int], *, ledger: LedgerOrPath, dataset: str) -> Selection:
        """Charge the ledger, draw the noise, and return the index of the selected candidate.

        Parameters
        ----------
        scores : sequence of int
            Score of each candidate; beyond 2**62 they are clamped. Their number is public.
        ledger : Ledger, path or None
            None, said on purpose, charges nothing.
        dataset : str
            Name of the data, for the ledger.

        Raises
        ------
        BudgetExhausted
            The budget is too small; nothing was charged or drawn.
        InputError
            There is no score, or a score is not an integer; nothing was charged.
        LedgerError
            The ledger is damaged or cannot be written.
        """
        return _chosen(self, self._engine, scores, ledger, dataset)


@dataclass(frozen=True, slots=True, kw_only=True)
class PermuteAndFlip:
    """Permute-and-flip: select a candidate with a high score; never worse than the exponential mechanism.

    epsilon-private: in random order, each candidate is accepted with probability
    ``exp(epsilon * (score - best) / (2 * sensitivity))``, met exactly.

    Parameters
    ----------
    epsilon : number
        Above 0; a float is rounded down.
    sensitivity : int
        The most that one privacy unit changes a score, at least 1, under the neighbors that the ledger protects.

    Raises
    ------
    NumberError
        A parameter is out of range.

    References
    ----------
    McKenna, Sheldon (2020), Permute-and-flip: a new mechanism for differentially private selection, algorithm 1 and
    theorem 1. The privacy loss is not of bounded range, so it is charged by its epsilon alone.

    Examples
    --------
    >>> PermuteAndFlip(epsilon=50, sensitivity=1).choose([3, 12, 7], ledger=None, dataset="votes").index
    1
    """

    epsilon: Exact
    sensitivity: int

    def __post_init__(self) -> None:
        _ = self._engine

    @property
    def _engine(self) -> selection.PermuteAndFlip:
        return selection.PermuteAndFlip(_epsilon(self.epsilon), _sensitivity(self.sensitivity))

    @property
    def event(self) -> str:
        """Privacy event of one selection, as JSON, for `shoal.privacy_spent`."""
        return events.to_json(self._engine.event())

    def choose(self, scores: Sequence[int], *, ledger: LedgerOrPath, dataset: str) -> Selection:
        """Charge the ledger, draw, and return the index of the selected candidate; arguments as for `NoisyMax`."""
        return _chosen(self, self._engine, scores, ledger, dataset)


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
        return selection.AboveThreshold(_epsilon(self.epsilon), threshold, _sensitivity(self.sensitivity))

    @property
    def event(self) -> str:
        """Privacy event of one test, as JSON, for `shoal.privacy_spent`."""
        return events.to_json(self._engine.event())

    def begin(self, *, ledger: LedgerOrPath, dataset: str) -> "ThresholdTest":
        """Charge the ledger, draw the noise of the threshold, and return the test; errors as for `NoisyMax.choose`."""
        engine = self._engine
        with Keystream.secure() as stream:
            engine.begin(stream).is_above(0)
        receipt = _charge(self, engine.event(), ledger, dataset, distribution="laplace")
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
        return self._asked.is_above(_integer(answer, "an answer"))

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a copy could ask again with the same noise."""
        msg = "a threshold test cannot be pickled, as its copy would ask again for one charge; begin another test"
        raise TypeError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomizedResponse:
    """Randomized response: keep each answer among k, or replace it by another one, uniformly.

    epsilon-private for each answer by itself: it is kept with probability ``exp(epsilon) / (exp(epsilon) + k - 1)``,
    met exactly. The number of answers is public, so this is private under change-one neighbors only, with one answer
    of each privacy unit.

    Parameters
    ----------
    epsilon : number
        Above 0; a float is rounded down.
    k : int
        Number of possible answers, at least 2.

    Raises
    ------
    NumberError
        A parameter is out of range.

    References
    ----------
    Warner (1965), Randomized response, for two answers; Kairouz, Oh, Viswanath (2016), Extremal mechanisms for local
    differential privacy, section 4.1, for k.

    Examples
    --------
    >>> responses = RandomizedResponse(epsilon=40, k=3)
    >>> responses.respond([0, 1, 2], ledger=None, dataset="survey").values.tolist()
    [0, 1, 2]
    """

    epsilon: Exact
    k: int

    def __post_init__(self) -> None:
        _ = self._engine

    @property
    def _engine(self) -> randomized_response.RandomizedResponse:
        k = count(self.k, name="k", least=2, most=1 << 32)
        return randomized_response.RandomizedResponse(_epsilon(self.epsilon), k)

    @property
    def event(self) -> str:
        """Privacy event of one answer, as JSON, for `shoal.privacy_spent`."""
        return events.to_json(self._engine.event())

    def respond(self, answers: Sequence[int] | Ints, *, ledger: LedgerOrPath, dataset: str) -> Responses:
        """Charge the ledger once for all answers, one of each privacy unit, and return them randomized.

        Parameters
        ----------
        answers : (n,) sequence of int
            From 0 to k - 1; one of each privacy unit.
        ledger : Ledger, path or None
            None, said on purpose, charges nothing.
        dataset : str
            Name of the data, for the ledger.

        Raises
        ------
        BudgetExhausted
            The budget is too small; nothing was charged or drawn.
        InputError
            An answer is not an integer from 0 to k - 1; nothing was charged.
        PolicyError
            The ledger protects add-remove neighbors.
        LedgerError
            The ledger is damaged or cannot be written.
        """
        engine = self._engine
        values = np.array([_integer(one, "an answer") for one in answers], np.int64)
        with Keystream.secure() as stream:
            engine.respond(values[:1] * 0, stream)
            engine.check(values)
        receipt = _charge(self, engine.event(), ledger, dataset, change_one=True)
        with Keystream.secure() as stream:
            return Responses(engine.respond(values, stream), receipt)

    def estimate(self, values: Ints) -> npt.NDArray[np.float64]:
        """Return unbiased estimates of the shares of the true answers, (k,) float64, from randomized ones.

        They may be below 0 or above 1. This costs nothing.
        """
        return self._engine.estimate(values)


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


_Selecting = TypeVar("_Selecting", NoisyMax, PermuteAndFlip)


class _Charged(Protocol):
    """A mechanism with an epsilon."""

    @property
    def epsilon(self) -> Exact: ...


def _chosen(
    mechanism: _Selecting,
    engine: selection.NoisyMax | selection.PermuteAndFlip,
    scores: Sequence[int],
    ledger: LedgerOrPath,
    dataset: str,
) -> Selection:
    """Check the scores, charge, and select."""
    clamped = [_integer(score, "a score") for score in scores]
    if not clamped:
        msg = "there is nothing to select from; give at least one score"
        raise InputError(msg)
    with Keystream.secure() as stream:
        engine.choose([0, 0], stream)
    distribution = "laplace" if isinstance(engine, selection.NoisyMax) else None
    receipt = _charge(mechanism, engine.event(), ledger, dataset, distribution=distribution)
    with Keystream.secure() as stream:
        return Selection(engine.choose(clamped, stream), receipt)


def _charge(
    mechanism: _Charged,
    event: events.Event,
    ledger: LedgerOrPath,
    dataset: str,
    *,
    distribution: DistributionName | None = None,
    change_one: bool = False,
) -> Receipt | None:
    """Charge a ledger durably for one release, and return its receipt."""
    text_of(dataset, name="dataset")
    opened = open_ledger(ledger)
    if opened is None:
        return None
    if change_one and opened.neighbors != "change-one":
        msg = (
            f"the ledger protects {opened.neighbors} neighbors, and randomized response protects change-one only, as "
            "the number of answers is public; use a ledger of change-one"
        )
        raise PolicyError(msg)
    cost = ledger_cost(opened, event, _epsilon(mechanism.epsilon), Fraction(0))
    policy = hashlib.sha256(repr(mechanism).encode()).hexdigest()
    return opened.debit(
        *cost,
        events=events.to_json(event),
        dataset=dataset,
        policy=policy,
        distribution=distribution,
        label=type(mechanism).__name__,
    )


def _epsilon(value: Exact) -> Fraction:
    """Return an epsilon exactly; NumberError if it is out of range."""
    found = positive(value, name="epsilon", toward="down")
    check_epsilon(found)
    return found


def _sensitivity(value: int) -> int:
    return count(value, name="sensitivity", most=MOST)


def _integer(value: object, what: str) -> int:
    """Return an integer, clamped to `MOST`: clamping moves no two values further apart."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        found = operator.index(value)  # pyright: ignore[reportArgumentType] - callers may be untyped
    except TypeError:
        msg = f"{what} is an integer, not a {type(value).__name__}; round it before, within the sensitivity"
        raise InputError(msg) from None
    return max(-MOST, min(MOST, found))
