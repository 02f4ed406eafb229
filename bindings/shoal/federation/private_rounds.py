"""Private rounds: who takes part is drawn, each round is paid for before it starts, and noise is added once."""

from collections.abc import Sequence
from dataclasses import dataclass

from shoal_engine.errors import UpdateError
from shoal_engine.federated.privacy.private_averaging import (
    AdaptiveClip,
    PrivateMean,
    PrivateRoundResult,
    check_numbers,
)
from shoal_engine.federated.privacy.private_training import PrivateTraining
from shoal_engine.federated.updates.round import RoundResult, UpdateChecks


@dataclass(slots=True)
class PrivateRounds:
    """The rounds of a training whose nodes are protected, by `PrivateMean`.

    Parameters
    ----------
    training : PrivateTraining
        The budget.
    clip : float or AdaptiveClip
        Bound on the norms of changes; if it adapts, this is the next round's.
    expected_updates : float
        The number of nodes times the training's rate.
    weight_cap : float, optional
        Cap of claimed weights. Default: all weigh the same.

    Raises
    ------
    UpdateError
        A number is out of range; no round was charged.

    Examples
    --------
    >>> from fractions import Fraction
    >>> training = PrivateTraining.of_rounds(10, epsilon=Fraction(4), delta=Fraction(1, 10**5), rate=Fraction(1, 10))
    >>> rounds = PrivateRounds(training, clip=1.0, expected_updates=100)
    >>> rounds.spent()
    {'epsilon': 0.0, 'delta': 1e-05}
    """

    training: PrivateTraining
    clip: float | AdaptiveClip
    expected_updates: float
    weight_cap: float | None = None

    def __post_init__(self) -> None:
        check_numbers(self.clip, self.expected_updates, self.weight_cap)

    def sample(self, nodes: Sequence[str]) -> list[str]:
        """Draw who takes part in a round: each with the training's rate, secretly."""
        return self.training.sample(nodes)

    def begin(self, checks: UpdateChecks) -> PrivateMean:
        """Charge a round and return its aggregator.

        Raises
        ------
        BudgetExhausted
            The budget does not hold another round; nothing was charged.
        UpdateError
            The round's model is not known.
        """
        if checks.like is None:
            msg = "a private round begins with the model that is sent out; configure it first"
            raise UpdateError(msg)
        permit = self.training.begin_round(size=checks.like.size + isinstance(self.clip, AdaptiveClip))
        return PrivateMean(
            checks,
            permit,
            clip=self.clip,
            expected_updates=self.expected_updates,
            weight_cap=self.weight_cap,
        )

    def note(self, released: RoundResult) -> None:
        """Take the next round's clip."""
        if isinstance(released, PrivateRoundResult):
            self.clip = released.clip

    def spent(self) -> dict[str, float]:
        """Return the epsilon of all rounds begun so far, at the training's delta."""
        return {"epsilon": self.training.spent, "delta": float(self.training.delta)}
