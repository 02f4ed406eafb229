"""Subjects of audits: every mechanism, and whole group-bys, on neighbors that are as far apart as allowed.

Whole group-bys under audit, from rows to answer: many units at once, each a run of its own with groups of its own.

Every run has a unit, which is there or is not (or is another), in groups that no other unit of a run is in. Noise is
drawn for each group by itself, so one release of many groups is many independent runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.differential.accounting import gaussian
from shoal_engine.differential.audit.evidence import Claim, Draw, Outputs
from shoal_engine.differential.mechanisms.additive import GaussianNoise, LaplaceNoise
from shoal_engine.differential.mechanisms.randomized_response import RandomizedResponse
from shoal_engine.differential.mechanisms.selection import AboveThreshold, Exponential, NoisyMax, PermuteAndFlip
from shoal_engine.differential.named_choices import DistributionName
from shoal_engine.differential.queries.aggregates import Aggregate, Count, DistinctCount, Quantile
from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.budget import QueryBudget
from shoal_engine.differential.queries.choosing_keys import GaussianThreshold, LaplaceThreshold, TruncatedGeometric
from shoal_engine.differential.queries.moments import Mean, Sum, Variance
from shoal_engine.differential.queries.private_group_by import GroupQuery, Neighbors, Observation
from shoal_engine.observing import observe_all
from shoal_engine.randomness import Keystream

Ints = npt.NDArray[np.int64]

BOUNDS = (Fraction(-10), Fraction(5))
"""Of the values; the lower is further from 0, and is where the units stand."""
ONE = Fraction(1)
_KEY = bytes(16)
_LEFT_OUT = -30.0
"""Stands for a group that was not chosen: far below the counts, and near enough to leave their spread."""
_SCORES = {1: [0, 1, 0, 0], 0: [1, 0, 1, 1]}
_BOUNDS = (Fraction(0), Fraction(10))


@dataclass(frozen=True, slots=True)
class Trial:
    """One query; every run has its own groups.

    Attributes
    ----------
    aggregates : tuple of Aggregate
    max_groups, n_groups : int
        Groups that a unit may count in, and that it has rows in.
    budget : QueryBudget
    distribution : str
    neighbors : str
        change-one: the unit is in all but the last of its groups, or in all but the first.
    others : int
        Other units in each group, where keys are chosen.
    """

    aggregates: tuple[Aggregate, ...]
    max_groups: int
    n_groups: int
    budget: QueryBudget
    distribution: DistributionName = "laplace"
    neighbors: Neighbors = "add-remove"
    others: int | None = None

    def query(self, runs: int) -> GroupQuery:
        """Return the query for `runs` runs."""
        keys = pa.table({"key": np.arange(runs * self.n_groups)}) if self.others is None else None
        bounds = Bounds(self.max_groups, 2)
        return GroupQuery(("key",), self.aggregates, ("who",), bounds, keys, self.neighbors)

    def observe(self, world: int, runs: int) -> Observation:
        """Return the rows of all runs, in one of the worlds: 3 of a unit in each of its groups, where 2 count."""
        key = np.arange(runs * self.n_groups)
        unit, place = key // self.n_groups, key % self.n_groups
        if self.neighbors == "change-one":
            is_there = place > 0 if world else place < self.n_groups - 1
        else:
            is_there = np.full(key.size, bool(world))
        batches = [_rows(np.repeat(unit[is_there], 3), np.repeat(key[is_there], 3), float(BOUNDS[0]))]
        if self.others:
            others = runs + np.arange(key.size * self.others)
            batches.append(_rows(others, np.repeat(key, self.others), 0.0))
        return observe_all(Observation(self.query(runs), n_threads=1), batches)

    def draw(self, world: int, runs: int, stream: Keystream) -> Outputs:
        """Return the answers of every run, (runs, groups times aggregates)."""
        query = self.query(runs)
        answer = self.observe(world, runs).finish(_KEY).release(query.allot(self.budget, self.distribution), stream)
        found = np.full((runs * self.n_groups, len(self.aggregates)), _LEFT_OUT)
        key = np.asarray(answer.column("key").to_numpy(), np.int64)
        for place, one in enumerate(self.aggregates):
            found[key, place] = answer.column(one.name).to_numpy(zero_copy_only=False)
        return found.reshape(runs, -1)

    def draw_parts(self, world: int, runs: int, stream: Keystream) -> Outputs:
        """Return the noisy parts of the one aggregate, each over its sensitivity, as somebody could take them apart."""
        query = self.query(runs)
        totals, allotment = self.observe(world, runs).finish(_KEY), query.allot(self.budget, self.distribution)
        ((one, place),) = zip(query.aggregates, totals.places, strict=True)
        kept = np.arange(runs * self.n_groups)
        noisy = totals.noisy_parts(one, place, allotment.mechanisms, kept, stream)
        sizes = [part.sensitivity for part in one.parts(query.reach)]
        return np.stack([part.value / size for part, size in zip(noisy, sizes, strict=True)], axis=1)


def _rows(who: Ints, key: Ints, value: float) -> pa.RecordBatch:
    """Return a batch of rows that all hold one value."""
    return pa.record_batch({"who": who, "key": key, "x": np.full(who.size, value)})


_COUNT = (Count(units=True),)
_SEVERAL = (Count(units=True), Sum("x", BOUNDS, "sum"), Mean("x", BOUNDS, "mean"))
TRIALS: dict[str, Trial] = {
    "group-by-one-group-of-two": Trial(_COUNT, 1, 2, QueryBudget(ONE)),
    "group-by-two-groups": Trial(_COUNT, 2, 2, QueryBudget(ONE)),
    "group-by-two-groups-gaussian": Trial(_COUNT, 2, 2, QueryBudget(ONE, delta=Fraction(1, 100)), "gaussian"),
    "group-by-two-groups-rho": Trial(_COUNT, 2, 2, QueryBudget(rho=Fraction(1, 8)), "gaussian"),
    "group-by-change-one": Trial(_COUNT, 1, 2, QueryBudget(ONE), neighbors="change-one"),
    "group-by-chosen-keys": Trial(_COUNT, 2, 2, QueryBudget(Fraction(2), delta=Fraction(1, 1000)), others=5),
    "group-by-several-aggregates": Trial(_SEVERAL, 1, 1, QueryBudget(ONE)),
}


def trial(name: str) -> Draw:
    """Return the draw of a group-by, from rows to answer."""
    return TRIALS[name].draw


def mean_parts() -> Draw:
    """Return the draw of both parts of a mean of a unit at the lower bound: its sum falls while its count rises."""
    return Trial((Mean("x", BOUNDS, "mean"),), 1, 1, QueryBudget(ONE)).draw_parts


@dataclass(frozen=True, slots=True)
class Subject:
    """One mechanism.

    Attributes
    ----------
    draw : callable
    claim : Claim
    share : float
        Part of the requested runs; slow mechanisms run less often.
    """

    draw: Draw
    claim: Claim
    share: float = 1.0


def _laplace(world: int, runs: int, stream: Keystream) -> Outputs:
    return LaplaceNoise.of_budget(ONE, 1).add(np.full(runs, world, np.int64), stream)


def _gaussian(world: int, runs: int, stream: Keystream) -> Outputs:
    return GaussianNoise(Fraction(4)).add(np.full(runs, world, np.int64), stream)


def _responses(world: int, runs: int, stream: Keystream) -> Outputs:
    return RandomizedResponse(ONE, 3).respond(np.full(runs, world, np.int64), stream)


def _choices(kind: type[Exponential | PermuteAndFlip | NoisyMax]) -> Draw:
    def draw(world: int, runs: int, stream: Keystream) -> Outputs:
        return np.array([kind(Fraction(2)).choose(_SCORES[world], stream) for _ in range(runs)], np.int64)

    return draw


def _first_above(world: int, runs: int, stream: Keystream) -> Outputs:
    """Ask of answers that the unit moves all alike, the last of them by the most."""
    answers = [0, 0, 0, 3] if world else [1, 1, 1, 2]
    stops = np.empty(runs, np.int64)
    for run in range(runs):
        asked = AboveThreshold(ONE, threshold=1).begin(stream)
        stops[run] = next((i for i, answer in enumerate(answers) if asked.is_above(answer)), len(answers))
    return stops


def _kept(kind: type[TruncatedGeometric] | type[LaplaceThreshold], units: int) -> Draw:
    """Return the choice whether to keep a group of some units, or of one less."""

    def draw(world: int, runs: int, stream: Keystream) -> Outputs:
        rule = kind(Fraction(1, 2), Fraction(1, 50))
        return rule.keep(np.full(runs, units - 1 + world, np.int64), stream).astype(np.int64)

    return draw


def _lone(world: int, runs: int, stream: Keystream) -> Outputs:
    """Return the choice whether to keep a group of one unit, or of none, by Gaussian noise."""
    rule = GaussianThreshold(Fraction(4), Fraction(1, 50))
    return rule.keep(np.full(runs, world, np.int64), stream).astype(np.int64)


def _grouped(aggregate: Aggregate) -> Draw:
    """Return a whole group-by, from rows to answer: one group a run, with or without the unit.

    Groups are drawn independently, so one release of many groups is many runs.
    """

    def draw(world: int, runs: int, stream: Keystream) -> Outputs:
        keys = pa.array(np.arange(runs))
        # Somebody else is in every group; the unit stands far from the others, with more rows than may count.
        parts = [(keys, keys, 5.0)] + [(pa.array(np.arange(runs) + runs), keys, 1e6)] * (3 if world else 0)
        query = GroupQuery(("key",), (aggregate,), ("who",), Bounds(1, 2), pa.table({"key": keys}))
        observation = Observation(query, n_threads=1)
        batches = (
            pa.record_batch({"who": who, "key": key, "x": pa.array(np.full(runs, value))}) for who, key, value in parts
        )
        answer = (
            observe_all(observation, batches).finish(_KEY).release(query.allot(QueryBudget(ONE), "laplace"), stream)
        )
        return np.asarray(answer.column(aggregate.name).to_numpy(zero_copy_only=False), np.float64)

    return draw


def _rho_claim() -> Claim:
    """Return what noise of rho = 1/8 costs at delta = 1/100: that of a sigma of 2 sensitivities."""
    return Claim(gaussian.epsilon_for(2.0, 0.01), 0.01)


SUBJECTS: Mapping[str, Callable[[], Subject]] = {
    "laplace": lambda: Subject(_laplace, Claim(1.0)),
    "gaussian": lambda: Subject(_gaussian, Claim(gaussian.epsilon_for(2.0, 0.01), 0.01)),
    "randomized-response": lambda: Subject(_responses, Claim(1.0)),
    "exponential": lambda: Subject(_choices(Exponential), Claim(2.0, of_range=True), 0.1),
    "permute-and-flip": lambda: Subject(_choices(PermuteAndFlip), Claim(2.0), 0.1),
    "noisy-max": lambda: Subject(_choices(NoisyMax), Claim(2.0), 0.1),
    "above-threshold": lambda: Subject(_first_above, Claim(1.0), 0.1),
    "choice-of-keys": lambda: Subject(_kept(TruncatedGeometric, 3), Claim(0.5, 0.02)),
    "threshold-of-keys": lambda: Subject(_kept(LaplaceThreshold, 1), Claim(0.5, 0.02)),
    "gaussian-threshold-of-keys": lambda: Subject(_lone, Claim(0.01, 0.02)),
    "parts-of-a-mean": lambda: Subject(mean_parts(), Claim(1.0), 0.2),
    "group-by-count": lambda: Subject(_grouped(Count("x_count")), Claim(1.0)),
    "group-by-sum": lambda: Subject(_grouped(Sum("x", _BOUNDS, "x_sum")), Claim(1.0)),
    "group-by-mean": lambda: Subject(_grouped(Mean("x", _BOUNDS, "x_mean")), Claim(1.0)),
    "group-by-variance": lambda: Subject(_grouped(Variance("x", _BOUNDS, "x_variance")), Claim(1.0)),
    "group-by-quantile": lambda: Subject(_grouped(Quantile("x", _BOUNDS, "x_q", candidates=5)), Claim(1.0), 0.05),
    "group-by-one-group-of-two": lambda: Subject(trial("group-by-one-group-of-two"), Claim(1.0), 0.2),
    "group-by-two-groups": lambda: Subject(trial("group-by-two-groups"), Claim(1.0), 0.2),
    "group-by-two-groups-gaussian": lambda: Subject(trial("group-by-two-groups-gaussian"), Claim(1.0, 0.01), 0.2),
    "group-by-two-groups-rho": lambda: Subject(trial("group-by-two-groups-rho"), _rho_claim(), 0.2),
    "group-by-change-one": lambda: Subject(trial("group-by-change-one"), Claim(1.0), 0.2),
    "group-by-chosen-keys": lambda: Subject(trial("group-by-chosen-keys"), Claim(2.0, 0.001), 0.2),
    "group-by-several-aggregates": lambda: Subject(trial("group-by-several-aggregates"), Claim(1.0), 0.2),
    "group-by-distinct": lambda: Subject(_grouped(DistinctCount("x", "x_distinct")), Claim(1.0), 0.1),
}
"""By name; made when asked for, as some reckon their claim."""
