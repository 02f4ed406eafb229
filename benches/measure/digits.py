"""Rounds until digits are classified correctly, by the share of clients that take part; and what protection costs.

The shape of table 1 of McMahan et al. (2017), for their 2NN with one epoch of minibatches of 10: with a tenth of the
clients in a round instead of a single one, far fewer rounds are needed (3.6 times fewer there where clients hold images
at random, 4.9 times where each holds two shards); more clients than that help little. Numbers themselves depend on the
images, of which there are 40 times fewer here, and on how many each client holds: among 40 clients of 36 images in
place of 72 of 20, where a single one strays less, a trial gave 1.5 to 1.8 times fewer at random, and 2 times or more
with shards.
"""

import math
import statistics
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Final

from benches.federated_digits import (
    MISSING,
    TRAINED,
    Partition,
    Setting,
    evenly,
    present,
    rounds,
    rounds_to,
    two_shards,
)
from benches.measure.figure import Figure, Options
from shoal.federated import AdaptiveClip, Median, PrivateRounds, PrivateTraining, WeightedMean

CLIENTS: Final = 72
TARGET: Final = 0.93
CAP: Final = 600
"""Rounds after which a training counts as one that does not get there."""
FRACTIONS: Final = (0.0, 0.1, 0.2, 0.5, 1.0)
RATES: Final = (0.2, 0.3, 0.45, 0.7, 1.0, 0.15)
"""Of the descent; the likeliest come first, as the rounds of the best so far are a cap for the others."""
PARTITIONS: Final[dict[str, Partition]] = {"IID": evenly, "two shards a client": two_shards}

FIXED: Final = Setting(CLIENTS, fraction=0.5, rate=0.2)
ROUNDS: Final = 60
HOSTILE: Final = 7
EPSILON, DELTA = Fraction(10), Fraction(1, 1000)


def figures(options: Options) -> Iterator[Figure]:
    """Measure rounds by fraction and partition, then accuracy under attack and with privacy; runs are seeds."""
    if not present():
        print(MISSING, flush=True)
        return
    seeds = range(options.runs_or(3))
    needed = {name: {share: _fewest(share, part, seeds) for share in FRACTIONS} for name, part in PARTITIONS.items()}
    for name, by_share in needed.items():
        for share, (number, rate) in by_share.items():
            note = f"rate {rate:g}" if number < CAP else f"{CAP} rounds did not get there"
            yield Figure(f"{name}: rounds to {TARGET:.0%}, C = {share:g}", number, "rounds", note=note)
    yield from _shape({name: {share: found[0] for share, found in by.items()} for name, by in needed.items()}, seeds)
    yield from _protection(range(options.runs_or(3)))


def _fewest(share: float, partition: Partition, seeds: range) -> tuple[float, float]:
    """Return the least median of rounds over the rates, and its rate; the cap where no rate gets there."""
    best, best_rate = float(CAP), math.nan
    for rate in RATES:
        runs: list[float] = []
        for seed in seeds:
            # A run of more rounds than the best median so far is as good as one without end.
            number = rounds_to(TARGET, rounds(Setting(CLIENTS, share, rate), partition, seed), int(best))
            runs.append(math.inf if number is None else number)
            # Where half of the runs have no end, no other run brings their median back.
            if 2 * runs.count(math.inf) >= len(seeds):
                break
        else:
            if (found := statistics.median_high(runs)) < best:
                best, best_rate = found, rate
    return best, best_rate


def _shape(needed: dict[str, dict[float, float]], seeds: range) -> Iterator[Figure]:
    """Yield the ratios in which the paper's shape is seen."""
    held = f"{CLIENTS} clients of {TRAINED // CLIENTS} images, {TARGET:.0%}, median of {len(seeds)} seeds, best rate"
    gains: dict[str, float] = {}
    for name, by_share in needed.items():
        told = ", ".join(f"{number:.0f} at C = {share:g}" for share, number in by_share.items())
        gains[name] = by_share[0.0] / by_share[0.1]
        what = f"digits, {name}: rounds with one client each over those with a tenth"
        yield Figure(what, gains[name], "×", 2.0, note=f"{held}: {told}")
        what = f"digits, {name}: rounds with a tenth over those with all clients, less than that"
        yield Figure(what, by_share[0.1] / by_share[1.0], "×", gains[name], "less")
    even, shards = PARTITIONS
    yield Figure("digits: the gain by a tenth, with shards over IID", gains[shards] / gains[even], "×", 1.0)
    what = "digits: rounds with shards over rounds IID, a tenth of the clients"
    yield Figure(what, needed[shards][0.1] / needed[even][0.1], "×", 2.0)


def _protection(seeds: range) -> Iterator[Figure]:
    """Yield accuracy after as many rounds of each rule: undisturbed, attacked, and private."""
    reached = {
        (who, name): statistics.median(train(partition, seed) for seed in seeds)
        for who, train in _trainings().items()
        for name, partition in PARTITIONS.items()
    }
    even, shards = PARTITIONS
    marks = {"Mean": 0.9, f"Median, {HOSTILE} hostile at ten times": 0.85, _private_name(): 0.8}
    for who in _trainings():
        for name in PARTITIONS:
            what = f"digits, {name}: accuracy after {ROUNDS} rounds at C = {FIXED.fraction:g}, {who}"
            mark, note = (marks.get(who), f"with shards {reached[who, shards]:.3f}") if name == even else (None, "")
            if mark is not None and who.startswith("Median"):
                against = who.replace("Median", "Mean")
                note += (
                    f"; Mean under the same {reached[against, even]:.3f}, with shards {reached[against, shards]:.3f}"
                )
                note += f"; Median of none hostile {reached['Median', even]:.3f} and {reached['Median', shards]:.3f}"
            yield Figure(what, reached[who, name], "", mark, note=note)


def _trainings() -> dict[str, Callable[[Partition, int], float]]:
    """Return what gives the accuracy after the last round, by name; hostile clients send what they learned reversed."""
    found: dict[str, Callable[[Partition, int], float]] = {}
    for told, hostile, times in (("", 0, 1.0), ("at once", HOSTILE, 1.0), ("at ten times", HOSTILE, 10.0)):
        setting = Setting(FIXED.clients, FIXED.fraction, FIXED.rate, hostile, times)
        for rule in (WeightedMean, Median):
            name = rule.__name__ + (f", {hostile} hostile {told}" if hostile else "")
            found[name] = lambda partition, seed, setting=setting, rule=rule: _last(
                rounds(setting, partition, seed, rule=rule)
            )
    found[_private_name()] = lambda partition, seed: _last(rounds(FIXED, partition, seed, private=_private()))
    return found


def _private() -> PrivateRounds:
    """Return rounds that protect each client, with all its images, by the budget."""
    share = Fraction(FIXED.fraction)
    training = PrivateTraining.of_rounds(ROUNDS, epsilon=EPSILON, delta=DELTA, rate=share)
    return PrivateRounds(training, AdaptiveClip(0.5), float(share * CLIENTS))


def _private_name() -> str:
    return f"PrivateMean, epsilon {float(EPSILON):g} and delta {float(DELTA):g} a client"


def _last(accuracies: Iterator[float]) -> float:
    """Return the accuracy after the last round."""
    return list(islice(accuracies, ROUNDS))[-1]
