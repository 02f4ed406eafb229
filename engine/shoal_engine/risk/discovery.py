"""Quasi-identifier discovery: how many pairs of rows differ in each set of columns, and which sets are minimal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import comb
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import InputError
from shoal_engine.tables.columns import ColumnEncoder
from shoal_engine.tables.grouping import Codes, Grouped, group
from shoal_engine.threads import in_threads
from shoal_kernels._jit import freeze
from shoal_kernels.full_domain.lattice import Lattice
from shoal_kernels.risk.column_sets import Steps

Set = tuple[int, ...]
Measure = Literal["separation", "distinctness"]

MOST_SETS = 1 << 17
"""Column sets that are examined at most."""
_CUT = 4
"""Columns that cut the walk into parts: the most distinct ones, in which most rows may be unique already."""
_KEY_SIZE = 2
"""Keys of so many columns are looked for first, so that what contains one need not be counted."""


def encode_columns(columns: Mapping[str, pa.Array], *, n_threads: int) -> tuple[list[Codes], list[int]]:
    """Return codes of each column, equal where values are, and how many there are; null is a value.

    Raises
    ------
    ColumnError
        A type cannot be encoded.
    """

    def encode(column: tuple[str, pa.Array]) -> tuple[Codes, int]:
        encoder = ColumnEncoder(column[0])
        return encoder.observe(column[1]), max(1, encoder.n_codes)

    found = in_threads(encode, columns.items(), n_threads)
    return [codes for codes, _ in found], [size for _, size in found]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a walk.

    Attributes
    ----------
    kept : tuple of int
        Dimensions that all of its sets contain.
    steps : Steps
    """

    kept: Set
    steps: Steps


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSets:
    """The distinct tuples of a table, and the sets of its columns up to a size.

    Attributes
    ----------
    sets : list of tuple of int
        Columns by their place in the input, ascending; smaller sets first.
    grouped : Grouped
        Its dimensions are the columns in `order`.
    order : list of int
        Columns, the one of most values first: a walk drops it first, so that most sets are joined from few classes.
    max_size : int
    """

    sets: list[Set]
    grouped: Grouped
    order: list[int]
    max_size: int

    @classmethod
    def of(
        cls, codes: Sequence[Codes], sizes: Sequence[int], *, max_size: int | None, row_ids: bool, n_threads: int
    ) -> "ColumnSets":
        """Group rows by their codes, see `grouping.group`.

        Raises
        ------
        InputError
            There are more than `MOST_SETS` sets, or `max_size` is not within 1 and the number of columns.
        """
        d = len(codes)
        if max_size is not None and not 1 <= max_size <= d:
            msg = f"max_size = {max_size} of {d} columns; give a number from 1 to {d}, or none for all sets"
            raise InputError(msg)
        most = d if max_size is None else max_size
        n_sets = sum(comb(d, size) for size in range(1, most + 1))
        if n_sets > MOST_SETS:
            msg = (
                f"{d} columns have {n_sets:,} sets of up to {most}, and at most {MOST_SETS:,} are examined; "
                "name fewer columns, or give a smaller max_size"
            )
            raise InputError(msg)
        order = sorted(range(d), key=lambda j: -sizes[j])
        grouped = group([codes[j] for j in order], [sizes[j] for j in order], n_threads=n_threads, row_ids=row_ids)
        sets = [columns for size in range(1, most + 1) for columns in combinations(range(d), size)]
        return cls(sets, grouped, order, most)

    def numbers(self) -> dict[Set, int]:
        """Return the number of each set."""
        return {columns: number for number, columns in enumerate(self.sets)}

    def parts(self, *, cut: int, known: Sequence[Set] = (), most: int = 0) -> list["Part"]:
        """Return parts of a walk over the sets; every set is reached in one of them.

        Parameters
        ----------
        cut : int
            The sets of a part agree in this many of the columns that come first in `order`.
        known : sequence of tuple of int
            Sets that contain one of these may be left out.
        most : int
            Largest size of a set, if another than `max_size`.
        """
        d = len(self.order)
        numbers = self.numbers()

        def number(kept: Sequence[int]) -> int:
            return numbers.get(tuple(sorted(self.order[j] for j in kept)), -1)

        place = {j: i for i, j in enumerate(self.order)}
        settled = [frozenset(place[j] for j in columns) for columns in known]
        found: list[Part] = []
        for dropped in product([False, True], repeat=min(cut, d)):
            steps = _walk(d, most or self.max_size, dropped, number, settled)
            if len(steps.depth):
                found.append(Part(tuple(j for j, drop in enumerate(dropped) if not drop), steps))
        return found

    def alone(self, kept: Set) -> npt.NDArray[np.bool_]:
        """Return which tuples are of one row that is unique in these dimensions already, (n_tuples,) bool."""
        grouped = self.grouped
        if not kept:
            return np.zeros(grouped.n_tuples, np.bool_)
        sizes = [int(grouped.mask[j]) + 1 for j in kept]
        classes = group([grouped.codes(j) for j in kept], sizes, n_threads=1)
        assert classes.tuple_of_row is not None
        return (classes.weight == 1)[classes.tuple_of_row] & (grouped.weight == 1)

    def lattice(self) -> Lattice:
        """Return the lattice whose only level drops a column."""
        d = len(self.order)
        size = self.grouped.mask.astype(np.int64) + 1
        none = np.empty(0, np.float64)
        nothing, ones = np.zeros(d, np.int64), np.ones(d, np.int64)
        zeros = np.zeros(int(size.max()), np.int64)
        where = self.grouped.word, self.grouped.shift, self.grouped.mask
        return freeze(Lattice(*where, size, ones, nothing, zeros, none, none))


