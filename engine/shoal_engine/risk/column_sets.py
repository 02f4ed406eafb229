"""Sets of columns, numbered, and the walks that reach all of them from the distinct tuples of a table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import comb

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

MOST_SETS = 1 << 17
"""Column sets that are examined at most."""
Set = tuple[int, ...]


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
