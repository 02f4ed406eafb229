"""Observing record batches for a group-by that protects units: bounded contributions, exact sums.

Removing any one unit, whatever the data and whatever the key of the choice, changes at most `max_groups` groups: each
count of rows by at most `max_rows`, each count of units by 1, each sum by at most ``max_rows * grid.size`` steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.differential.exact_numbers import count
from shoal_engine.differential.queries.grid import Grid, ValueSpec, place_on_grid
from shoal_engine.differential.queries.group_keys import Codes, GroupKeys
from shoal_engine.differential.queries.group_sums import Accumulator, GroupSums
from shoal_engine.differential.queries.id_encoding import IdDictionary
from shoal_engine.differential.queries.observation import MOST_ROWS, check_batch, checked_rows
from shoal_engine.errors import NumberError, PolicyError
from shoal_engine.tables.byte_encoding import NO_UNIT, Key, key_words
from shoal_engine.tables.columns import narrowest
from shoal_engine.threads import in_threads, ranges
from shoal_kernels.private import contribution_bounding, unit_partitioning
from shoal_kernels.private.group_sums import COUNT_ROWS
from shoal_kernels.private.unit_pairing import pair_rows
from shoal_kernels.private.unit_partitioning import BUCKET_BITS, N_BUCKETS

CHUNK = 1 << 16
"""Rows that are taken in at a time: twice as many are a twentieth quicker, and take a twentieth of memory more."""
FEW = CHUNK
"""Rows that are bounded all at once: to go through mostly empty buckets would take longer."""

Rows = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of one unit counts.

    Attributes
    ----------
    max_groups : int
        L0: the groups that a unit adds to.
    max_rows : int, optional
        L-infinity: the rows that it adds to each. None sums all its rows in a group and clips each *sum* to the
        bounds of the column's grid, so that it adds one row to each group, which holds the clipped sums.

    Raises
    ------
    PolicyError
        A bound is no integer, below 1, or above the rows that can be observed.
    """

    max_groups: int
    max_rows: int | None

    def __post_init__(self) -> None:
        for name, bound in (("max_groups", self.max_groups), ("max_rows", self.max_rows)):
            if name == "max_rows" and bound is None:
                continue
            try:
                found = count(bound, name=name, most=MOST_ROWS)
            except NumberError:
                msg = (
                    f"{name} is an integer, at least 1 (a unit must be allowed at least 1 group and 1 row) and at most "
                    f"{MOST_ROWS}; correct it"
                )
                raise PolicyError(msg) from None
            object.__setattr__(self, name, found)


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Rows sorted by bucket: codes of unit and group, and the bits of each column's points."""

    columns: tuple[Codes, ...]
    bound: npt.NDArray[np.int64]

    def buckets(self, column: int, first: int, end: int) -> Codes:
        """Return a column of the rows of some buckets."""
        return self.columns[column][self.bound[first] : self.bound[end]]


