"""Private selection: the index of the best candidate, by noise or by flips of coins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from shoal.dp.mechanisms.charging import charge, epsilon_of, integer_of, sensitivity_of
from shoal.queries.charging import LedgerOrPath
from shoal_engine.differential import events
from shoal_engine.differential.exact_numbers import Exact
from shoal_engine.differential.mechanisms import selection
from shoal_engine.differential.samplers.distributions import Laplace
from shoal_engine.errors import InputError
from shoal_engine.ledger import Receipt
from shoal_engine.randomness import Keystream


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
        return selection.NoisyMax(epsilon_of(self.epsilon), sensitivity_of(self.sensitivity))

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
        return selection.PermuteAndFlip(epsilon_of(self.epsilon), sensitivity_of(self.sensitivity))

    @property
    def event(self) -> str:
        """Privacy event of one selection, as JSON, for `shoal.privacy_spent`."""
        return events.to_json(self._engine.event())

    def choose(self, scores: Sequence[int], *, ledger: LedgerOrPath, dataset: str) -> Selection:
        """Charge the ledger, draw, and return the index of the selected candidate; arguments as for `NoisyMax`."""
        return _chosen(self, self._engine, scores, ledger, dataset)


_Selecting = TypeVar("_Selecting", NoisyMax, PermuteAndFlip)


def _chosen(
    mechanism: _Selecting,
    engine: selection.NoisyMax | selection.PermuteAndFlip,
    scores: Sequence[int],
    ledger: LedgerOrPath,
    dataset: str,
) -> Selection:
    """Check the scores, charge, and select."""
    clamped = [integer_of(score, "a score") for score in scores]
    if not clamped:
        msg = "there is nothing to select from; give at least one score"
        raise InputError(msg)
    with Keystream.secure() as stream:
        engine.choose([0, 0], stream)
    distribution = "laplace" if isinstance(engine, selection.NoisyMax) else None
    receipt = charge(mechanism, engine.event(), ledger, dataset, distribution=distribution)
    with Keystream.secure() as stream:
        return Selection(engine.choose(clamped, stream), receipt)
