"""A private group-by: the query, its privacy unit, its cost, and its one release.

Whatever the data, one unit more or less changes at most `GroupQuery.reach.max_groups` groups, each by what the parts of
the aggregates say; noise is drawn for that, and the choice of keys is charged in addition. Under `change-one` a unit is
exchanged for another, which is one less and one more: everything moves twice as much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.differential.mechanisms.selection import Exponential
from shoal_engine.differential.named_choices import DistributionName, KeyRule, Neighbors, check_choice
from shoal_engine.differential.queries.aggregate_table import AGGREGATES
from shoal_engine.differential.queries.aggregates import (
    Aggregate,
    ClippedUnits,
    Count,
    DistinctCount,
    Quantile,
    joined_specs,
)
from shoal_engine.differential.queries.bounding import Bounds, UnitObservation
from shoal_engine.differential.queries.budget import Allotment, Mechanism, QueryBudget, allot
from shoal_engine.differential.queries.estimates import Estimate, Noisy, Part
from shoal_engine.differential.queries.group_keys import GroupKeys
from shoal_engine.differential.queries.group_sums import GroupSums
from shoal_engine.differential.queries.observation import MOST_ROWS, RowObservation
from shoal_engine.errors import PolicyError
from shoal_engine.randomness import Keystream

Ints = npt.NDArray[np.int64]

DOUBT = 0.05
"""One less the confidence of the intervals."""


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """A private group-by: the query and its privacy unit.

    Attributes
    ----------
    by : tuple of str
        Key columns; none for the table as a whole.
    aggregates : tuple of Aggregate
    unit : tuple of str, or None
        Columns that identify a privacy unit; None where each row is one.
    bounds : Bounds
        How much of one unit counts.
    keys : pa.Table, optional
        Public keys to answer for. Default: keys are selected privately.
    neighbors : str
        add-remove: tables that differ by one unit; change-one: by one exchanged for another.
    key_rule : str
        Rule that selects keys if none are given.
    """

    by: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    unit: tuple[str, ...] | None
    bounds: Bounds
    keys: pa.Table | None = None
    neighbors: Neighbors = "add-remove"
    key_rule: KeyRule = "truncated-geometric"

    def __post_init__(self) -> None:
        check_choice(self.neighbors, Neighbors, name="neighbors")
        check_choice(self.key_rule, KeyRule, name="key_rule")
        _check_names(self.by, self.unit)
        _check_kinds(self.aggregates, self.bounds)
        if not self.aggregates:
            msg = "the query asks for nothing; give at least one aggregate, for example shoal.dp.count()"
            raise PolicyError(msg)
        names = [*self.by, *(f"{one.name}{end}" for one in self.aggregates for end in ENDINGS)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"two columns of the answer would be named {twice[0]!r}; give an aggregate another name by `alias`"
            raise PolicyError(msg)
        if self.unit is None and (self.bounds.max_groups, self.bounds.max_rows) != (1, 1):
            msg = "where each row is a unit it is in one group, once; leave `max_groups` and `max_rows` out"
            raise PolicyError(msg)
        if self.unit is None and any(isinstance(one, ClippedUnits) for one in self.aggregates):
            msg = "where each row is a unit none is left out, and there are no clipped units to count; leave it out"
            raise PolicyError(msg)

    @property
    def factor(self) -> int:
        """Number of unit changes between neighbors."""
        return 2 if self.neighbors == "change-one" else 1

    @property
    def reach(self) -> Bounds:
        """The bounds with no more groups than there are: the public keys, or the whole table if no keys are asked for.

        No unit can add to more groups than are answered for, so noise need not hide that it did.
        """
        if not self.by:
            return replace(self.bounds, max_groups=1)
        if self.keys is None:
            return self.bounds
        return replace(self.bounds, max_groups=max(1, min(self.bounds.max_groups, self.keys.num_rows)))

    def parts(self) -> list[list[Part]]:
        """Return the parts of each aggregate."""
        return [one.parts(self.reach) for one in self.aggregates]

    def allot(self, budget: QueryBudget, distribution: DistributionName | None) -> Allotment:
        """Share a budget among the parts; raises as `budget.allot`."""
        groups = self.bounds.max_groups if self.keys is None and self.by else 0
        return allot(
            budget,
            self.parts(),
            key_groups=groups,
            key_rule=self.key_rule,
            distribution=distribution,
            factor=self.factor,
        )


def _check_names(by: Sequence[object], unit: Sequence[object] | None) -> None:
    """Check names of columns, which callers may have mistaken."""
    for role, names in (("key columns", by), ("columns of the privacy unit", unit)):
        if names is not None and not all(isinstance(name, str) and name for name in names):
            msg = f"{role} are given by their names, as text; give for example 'ward'"
            raise PolicyError(msg)
    if unit is not None and not (unit and len(set(unit)) == len(unit)):
        msg = "name each column that identifies privacy units once, or give unit=None to protect single rows"
        raise PolicyError(msg)


def _check_kinds(aggregates: Sequence[object], bounds: object) -> None:
    """Check the types of a query's aggregates and bounds."""
    for one in aggregates:
        if not isinstance(one, Aggregate):
            msg = (
                f"an aggregate is one of shoal.dp ({', '.join(AGGREGATES)}), not a {type(one).__name__}; give for "
                "example shoal.dp.count() or shoal.dp.sum('cost', bounds=(0, 100))"
            )
            raise PolicyError(msg)
    if not isinstance(bounds, Bounds):
        msg = "the bounds of a query are given as Bounds(max_groups, max_rows)"
        raise PolicyError(msg)


