"""Private rounds of a federation, one after the other: what a driver asks before it sends, and what it aggregates by."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shoal_engine.errors import NumberError
from shoal_engine.federated.private_averaging import AdaptiveClip, PrivateAggregate, PrivateMean
from shoal_engine.federated.private_training import Permit, PrivateTraining
from shoal_engine.federated.rounds import Admission


class PrivateRounds:
    """The private mean for a driver such as Flower's, round after round, with a clip that may adapt.

    Parameters
    ----------
    training : PrivateTraining
    clip : float or AdaptiveClip
        Of the first round.
    n_nodes : int
        Of the federation: public, and fixed.
    weight_cap : float, optional
        As of `PrivateMean`.

    Raises
    ------
    NumberError
        There is no node.
    """

    def __init__(
        self, training: PrivateTraining, *, clip: float | AdaptiveClip, n_nodes: int, weight_cap: float | None = None
    ) -> None:
        if n_nodes < 1:
            msg = "a federation has at least one node"
            raise NumberError(msg)
        self.training = training
        self.clip = clip
        self.n_nodes = n_nodes
        self.weight_cap = weight_cap
        self._permit: Permit | None = None

    def sample(self, nodes: Sequence[str]) -> list[str]:
        """Draw the nodes of the next round, as `PrivateTraining.sample`."""
        return self.training.sample(nodes)

    def begin(self, size: int) -> None:
        """Charge the next round, before anything is sent; errors as of `PrivateTraining.begin_round`."""
        self._permit = self.training.begin_round(size=size)

    def aggregator(self, admission: Admission, rule: Callable[..., Any] | None = None) -> "_OneRound":
        """Return the aggregator of the round that was begun; `rule` has no say, as only the mean is private.

        Raises
        ------
        NumberError
            No round was begun.
        """
        del rule
        if self._permit is None:
            msg = "no private round was begun; ask `begin` before anything is sent"
            raise NumberError(msg)
        permit, self._permit = self._permit, None
        return _OneRound(self, admission, permit)

    def spent(self) -> Mapping[str, float]:
        """Return epsilon and delta of all rounds begun so far."""
        return {"epsilon": self.training.spent, "delta": float(self.training.delta)}


class _OneRound(PrivateMean):
    """A private mean that hands its next clip on."""

    def __init__(self, rounds: PrivateRounds, admission: Admission, permit: Permit) -> None:
        expected = float(rounds.n_nodes * rounds.training.rate)
        super().__init__(
            admission, permit, clip=rounds.clip, expected_updates=expected, weight_cap=rounds.weight_cap
        )
        self._rounds = rounds

    def release(self, **options: Any) -> PrivateAggregate:
        """Release the round."""
        released = super().release(**options)
        self._rounds.clip = released.clip
        return released
