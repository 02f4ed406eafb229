"""`hospital_frontier`: what a party's privacy costs a federated training, on the four hospitals' patients.

Rounds run in this process, with the engine's own aggregators: no Flower, no network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from itertools import product
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from shoal.demo.hospital_training import CLIP, STEPS, Patients, Weights, joined, parties_of, patients, untaught
from shoal_engine.differential.accounting.advantage import membership_advantage
from shoal_engine.differential.exact_numbers import Exact, count, exact
from shoal_engine.errors import InputError, NumberError, PolicyError
from shoal_engine.federated.privacy.private_training import Permit, PrivateTraining
from shoal_engine.frontier.described import described
from shoal_engine.frontier.points import front
from shoal_engine.frontier.recommendation import Limits, Recommendation, recommend
from shoal_engine.frontier.trainings import TrainingPoint, interval
from shoal_engine.html_tables import html_summary

if TYPE_CHECKING:
    pass

LEAST_REPEATS, MOST_PARTIES, MOST_ROUNDS = 2, 128, 1000


@dataclass(frozen=True, slots=True)
class TrainingFrontier:
    """Federated trainings that were tried.

    Attributes
    ----------
    points : tuple of TrainingPoint
        By epsilon, rounds and parties, as they were given; no noise is last.
    lines : dict of str to float
        Accuracy of a model of all rows in one place, and of telling everybody the more frequent answer.
    recommendation : Recommendation, optional
        None where no limit is given.
    repeats, seed : int
    notes : tuple of str
    """

    points: tuple[TrainingPoint, ...]
    lines: dict[str, float]
    recommendation: Recommendation | None
    repeats: int
    seed: int
    notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """Return the points as a frame, with whether no other point beats each."""
        rows = [msgspec.structs.asdict(one) for one in self.points]
        return pl.DataFrame(rows).with_columns(pl.Series("front", front(self.points), pl.Boolean))

    def to_dict(self) -> dict[str, Any]:
        """Return every figure for JSON, in the shape of other frontiers."""
        usefulness = "accuracy on patients that no one trained on"
        shape = described(self.points, self.recommendation, strength="parties", usefulness=usefulness, lines=self.lines)
        return {**shape, "repeats": self.repeats, "seed": self.seed, "notes": list(self.notes)}

    def __repr__(self) -> str:
        """Return a one-line summary."""
        what = "no limit given" if self.recommendation is None else self.recommendation.text
        return f"TrainingFrontier({len(self.points)} trainings, {self.repeats} times each: {what})"

    def _repr_html_(self) -> str:
        """Return the points as HTML, for notebooks."""
        rows = [
            [one.method, *(f"{value:.3f}" for value in (one.risk, one.accuracy, one.low, one.high)), str(one.parties)]
            for one in self.points
        ]
        header = ["training", "membership advantage", "accuracy", "from", "to", "parties"]
        text = "Trainings that were tried" if self.recommendation is None else self.recommendation.text
        return html_summary(text, header, rows, self.notes)


def hospital_frontier(
    *,
    epsilon: Sequence[Exact | None],
    rounds: Sequence[int],
    parties: Sequence[int],
    seed: int,
    delta: Exact = "1e-5",
    repeats: int = 10,
    limits: Limits | None = None,
) -> TrainingFrontier:
    """Train the four hospitals' model for each epsilon, number of rounds and number of parties.

    What is protected is a party with all its patients: noise hides whether it took part, and so costs accuracy that
    grows as parties get fewer. Parties hold the same patients in all trainings: the largest is halved until there are
    as many as asked for, or the two smallest join.

    Parameters
    ----------
    epsilon : sequence of number or None
        Budgets of a whole training to try; None for no noise, with parties weighted by their patients.
    rounds, parties : sequence of int
        1 to 1000, and 2 to 128.
    seed : int
        Of who goes where. The same seed gives the same accuracies where no noise is added; noise is secret.
    delta : number
        Of each epsilon.
    repeats : int
        Trainings of each setting, at least 2: other patients are held out in each, with other noise.
    limits : Limits, optional
        What must be met: `max_risk`, of the membership advantage, and `min_accuracy`.

    Raises
    ------
    InputError
        scikit-learn, which has the patients, is not installed.
    NumberError, PolicyError
        A number is out of range, nothing is to be tried, or a limit is not one of trainings.

    References
    ----------
    McMahan, Ramage, Talwar, Zhang (2018), Learning differentially private recurrent language models, algorithm 1.
    Kairouz, Oh, Viswanath (2015), The composition theorem for differential privacy, theorem 2.1: the risk.

    Examples
    --------
    >>> from shoal.federated import hospital_frontier
    >>> found = hospital_frontier(epsilon=[None], rounds=[5], parties=[4], seed=1, repeats=2)  # doctest: +SKIP
    >>> found.points[0].risk  # doctest: +SKIP
    1.0
    """
    budgets = _budgets(epsilon)
    n_rounds = [count(one, name="rounds", most=MOST_ROUNDS) for one in dict.fromkeys(rounds)]
    n_parties = [count(one, name="parties", least=2, most=MOST_PARTIES) for one in dict.fromkeys(parties)]
    repeats = count(repeats, name="repeats", least=LEAST_REPEATS, most=10_000)
    seed = count(seed, name="seed", least=0)
    failure = exact(delta, name="delta", toward="down")
    limits = limits or Limits()
    if not budgets or not n_rounds or not n_parties:
        msg = "nothing is to be tried; give at least one epsilon (or None), number of rounds and number of parties"
        raise NumberError(msg)
    if limits.max_mean_risk is not None or limits.max_error is not None:
        msg = "trainings have limits max_risk, of the membership advantage, and min_accuracy; leave the others out"
        raise PolicyError(msg)
    if find_spec("sklearn") is None:
        msg = "the hospitals' patients are those of scikit-learn; install it with: pip install 'shoal[ml]'"
        raise InputError(msg)
    # Noise is searched for once for each number of rounds, before anything is trained.
    noises = {pair: _noise(*pair, failure) for pair in product(budgets, n_rounds)}
    dealt = [patients((seed, place)) for place in range(repeats)]
    points = tuple(
        _point(noises[budget, n], budget, failure, n, at, dealt)
        for budget, n, at in product(budgets, n_rounds, n_parties)
    )
    steps = max(n_rounds) * STEPS
    lines = {
        "pooled": float(np.mean([tested.accuracy(joined(homes).taught(untaught(), steps)) for homes, tested in dealt])),
        "majority": float(np.mean([_majority(joined(homes), tested) for homes, tested in dealt])),
    }
    rows, tested = len(joined(dealt[0][0])), len(dealt[0][1])
    notes = [
        f"{rows} patients train and {tested} test, others in each repeat; intervals are those of the mean",
        "risk is of whether one party, with all its patients, took part; without noise nothing is promised; the more "
        "parties there are, the fewer patients each stands for",
        f"every party takes part in every round, with {STEPS} steps of its own; changes are clipped to {CLIP}",
    ]
    return TrainingFrontier(points, lines, recommend(points, limits), repeats, seed, tuple(notes))


def _budgets(epsilon: Sequence[Exact | None]) -> list[Fraction | None]:
    """Return budgets, ascending, each once; none is last."""
    given = {None if one is None else exact(one, name="epsilon", toward="down") for one in epsilon}
    return [*sorted(one for one in given if one is not None), *[None] * (None in given)]


def _noise(epsilon: Fraction | None, n_rounds: int, delta: Fraction) -> Fraction | None:
    """Return the noise multiplier of each round."""
    if epsilon is None:
        return None
    return PrivateTraining.of_rounds(n_rounds, epsilon=epsilon, delta=delta).noise_multiplier


def _point(
    noise: Fraction | None,
    epsilon: Fraction | None,
    delta: Fraction,
    n_rounds: int,
    n_parties: int,
    dealt: Sequence[tuple[Sequence[Patients], Patients]],
) -> TrainingPoint:
    """Train one setting on each deal of the patients."""
    accuracies = list[float]()
    for homes, tested in dealt:
        accuracies.append(tested.accuracy(trained(parties_of(homes, n_parties), n_rounds, noise)))
    mean, low, high = interval(accuracies)
    budget = "no noise" if epsilon is None else f"epsilon = {float(epsilon):g}"
    return TrainingPoint(
        method=f"{budget}, {n_rounds} rounds",
        epsilon=None if epsilon is None else float(epsilon),
        delta=0.0 if epsilon is None else float(delta),
        rounds=n_rounds,
        parties=n_parties,
        risk=1.0 if epsilon is None else membership_advantage(float(epsilon), float(delta)),
        accuracy=mean,
        low=low,
        high=high,
    )


def trained(homes: Sequence[Patients], n_rounds: int, noise: Fraction | None) -> Weights:
    """Return the model after some rounds, by the engine's aggregators.

    Nobody is charged: these patients' rows are public, and each training stands for one that would be.
    """
    from shoal_engine.federated.privacy.private_averaging import PrivateMean
    from shoal_engine.federated.rules.averaging import WeightedMean
    from shoal_engine.federated.updates.model import Model
    from shoal_engine.federated.updates.round import UpdateChecks
    from shoal_engine.federated.updates.update import Update

    model, most = untaught(), float(max(map(len, homes)))
    for number in range(1, n_rounds + 1):
        start = Model.of_arrays(model)
        checks = UpdateChecks(like=start, max_weight=most)
        mean: WeightedMean | PrivateMean = WeightedMean(checks)
        if noise is not None:
            mean = PrivateMean(checks, Permit(number, noise, start.size), clip=CLIP, expected_updates=len(homes))
        for place, home in enumerate(homes):
            mean.observe(Update.of_arrays(home.taught(model, STEPS), node=str(place), weight=len(home)))
        model = mean.release().model.arrays()
    return model


def _majority(homes: Patients, tested: Patients) -> float:
    """Return the accuracy of telling everybody what most patients are."""
    return float(np.mean((tested.ill > 0) == (float(homes.ill.mean()) > 1 / 2)))