def _walk(
    d: int,
    max_size: int,
    dropped: Sequence[bool],
    number: Callable[[Sequence[int]], int],
    settled: Sequence[frozenset[int]],
) -> Steps:
    """Return the walk over the sets that lack just these of the first columns, `settled` ones left out."""
    steps: list[list[int]] = []

    def take(depth: int, first: int, last: int, kept: Set, below: Callable[[int, Set], None]) -> None:
        # The columns before `last` stay in every set below.
        stay = {j for j in kept if j < last}
        if any(columns <= stay for columns in settled):
            return
        steps.append([depth, first, last, number(kept)])
        below(depth + 1, kept)

    def children(depth: int, kept: Set, begin: int) -> None:
        """Drop each column from `begin` on, or all of them where those before are as many as there may be."""
        for c in range(begin, d):
            before = tuple(j for j in kept if j < c)
            if len(before) >= max_size:
                if len(before) == max_size:
                    take(depth, c, d, before, lambda depth, kept: None)
                return
            rest = tuple(j for j in kept if j != c)
            if rest:
                take(depth, c, c + 1, rest, lambda depth, kept, c=c: children(depth, kept, c + 1))

    cut = len(dropped)
    kept = tuple(j for j in range(d) if j >= cut or not dropped[j])
    if not kept or sum(not drop for drop in dropped) > max_size:
        return freeze(Steps(*np.empty((4, 0), np.int64)))
    lead = [j for j in range(cut) if dropped[j]]
    depth = 1
    for j in lead[:-1]:
        steps.append([depth, j, j + 1, -1])
        depth += 1
    # Where no column is dropped the tuples themselves are the classes.
    first, last = (lead[-1], lead[-1] + 1) if lead else (0, 0)
    take(depth, first, last, kept, lambda depth, kept: children(depth, kept, cut))
    return freeze(Steps(*np.array(steps, np.int64).reshape(-1, 4).T))


def smaller_sets(sets: Sequence[Set], d: int) -> npt.NDArray[np.int64]:
    """Return the numbers of the sets with one column less, (n_sets, d) int64; -1 for the empty set and beyond."""
    numbers = {columns: number for number, columns in enumerate(sets)}
    smaller = np.full((len(sets), d), -1, np.int64)
    for number, columns in enumerate(sets):
        for c in range(len(columns)):
            smaller[number, c] = numbers.get(columns[:c] + columns[c + 1 :], -1)
    return smaller