class UnitObservation:
    """A mergeable summary of record batches, where rows belong to units; any cut and any order give the same sums.

    Parameters
    ----------
    unit : sequence of str
        Columns that identify units, of any type but lists. Rows with a null (or NaN) in any of them belong to
        nobody and count nowhere.
    by : sequence of str
        Key columns. Null is a key.
    values : sequence of ValueSpec
    bounds : Bounds
    keys : pa.Table, optional
        Public keys: rows of other groups are dropped before bounding, so that they use up no unit's share.
    n_threads : int
        Threads for `finish`; the result does not depend on it.
    count_clipped : bool
        Whether to count the units with rows that are left out.

    Notes
    -----
    Memory: 5 to 8 bytes a row, by how many groups there are, and 4 for each spec; 24 for each distinct unit id (of text
    its bytes and 28), and what `RowObservation` takes for groups. What is kept of the rows is sent to buckets when it
    comes, so that the peak is not above that but by a few buckets.
    """

    def __init__(
        self,
        unit: Sequence[str],
        by: Sequence[str],
        values: Sequence[ValueSpec],
        bounds: Bounds,
        *,
        keys: pa.Table | None = None,
        n_threads: int = 1,
        count_clipped: bool = False,
    ) -> None:
        if not unit:
            msg = "name the column, or the columns, that identify a privacy unit"
            raise PolicyError(msg)
        self._units = IdDictionary(unit)
        self._keys = GroupKeys(by, keys)
        self._specs = tuple(values)
        self._bounds = bounds
        self._n_threads = n_threads
        self._count_clipped = count_clipped
        self._row_specs = tuple(_row_spec(spec, bounds) for spec in values)
        self._waiting: list[tuple[Codes, ...]] = []
        self._n_waiting = 0
        self._chunks: list[_Chunk] = []
        self.n_rows = 0

    def observe(self, batch: pa.RecordBatch, *, among: npt.NDArray[np.bool_] | None = None) -> None:
        """Add the rows of one batch, or those of them that a mask names.

        Raises
        ------
        ColumnError
            A column is missing, or its type cannot identify units, be grouped by, or summed: seen from the schema.
        InputError
            More rows than sums have room for, or more than 2**30 units.
        """
        check_batch(batch.schema, [*self._units.names, *self._keys.names], self._specs)
        self.n_rows = checked_rows(self.n_rows, batch.num_rows)
        groups = self._keys.observe(batch)
        for low in range(0, batch.num_rows, CHUNK):
            part = batch.slice(low, CHUNK)
            units = self._units.observe([part.column(name) for name in self._units.names])
            if among is not None:
                units = np.where(among[low : low + CHUNK], units, np.uint32(NO_UNIT))
            points: list[Codes] = []
            for spec in self._row_specs:
                placed = np.empty(part.num_rows, np.int32)
                place_on_grid(part.column(spec.column), spec, placed)
                points.append(placed.view(np.uint32))
            self._keep(units, groups[low : low + CHUNK], *points)

    def merge(self, other: "UnitObservation") -> None:
        """Add the rows that another observation of the same query saw."""
        self.n_rows = checked_rows(self.n_rows, other.n_rows)
        unit_of, group_of = self._units.merge(other._units), self._keys.merge(other._keys)
        other._sort_waiting()
        for chunk in other._chunks:
            units, groups, *points = chunk.columns
            self._keep(unit_of.take(units), group_of.take(groups), *points)

    def finish(self, key: bytes) -> GroupSums:
        """Choose what counts of every unit, and return the sums.

        Parameters
        ----------
        key : bytes
            16 bytes that nobody can guess, drawn for this release alone: ``os.urandom(16)``. Protection holds for any
            key, also a known one; what the key is needed for is that nobody can choose ids so that some groups are
            favored. So a pseudorandom function (SipHash-2-4) is strong enough.

        Raises
        ------
        ValueError
            The key does not have 16 bytes.
        """
        words = key_words(key)
        self._sort_waiting()
        groups = self._keys.finish()
        bits = BUCKET_BITS if sum(int(chunk.bound[-1]) for chunk in self._chunks) > FEW else 0
        choice = _Choice(words, self._units.digests(words), groups.digests(words), groups.rank(), bits)

        def run(part: tuple[int, int]) -> tuple[Accumulator, npt.NDArray[np.int64], int]:
            sums = Accumulator(self._specs, self._keys.n_kept)
            units, clipped = np.zeros(self._keys.n_kept, np.int64), 0
            for b in range(*part):
                ends = b << (BUCKET_BITS - bits), (b + 1) << (BUCKET_BITS - bits)
                clipped += self._add_buckets(*ends, choice, sums, units)
            return sums, units, clipped

        done = in_threads(run, ranges(1 << bits, self._n_threads), self._n_threads)
        (sums, units, clipped), *rest = done
        for more, more_units, more_clipped in rest:
            sums.merge(more, np.arange(len(units)))
            units += more_units
            clipped += more_clipped
        finished = sums.finish(groups, units)
        return replace(finished, clipped=clipped) if self._count_clipped else finished

    def _keep(self, *columns: Codes) -> None:
        """Keep rows: unit, group and points; few of them wait until there are enough to be worth sorting."""
        self._waiting.append(columns)
        self._n_waiting += len(columns[0])
        if self._n_waiting >= CHUNK:
            self._sort_waiting()

    def _sort_waiting(self) -> None:
        """Sort the rows that wait by bucket, those that have a unit and a group that is asked for."""
        if not self._waiting:
            return
        several = len(self._waiting) > 1
        joined = [np.concatenate(parts) if several else parts[0] for parts in zip(*self._waiting, strict=True)]
        units, groups, *points = joined
        self._waiting, self._n_waiting = [], 0
        bound = np.empty(N_BUCKETS + 1, np.int64)
        place = np.empty(len(units), np.uint32)
        wide = groups.astype(np.uint32, copy=False)
        unit_partitioning.partition_rows(units, wide, self._keys.n_kept, bound, place)
        # Codes of groups that are not asked for may not fit; their rows are dropped.
        narrow = groups.astype(narrowest(self._keys.n_kept), copy=False)
        columns: list[Codes] = []
        for column in (units, narrow, *points):
            sent = np.empty(int(bound[-1]), column.dtype)
            unit_partitioning.SCATTER[column.dtype.name](column, place, sent)
            columns.append(sent)
        self._chunks.append(_Chunk(tuple(columns), bound))

    def _add_buckets(
        self, first: int, end: int, choice: "_Choice", sums: Accumulator, units: npt.NDArray[np.int64]
    ) -> int:
        """Bound the units of some buckets, add what counts, and return how many units are clipped."""
        n = sum(int(chunk.bound[end] - chunk.bound[first]) for chunk in self._chunks)
        if n == 0:
            return 0
        columns = np.empty((2 + len(self._specs), n), np.uint32)
        for c in range(len(columns)):
            np.concatenate([chunk.buckets(c, first, end) for chunk in self._chunks], out=columns[c])
        values = columns[2:].view(np.int32)
        pairs = choice.pair(columns[0], columns[1])
        kept, kept_group, kept_end = choice.choose(pairs, values, self._bounds)
        COUNT_ROWS[kept_group.dtype.name](kept_group, units)
        if self._bounds.max_rows is None:
            values, codes = self._clipped(values, kept, kept_end), kept_group
        else:
            codes = columns[1].take(kept)
        sums.add_rows(codes)
        for c in range(len(self._specs)):
            sums.add_values(c, codes, values[c] if self._bounds.max_rows is None else values[c].take(kept))
        return pairs.n_clipped(self._bounds) if self._count_clipped else 0

    def _clipped(
        self, values: npt.NDArray[np.int32], kept: Rows, kept_end: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int32]:
        """Return the clipped sums of each unit and group, (n_columns, n_pairs)."""
        low = np.array([spec.grid.low for spec in self._specs], np.int64)
        high = np.array([spec.grid.high for spec in self._specs], np.int64)
        points = np.empty((len(values), len(kept_end)), np.int32)
        contribution_bounding.clip_sums(values, kept, kept_end, low, high, points)
        return points


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """What groups and rows are chosen by, and how many bits the units that are looked at together share."""

    key: Key
    unit_tag: npt.NDArray[np.uint64]
    group_tag: npt.NDArray[np.uint64]
    group_rank: npt.NDArray[np.uint32]
    bits: int

    def pair(self, units: Rows, groups: Rows) -> "_Pairs":
        """Return the rows of buckets sorted by unit and group."""
        n = len(units)
        words, begin, unit = np.empty(n, np.uint64), np.empty(n + 1, np.int64), np.empty(n, np.uint32)
        n_pairs = np.zeros(1, np.int64)
        start = np.empty((len(self.unit_tag) >> self.bits) + 3, np.int64)
        pair_rows(units, groups, self.bits, start, words, begin, unit, n_pairs)
        return _Pairs(words, begin, unit[: int(n_pairs[0])])

    def choose(
        self, pairs: "_Pairs", values: npt.NDArray[np.int32], bounds: Bounds
    ) -> tuple[Rows, Rows, npt.NDArray[np.int64]]:
        """Return the rows of buckets that count, and of each pair of unit and group its group and its rows' end."""
        n, m, words, begin, unit = len(pairs.words), len(pairs.unit), pairs.words, pairs.begin, pairs.unit
        group = (words[begin[:m]] >> np.uint64(32)).astype(np.uint32)
        chosen, found = np.empty(m, np.bool_), np.zeros(2, np.int64)
        tags = self.unit_tag, self.group_tag
        contribution_bounding.choose_pairs(unit, group, *tags, self.group_rank, self.key, bounds.max_groups, chosen)
        kept, kept_group, kept_end = np.empty(n, np.uint32), np.empty(m, np.uint32), np.empty(m, np.int64)
        most = n if bounds.max_rows is None else bounds.max_rows
        contribution_bounding.keep_rows(
            words, begin, unit, chosen, values, *tags, self.key, most, kept, kept_group, kept_end, found
        )
        n_kept, n_groups = int(found[contribution_bounding.N_KEPT]), int(found[contribution_bounding.N_PAIRS])
        return kept[:n_kept], kept_group[:n_groups], kept_end[:n_groups]


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Rows by unit and group: `words` as `pair_rows` sorts them, where each pair begins, and the unit of each pair."""

    words: npt.NDArray[np.uint64]
    begin: npt.NDArray[np.int64]
    unit: Rows

    def n_clipped(self, bounds: Bounds) -> int:
        """Return how many units have more groups, or more rows in one of them, than count."""
        first = np.flatnonzero(np.concatenate([[True], self.unit[1:] != self.unit[:-1]]))
        is_clipped = np.diff(np.append(first, len(self.unit))) > bounds.max_groups
        if bounds.max_rows is not None:
            is_clipped |= np.maximum.reduceat(np.diff(self.begin[: len(self.unit) + 1]), first) > bounds.max_rows
        return int(np.count_nonzero(is_clipped))


def _row_spec(spec: ValueSpec, bounds: Bounds) -> ValueSpec:
    """Return how the values of single rows are mapped: where sums are clipped, only their size is bounded."""
    if bounds.max_rows is not None:
        return spec
    return replace(spec, grid=Grid(-spec.grid.size, spec.grid.size, spec.grid.exponent))
