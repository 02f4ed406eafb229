"""Budget of a private training: sample the nodes of a round, and charge it before it begins.

The unit that is protected is a node, which comes or goes with all that it sends. Each round releases one vector with
discrete Gaussian noise on a sum that a node moves by at most `sensitivity` steps. It is charged as Gaussian noise, for
which the distributions of losses are exact whatever the dimension: noise of sigma steps, 2**40 or so, is Gaussian noise
rounded to whole steps except with probability at most 1 / (40 sigma**2) a value, and that is charged to delta.

    The distance in total variation is half the sum over whole z of what the integral of the density from z - 1/2 to
    z + 1/2 and its value at z differ by: at most max abs(f'') / 24 in each step, and so
    (integral of abs(f'') + variation of f'') / 48 = (4 exp(-1/2) / sigma + O(1 / sigma**2)) / (48 sigma sqrt(2 pi)),
    which is 0.0202 / sigma**2. Rounded Gaussian noise is a function of what the Gaussian mechanism releases. Over
    rounds and values the distances add up to some t, and what is (epsilon, d)-private with the one noise is
    (epsilon, d + (1 + exp(epsilon)) t)-private with the other.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NoReturn

from shoal_engine.differential import events
from shoal_engine.differential.accounting.accountant import least_scale, privacy_spent
from shoal_engine.differential.exact_numbers import Exact, exact
from shoal_engine.differential.samplers import bernoulli
from shoal_engine.errors import BudgetExhausted, NumberError
from shoal_engine.federated.sums.fixed_point_sums import CLIP_BITS
from shoal_engine.ledger import Ledger
from shoal_engine.randomness import Keystream

_FOR_ROUNDING: Final = Fraction(1, 1000)
"""Share of delta for what discrete noise differs from Gaussian noise."""
_PER_VALUE: Final = Fraction(1, 40)
_LARGEST_MULTIPLIER: Final = 1 << 9
"""Of noise on the grid of clipped sums."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to release one round, paid for; whoever adds noise uses it up.

    Attributes
    ----------
    number : int
        Number of the round, from 1.
    noise_multiplier : Fraction
        Deviation of the noise over the sensitivity.
    size : int
        Values that may be released.
    nodes : frozenset of str or None
        That were drawn, where only such may count: the round is charged as one of a sample.
    """

    number: int
    noise_multiplier: Fraction
    size: int
    nodes: frozenset[str] | None = field(default=None, repr=False)
    _unused: list[bool] = field(default_factory=lambda: [True], init=False, repr=False, compare=False)

    def use(self) -> None:
        """Use the permit.

        Raises
        ------
        BudgetExhausted
            It was used before: noise is drawn once for one charge.
        """
        try:
            # One step, so that of several threads one succeeds.
            self._unused.pop()
        except IndexError:
            msg = f"round {self.number} was released already, and was paid for once; begin another round"
            nothing = Fraction(0)
            raise BudgetExhausted(msg, asked=(self.noise_multiplier, nothing), remaining=(nothing, nothing)) from None

    def __deepcopy__(self, memo: object) -> "Permit":
        """Return the permit itself: a copy would be another leave that nobody has paid for."""
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled, as a copy could be used again."""
        msg = "a permit allows one release in the process that paid for it, and cannot be pickled"
        raise TypeError(msg)


