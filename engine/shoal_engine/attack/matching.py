"""Classes of a release that agree with what is known of people, person by person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from shoal_engine.attack.labels import UNKNOWN, Groups, Labels
from shoal_engine.threads import in_threads, ranges
from shoal_kernels._jit import freeze
from shoal_kernels.risk import class_bitmaps as bitmaps
from shoal_kernels.risk import class_matching as kernels

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST_BITMAP_BYTES = 1 << 26
"""Bitmaps that are held at a time."""
MOST_TABLE_CELLS = 1 << 22
MOST_LARGE_TABLE_CELLS, MOST_CELLS_PER_COUNT = 1 << 25, 6
"""Sensitive counts are kept as a table if it is small, or if few of its cells are 0."""
MOST_MEMORY_BYTES, LEAST_SLOTS, MOST_SLOTS = 1 << 26, 1 << 8, 1 << 17
"""Sets of known values whose classes are remembered, where columns may disagree."""
_PARTS_PER_THREAD = 4


@dataclass(frozen=True, slots=True, eq=False)
class SensitiveCells:
    """Values of one sensitive column, as counts of the classes in compressed rows.

    Attributes
    ----------
    start : (n_classes + 1,) int64
    value, rows : (n_cells,) int64
    share : (n_values,) float64, above 0
        Share of each value among all rows: the base rate.
    """

    start: Ints
    value: Ints
    rows: Ints
    share: Floats

    @classmethod
    def of_counts(cls, start: Ints, value: Ints, rows: Ints) -> "SensitiveCells":
        """Return the cells with their base rate."""
        total = np.bincount(value, weights=rows)
        return cls(start, value, rows, total / total.sum())


@dataclass(frozen=True, slots=True, eq=False)
class ReleasedClasses:
    """A release as an adversary reads it.

    Attributes
    ----------
    columns : sequence of Labels
        The d columns that something is known of.
    size : (n_classes,) int64, at least 1
        Rows.
    sensitive : mapping of str to SensitiveCells
    """

    columns: Sequence[Labels]
    size: Ints
    sensitive: Mapping[str, SensitiveCells]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.size.size


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What each person's classes say of one sensitive column; 0 where no class agrees.

    Attributes
    ----------
    distinct : (n,) int64
        Values that are left: 1 where the classes are homogeneous.
    guess : (n,) int64
        The most probable value by weight, -1 where no class agrees.
    even_top, top : (n,) float64
        Posterior of the most probable value, with rows even and weighted.
    even_lift, lift : (n,) float64
        Largest posterior of a value over its base rate.
    even_own, own : (n,) float64
        Posterior of the person's own value; 0 where it is not known.
    """

    distinct: Ints
    guess: Ints
    even_top: Floats
    top: Floats
    even_lift: Floats
    lift: Floats
    even_own: Floats
    own: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What is found of each of n people.

    Attributes
    ----------
    classes, rows : (n,) int64
        Compatible with all that is known.
    total : (n,) float64
        Expected number of rows with the known values, if values share a label evenly.
    best : (n,) float64
        Probability that the adversary gives to the most probable row; 0 where no class is compatible.
    even, weighted : (n,) float64
        Probability given to the right record, with rows even and weighted; 0 where its class is not compatible, NaN
        where the right record is not known.
    learned : mapping of str to Learned
    """

    classes: Ints
    rows: Ints
    total: Floats
    best: Floats
    even: Floats
    weighted: Floats
    learned: Mapping[str, Learned]

    def of(self, people: Ints) -> "Matches":
        """Return what is found of some people, (m,) places, who may be named more than once."""
        learned = {
            name: Learned(*(getattr(one, f.name)[people] for f in fields(one))) for name, one in self.learned.items()
        }
        own = {part.name: getattr(self, part.name)[people] for part in fields(self) if part.name != "learned"}
        return Matches(learned=learned, **own)


def match(
    released: ReleasedClasses,
    known: Ints,
    *,
    mismatches: int = 0,
    own: Ints | None = None,
    own_values: Mapping[str, Ints] | None = None,
    n_threads: int = 1,
) -> Matches:
    """Find the classes that are compatible with what is known of people.

    Parameters
    ----------
    released : ReleasedClasses
    known : (d, n) int64
        Rank of each known value, by column; `UNKNOWN` is compatible with all labels.
    mismatches : int, at least 0
        Known columns in which a class may disagree; such a column counts as a label of all values.
    own : (n,) int64, optional
        Class of each person's record, -1 where it is not known.
    own_values : mapping of str to (n,) int64, optional
        Sensitive value of each person, -1 where it is not known.
    n_threads : int
        The result does not depend on it.

    Notes
    -----
    A row of class c has the known values with probability w_c, the product over the known columns of 1 / values of
    its label. The right record then has w_c / sum over the classes of rows times w, never more than 1 / rows of its
    class.

    Examples
    --------
    >>> label = Labels.of_ranges(np.array([0, 1]), np.array([0, 1]), np.array([0, 1]), np.array([1, 1]), n_labels=2,
    ...     n_values=2)
    >>> released = ReleasedClasses([label], np.array([2, 3]), {})
    >>> found = match(released, np.array([[0, 1, -1]]), own=np.array([0, 1, 1]))
    >>> found.rows.tolist(), found.even.round(3).tolist(), found.weighted.round(3).tolist()
    ([2, 5, 5], [0.5, 0.2, 0.2], [0.5, 0.25, 0.2])
    """
    n = known.shape[1]
    own = np.full(n, UNKNOWN) if own is None else own
    order = class_order(released.columns, released.n_classes)
    classes = kernel_classes(released, order)
    place = np.append(np.argsort(order), UNKNOWN)
    counts, weights = np.empty((n, kernels.N_COUNTS), np.int64), np.empty((n, kernels.N_WEIGHTS))
    # Without sensitive column the classes are matched once, with one all the same.
    names = list(released.sensitive) or [None]
    held = [held_values(released.sensitive.get(name) if name else None, order) for name in names]
    values = [(own_values or {}).get(name or "", np.full(n, UNKNOWN)) for name in names]
    distinct = [np.empty((n, kernels.N_DISTINCT), np.int64) for _ in names]
    learned = [np.empty((n, kernels.N_LEARNED)) for _ in names]
    lookup = Lookup.build(released.columns, known, order)
    for people in blocks([lookup]):
        maps, targets = lookup.bitmaps(people)

        def run(part: tuple[int, int], maps: bitmaps.Bitmaps = maps, at: Ints = targets, who: Ints = people) -> None:
            some, mine = who[slice(*part)], np.ascontiguousarray(at[slice(*part)])
            for cells, value, two, six in zip(held, values, distinct, learned, strict=True):
                n = some.size
                ints = np.empty((n, kernels.N_COUNTS), np.int64), np.empty((n, kernels.N_DISTINCT), np.int64)
                reals = np.empty((n, kernels.N_WEIGHTS)), np.empty((n, kernels.N_LEARNED))
                out = ints[0], reals[0], ints[1], reals[1]
                n_slots = _slots(mismatches, cells, at.shape[1])
                kernels.match_classes(
                    maps, classes, cells, mismatches, n_slots, mine, place[own[some]], value[some], *out
                )
                counts[some], weights[some], two[some], six[some] = out

        in_threads(run, ranges(people.size, n_threads * _PARTS_PER_THREAD if n_threads > 1 else 1), n_threads)
    found = zip(names, distinct, learned, strict=True)
    return _matches(counts, weights, own, {name: _learned(two, six) for name, two, six in found if name})


def _slots(mismatches: int, cells: bitmaps.HeldValues, d: int) -> int:
    """Return how many sets of known values are remembered: none where one more would not help, or is too large."""
    n_values = cells.share.size
    if mismatches == 0 or (n_values and not cells.table.size):
        return 0
    n = MOST_MEMORY_BYTES // (16 * n_values + 8 * d + 32)
    return min(MOST_SLOTS, 1 << (n.bit_length() - 1)) if n >= LEAST_SLOTS else 0


def _learned(distinct: Ints, learned: Floats) -> Learned:
    """Return what the kernel learned of a sensitive column."""
    return Learned(
        distinct=distinct[:, kernels.DISTINCT],
        guess=distinct[:, kernels.GUESS],
        even_top=learned[:, kernels.EVEN_TOP],
        top=learned[:, kernels.TOP],
        even_lift=learned[:, kernels.EVEN_LIFT],
        lift=learned[:, kernels.LIFT],
        even_own=learned[:, kernels.EVEN_OWN],
        own=learned[:, kernels.OWN_VALUE],
    )


def _matches(counts: Ints, weights: Floats, own: Ints, learned: Mapping[str, Learned]) -> Matches:
    """Return what was found as probabilities."""
    rows, total = counts[:, bitmaps.ROWS], weights[:, bitmaps.TOTAL]
    right = weights[:, bitmaps.OWN]
    some = np.maximum(total, np.finfo(np.float64).tiny)
    return Matches(
        classes=counts[:, bitmaps.CLASSES],
        rows=rows,
        total=total,
        best=np.where(rows > 0, weights[:, bitmaps.BEST] / some, 0.0),
        even=np.where(own < 0, np.nan, (right > 0) / np.maximum(1, rows)),
        weighted=np.where(own < 0, np.nan, right / some),
        learned=learned,
    )


def class_order(columns: Sequence[Labels], n_classes: int) -> Ints:
    """Return an order of the classes in which those that agree with a person lie near each other."""
    keys = sorted((labels.n_labels, j) for j, labels in enumerate(columns))
    ranked = [_by_low(columns[j])[columns[j].of_class] for _, j in reversed(keys)]
    return np.lexsort(ranked).astype(np.int64) if ranked else np.arange(n_classes)


def _by_low(labels: Labels) -> Ints:
    """Return the place of each label by its lowest, then its highest rank."""
    low, high = np.full(labels.n_labels, labels.n_values), np.full(labels.n_labels, -1)
    np.minimum.at(low, labels.label, labels.low)
    np.maximum.at(high, labels.label, labels.high)
    return np.argsort(np.lexsort((high, low)))


def kernel_classes(released: ReleasedClasses, order: Ints) -> bitmaps.Classes:
    """Return the classes for kernels, in an order."""
    columns = released.columns
    fill = np.empty((released.n_classes, len(columns)))
    for j, labels in enumerate(columns):
        fill[:, j] = labels.fills()[order]
    least = np.array([1.0 / max(1, labels.n_values) for labels in columns])
    return freeze(bitmaps.Classes(released.size[order], fill, least))


def held_values(cells: SensitiveCells | None, order: Ints, *, sparse: bool = False) -> bitmaps.HeldValues:
    """Return the sensitive values of the classes in an order, as a table where that is small."""
    no_table, no_start, none = np.empty((0, 0), np.int32), np.zeros(1, np.int64), np.empty(0, np.int64)
    if cells is None:
        return freeze(bitmaps.HeldValues(no_table, no_start, none, none, np.empty(0)))
    n, n_values = order.size, cells.share.size
    room = max(MOST_TABLE_CELLS, min(MOST_CELLS_PER_COUNT * cells.value.size, MOST_LARGE_TABLE_CELLS))
    small = n * n_values <= room and int(cells.rows.max(initial=0)) < 1 << 31
    if small and not sparse:
        table = np.zeros((n, n_values), np.int32)
        table[np.repeat(np.argsort(order), np.diff(cells.start)), cells.value] = cells.rows
        return freeze(bitmaps.HeldValues(table, no_start, none, none, cells.share))
    length = np.diff(cells.start)[order]
    start = np.concatenate([[0], np.cumsum(length)])
    take = np.arange(int(start[-1])) + np.repeat(cells.start[order] - start[:-1], length)
    return freeze(bitmaps.HeldValues(no_table, start, cells.value[take], cells.rows[take], cells.share))


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """People looked up in the classes of one release.

    Attributes
    ----------
    groups : list of Groups
        Of each column, over the classes in their order.
    of : (n, d) int64
        Group of each known value.
    n_classes : int
    """

    groups: Sequence[Groups]
    of: Ints
    n_classes: int

    @classmethod
    def build(cls, columns: Sequence[Labels], known: Ints, order: Ints) -> "Lookup":
        """Group the known values of people, (d, n), over classes in an order."""
        groups = [labels.groups() for labels in columns]
        of = np.stack([one.of(known[j]) for j, one in enumerate(groups)], axis=1)
        ordered = [Groups(one.labels.some(order), one.begin, one.of_run, one.example) for one in groups]
        return cls(ordered, of, order.size)

    @property
    def n_words(self) -> int:
        """Words of a bitmap."""
        return max(1, -(-self.n_classes // 64))

    def bitmaps(self, people: Ints) -> tuple[bitmaps.Bitmaps, Ints]:
        """Return the bitmaps that some people need, and the map of each known value, C-contiguous."""
        of = self.of[people]
        needed = [_distinct(of[:, j], one.example.size) for j, one in enumerate(self.groups)]
        n_maps = sum(one.size for one in needed)
        bits = np.zeros((n_maps, self.n_words), np.uint64)
        summary = np.zeros((n_maps, -(-self.n_words // 64)), np.uint64)
        targets = np.full(of.shape, UNKNOWN)
        first = 0
        for j, (one, used) in enumerate(zip(self.groups, needed, strict=True)):
            one.fill(used, bits[first : first + used.size], summary[first : first + used.size])
            map_of = np.full(one.example.size + 1, UNKNOWN)
            map_of[used] = np.arange(first, first + used.size)
            targets[:, j] = map_of[of[:, j]]
            first += used.size
        return freeze(bitmaps.Bitmaps(bits, summary)), targets


def blocks(lookups: Sequence[Lookup]) -> Iterator[Ints]:
    """Yield people in blocks whose bitmaps stay small; neighbors share those of the columns with the most groups."""
    of = np.concatenate([one.of for one in lookups], axis=1)
    n_groups = [group.example.size for one in lookups for group in one.groups]
    room = max(of.shape[1], MOST_BITMAP_BYTES // (8 * max(one.n_words for one in lookups)))
    people = np.lexsort([of[:, j] for j in np.argsort(n_groups, kind="stable")]).astype(np.int64)
    yield from _cut(of[people], people, n_groups, room)


def _distinct(of: Ints, n_groups: int) -> Ints:
    """Return the groups that occur, ascending, without `UNKNOWN`."""
    occurs = np.zeros(n_groups + 1, np.bool_)
    occurs[of] = True
    return np.flatnonzero(occurs[:-1])


def _cut(of: Ints, people: Ints, n_groups: Sequence[int], room: int) -> Iterator[Ints]:
    """Cut people into blocks whose known values need at most `room` maps."""
    if sum(n_groups) <= room:
        yield people
        return
    todo = [(0, people.size)]
    while todo:
        low, high = todo.pop()
        needed = sum(_distinct(of[low:high, j], n).size for j, n in enumerate(n_groups))
        if needed <= room or high - low <= 1:
            yield people[low:high]
        else:
            middle = (low + high) // 2
            todo += [(middle, high), (low, middle)]
