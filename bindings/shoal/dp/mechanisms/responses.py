"""Randomized response: answers that are kept or replaced, one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal.dp.mechanisms.charging import charge, epsilon_of, integer_of
from shoal.queries.charging import LedgerOrPath
from shoal_engine.differential import events
from shoal_engine.differential.exact_numbers import Exact, count
from shoal_engine.differential.mechanisms import randomized_response
from shoal_engine.ledger import Receipt
from shoal_engine.randomness import Keystream

Ints = npt.NDArray[np.int64]


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
        return randomized_response.RandomizedResponse(epsilon_of(self.epsilon), k)

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
        values = np.array([integer_of(one, "an answer") for one in answers], np.int64)
        with Keystream.secure() as stream:
            engine.respond(values[:1] * 0, stream)
            engine.check(values)
        receipt = charge(self, engine.event(), ledger, dataset, change_one=True)
        with Keystream.secure() as stream:
            return Responses(engine.respond(values, stream), receipt)

    def estimate(self, values: Ints) -> npt.NDArray[np.float64]:
        """Return unbiased estimates of the shares of the true answers, (k,) float64, from randomized ones.

        They may be below 0 or above 1. This costs nothing.
        """
        return self._engine.estimate(values)