class PrivateTraining:
    """A budget for the rounds of one training.

    Parameters
    ----------
    epsilon, delta : Fraction, int, Decimal, str or float
        Above 0, and between 0 and 1: for all rounds together. Floats are rounded towards less of it, as by `Budget.of`.
    noise_multiplier : Fraction, int, Decimal, str or float
        Deviation of each round's noise over how far one node moves the sum; at most 512. Floats are rounded towards
        more noise.
    rate : Fraction, int, Decimal, str or float
        Probability that `sample` draws a node into a round. At 1 all take part, whoever chooses them.
    ledger : Ledger, optional
        Is charged with epsilon and delta before the first round.

    Raises
    ------
    NumberError
        A number is out of range.
    BudgetExhausted
        The ledger does not hold as much; nothing was charged.

    Examples
    --------
    >>> training = PrivateTraining(Fraction(3), Fraction(1, 10**5), noise_multiplier=Fraction(4))
    >>> permit = training.begin_round(size=1000)
    >>> permit.number, round(training.spent, 2)
    (1, 0.93)
    """

    def __init__(
        self,
        epsilon: Exact,
        delta: Exact,
        *,
        noise_multiplier: Exact,
        rate: Exact = 1,
        ledger: Ledger | None = None,
    ) -> None:
        epsilon, delta, rate = _budget(epsilon, delta, rate)
        noise_multiplier = exact(noise_multiplier, name="noise_multiplier", toward="up")
        if not (epsilon > 0 and 0 < delta < 1 and 0 < rate <= 1 and 0 < noise_multiplier <= _LARGEST_MULTIPLIER):
            msg = (
                "a training needs an epsilon above 0, a delta between 0 and 1, a rate above 0 and at most 1, and a "
                f"noise_multiplier above 0 and at most {_LARGEST_MULTIPLIER}"
            )
            raise NumberError(msg)
        self.epsilon, self.delta, self.rate, self.noise_multiplier = epsilon, delta, rate, noise_multiplier
        self.rounds = 0
        self._distance = Fraction(0)
        self._drawn: frozenset[str] | None = None
        # Also keeps a training from being copied or pickled, which would double its budget.
        self._charging = threading.Lock()
        if ledger is not None:
            charged = events.to_json(events.ApproximateDP(epsilon, delta))
            promised = {"events": charged, "dataset": "federated training", "policy": ""}
            ledger.debit(
                epsilon,
                delta,
                **promised,
                neighbors="add-remove",
                distribution="gaussian",
                label="federated training",
            )

    @classmethod
    def of_rounds(
        cls,
        n_rounds: int,
        *,
        epsilon: Exact,
        delta: Exact,
        rate: Exact = 1,
        ledger: Ledger | None = None,
    ) -> "PrivateTraining":
        """Return a training with the least noise, within 0.1 %, that allows a number of rounds.

        Where epsilon is so large that it protects nobody, above 25 or so, the noise may come out so small that rounds
        are refused for what discrete noise differs from Gaussian noise.
        """
        epsilon, delta, rate = _budget(epsilon, delta, rate)
        if n_rounds < 1 or not 0 < rate <= 1:
            msg = "a training has at least one round, and a rate above 0 and at most 1"
            raise NumberError(msg)
        target = delta * (1 - _FOR_ROUNDING)
        multiplier = least_scale(lambda z: _rounds(n_rounds, z, rate), epsilon=epsilon, delta=target)
        return cls(epsilon, delta, noise_multiplier=multiplier, rate=rate, ledger=ledger)

    def sample(self, nodes: Sequence[str], *, _stream: Keystream | None = None) -> list[str]:
        """Draw the nodes of a round: each with probability `rate`, secretly and independently (a Poisson sample).

        Only rounds whose nodes were drawn here are charged less than rounds of all nodes. Whoever takes part must not
        be disclosed to anybody, and a round of few, or of nobody, is released like any other. Updates of other nodes
        are ignored.
        """
        if self.rate == 1:
            return list(nodes)
        if _stream is not None:
            taken = self._sampled(nodes, _stream)
        else:
            with Keystream.secure() as stream:
                taken = self._sampled(nodes, stream)
        self._drawn = frozenset(taken)
        return taken

    def _sampled(self, nodes: Sequence[str], stream: Keystream) -> list[str]:
        taken = bernoulli(stream, self.rate, len(nodes))
        return [node for node, takes_part in zip(nodes, taken.tolist(), strict=True) if takes_part]

    def begin_round(self, *, size: int) -> Permit:
        """Charge a round, before anything is sent.

        Parameters
        ----------
        size : int
            Values that are released.

        Raises
        ------
        BudgetExhausted
            With this round the training would cost more than its epsilon and delta; nothing was charged.
        NumberError
            A rate below 1 was declared, and no nodes were drawn by `sample` for this round; or the size is below 0.
        """
        if size < 0:
            msg = "a round releases no less than 0 values"
            raise NumberError(msg)
        with self._charging:
            return self._begun(size)

    def _begun(self, size: int) -> Permit:
        """Charge a round; one thread at a time."""
        if self.rate < 1 and self._drawn is None:
            msg = f"a rate of {float(self.rate):g} is declared; draw this round's nodes by `sample` before it begins"
            raise NumberError(msg)
        sigma = self.noise_multiplier * (1 << CLIP_BITS)
        distance = self._distance + size * _PER_VALUE / sigma**2
        cost = self._cost(self.rounds + 1)
        # exp of what is spent, and not of what may be.
        apart = (1 + Fraction(math.exp(min(cost, 700.0)))) * distance
        if cost > self.epsilon or apart > self.delta * _FOR_ROUNDING:
            would = f"to epsilon {cost:.4g} at delta {float(self.delta):.3g}, and it may cost {float(self.epsilon):.4g}"
            if cost <= self.epsilon:
                # Of the rounding of noise, which matters where epsilon is too large to protect anybody.
                would = (
                    f"to epsilon {cost:.4g}, at which its noise differs from Gaussian noise by a delta of "
                    f"{float(apart):.3g}, and it may by {float(self.delta * _FOR_ROUNDING):.3g}"
                )
            msg = (
                f"round {self.rounds + 1} would bring the training {would}; nothing was sent or charged: "
                "stop here, or begin a training with more noise or a larger budget"
            )
            left = max(Fraction(0), self.epsilon - Fraction(self.spent))
            asked = Fraction(cost) if math.isfinite(cost) else self.epsilon + 1
            raise BudgetExhausted(msg, asked=(asked, self.delta), remaining=(left, self.delta))
        self.rounds += 1
        self._distance = distance
        drawn, self._drawn = self._drawn, None
        return Permit(self.rounds, self.noise_multiplier, size, drawn)

    @property
    def spent(self) -> float:
        """Return the epsilon of all rounds begun so far, at the training's delta."""
        return self._cost(self.rounds) if self.rounds else 0.0

    def _cost(self, rounds: int) -> float:
        event = _rounds(rounds, self.noise_multiplier, self.rate)
        return privacy_spent(event, delta=self.delta * (1 - _FOR_ROUNDING)).epsilon


def _budget(epsilon: Exact, delta: Exact, rate: Exact) -> tuple[Fraction, Fraction, Fraction]:
    """Return the numbers of a training as they are accounted for; a larger rate costs more."""
    return (
        exact(epsilon, name="epsilon", toward="down"),
        exact(delta, name="delta", toward="down"),
        exact(rate, name="rate", toward="up"),
    )


def _rounds(n: int, multiplier: Fraction, rate: Fraction) -> events.Event:
    """Return the privacy event of some rounds."""
    once: events.Event = events.Gaussian(multiplier, Fraction(1))
    return events.Repeated(once if rate == 1 else events.PoissonSampled(rate, once), n)