ENDINGS = ("", "_std", "_low", "_high")
"""Of the names of an aggregate's columns: value, standard deviation, ends of the 95 % interval."""


class Observation:
    """A mergeable summary of record batches for one query.

    Parameters
    ----------
    query : GroupQuery
    n_threads : int
    """

    def __init__(self, query: GroupQuery, *, n_threads: int) -> None:
        self._query = query
        self._specs, self._places = joined_specs(query.aggregates)
        self._rows = self._observation(query.by, query.reach, query.keys, n_threads)
        # Pairs of group and value: a unit holds at most its groups times its rows in each.
        pairs = Bounds(min(MOST_ROWS, query.reach.max_groups * (query.reach.max_rows or 1)), 1)
        self._asked = None if query.keys is None else GroupKeys(query.by, query.keys)
        self._pairs = {
            one.column: self._observation((*query.by, one.column), pairs, None, n_threads, summed=False)
            for one in query.aggregates
            if isinstance(one, DistinctCount)
        }

    def _observation(
        self, by: Sequence[str], bounds: Bounds, keys: pa.Table | None, n_threads: int, *, summed: bool = True
    ) -> RowObservation | UnitObservation:
        specs = self._specs if summed else []
        if self._query.unit is None:
            return RowObservation(by, specs, keys)
        counts = summed and any(isinstance(one, ClippedUnits) for one in self._query.aggregates)
        return UnitObservation(
            self._query.unit, by, specs, bounds, keys=keys, n_threads=n_threads, count_clipped=counts
        )

    def observe(self, batch: pa.RecordBatch) -> None:
        """Add the rows of one batch; raises as the observations of rows and units do."""
        self._rows.observe(batch)
        if not self._pairs:
            return
        # Rows of other groups hold no pair that counts, and must not use up their unit's.
        among = None if self._asked is None else self._asked.observe(batch) < self._asked.n_kept
        for one in self._pairs.values():
            if isinstance(one, UnitObservation):
                one.observe(batch, among=among)
            else:
                one.observe(batch)

    def merge(self, other: "Observation") -> None:
        """Add the rows that another observation of the same query saw."""
        mine, theirs = ((one._rows, *one._pairs.values()) for one in (self, other))
        for ours, added in zip(mine, theirs, strict=True):
            ours.merge(added)  # pyright: ignore[reportArgumentType] - of one kind, as the query is

    def finish(self, key: bytes) -> "Totals":
        """Choose what counts of every unit, and return the totals: exact, and never to be shown."""
        sums = _finished(self._rows, key)
        distinct = {name: _distinct(sums, _finished(one, key)) for name, one in self._pairs.items()}
        return Totals(self._query, sums, self._places, distinct)


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """Exact totals of every group."""

    query: GroupQuery
    sums: GroupSums
    places: Sequence[int | None]
    distinct: dict[str, Ints]

    def release(self, allotment: Allotment, stream: Keystream) -> pa.RecordBatch:
        """Draw all noise once, and return the answer.

        Returns
        -------
        pa.RecordBatch
            Keys, ascending, then for each aggregate its value, standard deviation and 95 % interval.
        """
        return self._answer(allotment, self._kept_groups(allotment, stream), stream)

    def rehearse(self, allotment: Allotment) -> pa.RecordBatch:
        """Do all that `release` does, so that whatever can fail fails before anything is charged.

        Every distribution is drawn from, from a keystream of its own that is thrown away, and an answer is built of all
        groups, with zeros in place of private values.

        Returns
        -------
        pa.RecordBatch
            In the form of the answer, with a row for every group: never to be shown.
        """
        with Keystream.secure() as stream:
            if allotment.keys is not None:
                allotment.keys.keep(np.array([0, 1, 2], np.int64), stream)
            for mechanism in allotment.mechanisms:
                if isinstance(mechanism, Exponential):
                    mechanism.choose([0, 0], stream)
                else:
                    mechanism.add(np.zeros(1, np.int64), stream)
        return self._answer(allotment, np.arange(self.sums.rows.size), None)

    def _answer(self, allotment: Allotment, kept: Ints, stream: Keystream | None) -> pa.RecordBatch:
        """Return the answer about some groups; zeros where no stream gives noise."""
        mechanisms = iter(allotment.mechanisms)
        columns = {name: self.sums.keys.column(name).take(pa.array(kept)) for name in self.query.by}
        for one, place in zip(self.query.aggregates, self.places, strict=True):
            own = [next(mechanisms) for _ in one.parts(self.query.reach)]
            # Numbers beyond floats become infinite, in the value or in its interval.
            with np.errstate(all="ignore"):
                found = self._estimate(one, place, own, kept, stream)
            for ending, values in zip(ENDINGS, (found.value, found.std, found.low, found.high), strict=True):
                columns[f"{one.name}{ending}"] = pa.array(values, mask=np.isnan(values))
        return pa.record_batch(columns)

    def _kept_groups(self, allotment: Allotment, stream: Keystream) -> Ints:
        """Return the groups that may be named."""
        if allotment.keys is None:
            return np.arange(self.sums.rows.size)
        units = self.sums.rows if self.sums.units is None else self.sums.units
        return np.flatnonzero(allotment.keys.keep(units, stream))

    def _estimate(
        self, one: Aggregate, place: int | None, own: Sequence[Mechanism], kept: Ints, stream: Keystream | None
    ) -> Estimate:
        """Return one aggregate of the groups that are kept."""
        if isinstance(one, Quantile):
            assert place is not None
            scores = one.scores(self.sums.columns[place])[kept]
            (choice,) = own
            assert isinstance(choice, Exponential)
            if stream is None:
                return one.estimate(np.zeros(len(scores), np.int64))
            return one.estimate(np.array([choice.choose(row, stream) for row in scores], np.int64))
        return one.estimate(self.noisy_parts(one, place, own, kept, stream))

    def noisy_parts(
        self,
        one: Aggregate,
        place: int | None,
        own: Sequence[Mechanism],
        kept: Ints,
        stream: Keystream | None,
    ) -> list[Noisy]:
        """Return the parts of one aggregate with noise, of the groups that are kept; zeros without a stream."""
        # A number of the whole table gets noise once, and is repeated in every group.
        once = isinstance(one, ClippedUnits)
        noisy: list[Noisy] = []
        for values, mechanism in zip(self._exact(one, place), own, strict=True):
            assert not isinstance(mechanism, Exponential)
            width = mechanism.half_width(DOUBT / len(own))
            own_values = values if once else values[kept]
            drawn = np.zeros_like(own_values) if stream is None else mechanism.add(own_values, stream)
            noisy.append(Noisy(drawn.repeat(kept.size) if once else drawn, mechanism.std, width))
        return noisy

    def _exact(self, one: Aggregate, place: int | None) -> list[Ints]:
        """Return the parts of an aggregate before noise."""
        match one:
            case DistinctCount(column=column):
                return [self.distinct[column]]
            case Count() | ClippedUnits():
                return one.exact(self.sums, None)
            case Quantile():
                return []
            case _:
                assert place is not None
                return one.exact(self.sums, self.sums.columns[place])


def _finished(one: RowObservation | UnitObservation, key: bytes) -> GroupSums:
    return one.finish() if isinstance(one, RowObservation) else one.finish(key)


def _distinct(sums: GroupSums, pairs: GroupSums) -> Ints:
    """Return the pairs of each group whose value is not null."""
    *by, column = pairs.keys.schema.names
    held = pa.table(pairs.keys).filter(
        pc.and_(pc.greater(pa.array(pairs.rows), 0), pc.is_valid(pairs.keys.column(column)))
    )
    if not by:
        return np.array([held.num_rows] * sums.rows.size, np.int64)
    numbers = {
        key: place for place, key in enumerate(zip(*(sums.keys.column(name).to_pylist() for name in by), strict=True))
    }
    found = [numbers.get(key, -1) for key in zip(*(held.column(name).to_pylist() for name in by), strict=True)]
    kept = np.array([place for place in found if place >= 0], np.int64)
    return np.bincount(kept, minlength=sums.rows.size).astype(np.int64)
