"""Whole group-bys under audit, from rows to answer: many units at once, each a run of its own with groups of its own.

Every run has a unit, which is there or is not (or is another), in groups that no other unit of a run is in. Noise is
drawn for each group by itself, so one release of many groups is many independent runs.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.differential.audit.evidence import Draw, Outputs
from shoal_engine.differential.named_choices import DistributionName
from shoal_engine.differential.queries.aggregates import Aggregate, Count
from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.budget import QueryBudget
from shoal_engine.differential.queries.moments import Mean, Sum
from shoal_engine.differential.queries.private_group_by import GroupQuery, Neighbors, Observation
from shoal_engine.observing import observe_all
from shoal_engine.randomness.keystream import Keystream

Ints = npt.NDArray[np.int64]

BOUNDS = (Fraction(-10), Fraction(5))
"""Of the values; the lower is further from 0, and is where the units stand."""
ONE = Fraction(1)
_KEY = bytes(16)
_LEFT_OUT = -30.0
"""Stands for a group that was not chosen: far below the counts, and near enough to leave their spread."""


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