@dataclass(frozen=True, slots=True, eq=False)
class Discovery:
    """Rows and pairs that each set of columns separates.

    Attributes
    ----------
    sets : list of tuple of int
        Columns by place, ascending; smaller sets first.
    n_rows : int
    distinct, alone : (n_sets,) int64
        Distinct tuples, and rows that no other equals.
    separation : (n_sets,) float64
        Share of the pairs of rows that differ; 1 where there is only one row.
    enough, minimal : (n_sets,) bool
        The set reaches the share asked for, and none of its proper subsets does.
    """

    sets: list[Set]
    n_rows: int
    distinct: npt.NDArray[np.int64]
    alone: npt.NDArray[np.int64]
    separation: npt.NDArray[np.float64]
    enough: npt.NDArray[np.bool_]
    minimal: npt.NDArray[np.bool_]


def discover(
    codes: Sequence[Codes],
    sizes: Sequence[int],
    *,
    max_size: int | None,
    alpha: float,
    measure: Measure,
    n_threads: int,
) -> Discovery:
    """Measure every set of up to `max_size` columns.

    Raises
    ------
    InputError
        `max_size`, `alpha` or `measure` is out of range, or there are too many sets of columns.

    Notes
    -----
    Both shares grow with the set, so a set is minimal where none with one column less reaches `alpha`. What
    contains a key of one or two columns is known without counting (Heise et al. 2013, section 3: pruning).

    References
    ----------
    Motwani, Xu (2007), Efficient algorithms for masking and finding quasi-identifiers, section 2: distinct and
    separation ratio. Heise, Quiane-Ruiz, Abedjan, Jentzsch, Naumann (2013), Scalable discovery of unique column
    combinations, PVLDB 7(4).
    """
    from shoal_kernels.risk.column_sets import count_sets

    if not 0 < alpha <= 1:
        msg = f"alpha = {alpha}; give the share of pairs that must differ, above 0 and at most 1"
        raise InputError(msg)
    if measure not in ("separation", "distinctness"):
        msg = f"there is no measure {measure!r}; choose separation or distinctness"
        raise InputError(msg)
    space = ColumnSets.of(codes, sizes, max_size=max_size, row_ids=False, n_threads=n_threads)
    weight, words = space.grouped.weight, np.ascontiguousarray(space.grouped.words)
    n_rows = space.grouped.n_rows
    # A set that no walk reaches contains a key.
    figures = np.tile(np.array([n_rows, n_rows, 0], np.int64), (len(space.sets), 1))

    lattice = space.lattice()

    def count(part: Part) -> None:
        """Count a part's sets; rows that are unique in the columns of all of them are counted once."""
        alone = space.alone(part.kept)
        here = part.steps.number[part.steps.number >= 0]
        found = np.zeros_like(figures)
        if not alone.all():
            rest = ~alone
            count_sets(lattice, part.steps, np.ascontiguousarray(words[:, rest]), weight[rest], found)
        figures[here] = found[here] + [int(alone.sum()), int(alone.sum()), 0]

    def walk(known: Sequence[Set], most: int) -> None:
        in_threads(count, space.parts(cut=_CUT, known=known, most=most), n_threads)

    keys: list[Set] = []
    if len(weight) == n_rows:
        keys = [(j,) for j in range(len(codes)) if sizes[j] == n_rows]
        if space.max_size > _KEY_SIZE:
            walk(keys, _KEY_SIZE)
            small = [number for number, columns in enumerate(space.sets) if len(columns) <= _KEY_SIZE]
            keys = [space.sets[number] for number in small if figures[number, 2] == 0]
    walk(keys, space.max_size)
    distinct, alone, alike = figures.T
    pairs = n_rows * (n_rows - 1)
    enough = alike <= (1 - alpha) * pairs if measure == "separation" else distinct >= alpha * n_rows
    smaller = smaller_sets(space.sets, len(codes))
    redundant = (enough[smaller] & (smaller >= 0)).any(axis=1)
    separation = 1 - alike / pairs if pairs else np.ones(len(alike))
    return Discovery(space.sets, n_rows, distinct, alone, separation, enough, enough & ~redundant)
