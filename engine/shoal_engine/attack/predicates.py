"""Predicates that single out released rows: of rare values, of parts of records, and of nothing but chance."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_engine.attack.plain_rows import RELEASE, Codes, PlainColumn, Rows
from shoal_kernels._jit import freeze
from shoal_kernels.risk.predicate_counts import CodeRanges, count_alike, count_matches

Bounds = npt.NDArray[np.uint32]

NO_CODE = np.uint32(0xFFFFFFFF)
"""No column has it."""
_BATCH = 4096
"""Predicates that are tried at a time."""
_MOST_SETS = 1 << 16
"""Sets of columns that are listed."""


class Predicates(NamedTuple):
    """Conjunctions of c predicates, q of them.

    Attributes
    ----------
    column : (q, c) int64
        Ascending in each.
    low, high, unlike : (q, c) uint32
        A predicate holds for codes from `low` to `high` but `unlike`.
    """

    column: Rows
    low: Bounds
    high: Bounds
    unlike: Bounds

    def take(self, places: npt.NDArray[np.integer]) -> "Predicates":
        """Return some of them."""
        return Predicates(self.column[places], self.low[places], self.high[places], self.unlike[places])

    def keys(self) -> list[bytes]:
        """Return a key of each, equal for equal predicates."""
        fields = np.concatenate([field.astype(np.int64) for field in self], axis=1)
        return [row.tobytes() for row in np.ascontiguousarray(fields)]

    def count_rows(self, codes: Codes, most: int) -> Rows:
        """Return how many rows of (d, n) codes match each, (q,) int64; above `most`, a lower bound."""
        count = np.empty(len(self.column), np.int64)
        count_matches(codes, self.column, self.low, self.high, self.unlike, most, count)
        return count


def stack(parts: Sequence[Predicates]) -> Predicates:
    """Return predicates of several parts, one after the other."""
    return Predicates(
        np.concatenate([part.column for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.unlike for part in parts]),
    )


def _single(column: int, ranges: Sequence[tuple[int, int]]) -> Predicates:
    """Return predicates of ranges of one column's codes."""
    bounds = np.array(ranges, np.int64).reshape(-1, 2).astype(np.uint32)
    low, high = (np.ascontiguousarray(bounds[:, end : end + 1]) for end in (0, 1))
    return Predicates(np.full(low.shape, column), low, high, np.full(low.shape, NO_CODE))


def univariate(columns: Sequence[PlainColumn], codes: Codes, rng: np.random.Generator, most: int) -> Predicates:
    """Return predicates of one column that single out a released row, in random order.

    Giomi et al. (2023), section 4.1: null where one row has it, values that one row has, and, of numbers, at most the
    least and at least the largest value.

    Parameters
    ----------
    columns : sequence of PlainColumn
    codes : (d, n) uint32
        Distinct released rows.
    rng : np.random.Generator
    most : int
        Predicates to return at most.
    """
    parts: list[Predicates] = []
    for j, column in enumerate(columns):
        # Rare values and null alike are codes that one row has.
        rows = np.bincount(codes[j], minlength=column.size)
        ranges = [(code, code) for code in np.flatnonzero(rows == 1).tolist()]
        held = np.flatnonzero(rows[column.first :]) + column.first
        if column.numbers is not None and held.size:
            least, largest = int(held[0]), int(held[-1])
            # The others hold for one row only if the end is a value of one row.
            ends = [(least, (column.first, least)), (largest, (largest, column.size - 1))]
            ranges += [bounds for end, bounds in ends if rows[end] == 1]
        parts.append(_single(j, ranges))
    found = stack(parts)
    return found.take(rng.permutation(len(found.column))[:most])


def ranges_of(columns: Sequence[PlainColumn], codes: Codes) -> CodeRanges:
    """Return the predicate that each code of some columns fulfills.

    Null and categories are themselves; numbers above the median are at least so large, others at most. Extreme values
    are those of few, so the other side would single out less often.

    Parameters
    ----------
    columns : sequence of PlainColumn
    codes : (d, n) uint32
    """
    lows: list[Bounds] = []
    highs: list[Bounds] = []
    rows: list[Rows] = []
    for column, mine in zip(columns, codes, strict=True):
        low = np.arange(column.size, dtype=np.uint32)
        high = low.copy()
        if column.numbers is not None:
            values = column.numbers[mine]
            median = np.median(values[~np.isnan(values)]) if (mine >= column.first).any() else math.nan
            above = column.numbers > median
            value = np.arange(column.size) >= column.first
            high[value & above] = column.size - 1
            low[value & ~above] = column.first
        lows.append(low)
        highs.append(high)
        below = np.concatenate([[0], np.cumsum(np.bincount(mine, minlength=column.size))])
        rows.append(below[high.astype(np.int64) + 1] - below[low])
    begin = np.cumsum([0, *(len(low) for low in lows[:-1])])
    return freeze(CodeRanges(begin, np.concatenate(lows), np.concatenate(highs), np.concatenate(rows)))


def predicates_of(ranges: CodeRanges, codes: Codes, rows: Rows, chosen: Rows) -> Predicates:
    """Return the predicates of some records in the columns chosen for each, (q, c), ascending."""
    place = ranges.begin[chosen] + codes[chosen, rows[:, None]]
    return Predicates(chosen, ranges.low[place], ranges.high[place], np.full(chosen.shape, NO_CODE))


class Draws:
    """Random pairs of a record and a set of columns: all, each once, if they are few.

    Parameters
    ----------
    n_rows, d, n_columns : int
        Records, columns, and columns of a set.
    rng : np.random.Generator
    most : int
        Draws at most.
    """

    def __init__(self, n_rows: int, d: int, n_columns: int, rng: np.random.Generator, most: int) -> None:
        self._n_rows, self._d, self._n_columns, self._rng = n_rows, d, n_columns, rng
        n_sets = math.comb(d, n_columns)
        self._sets: Rows | None = None
        if n_sets <= _MOST_SETS:
            self._sets = np.array(list(combinations(range(d), n_columns)), np.int64)
        self._order: Rows | None = None
        if self._sets is not None and n_rows * n_sets <= most:
            self._order = rng.permutation(n_rows * n_sets)
        self.count = most if self._order is None else len(self._order)

    def take(self, begin: int, end: int) -> tuple[Rows, Rows]:
        """Return records, (q,) int64, and ascending columns, (q, n_columns) int64, of the draws from `begin` on."""
        q = min(end, self.count) - begin
        if self._order is not None and self._sets is not None:
            rows, place = np.divmod(self._order[begin : begin + q], len(self._sets))
            return rows, self._sets[place]
        rows = self._rng.integers(self._n_rows, size=q)
        if self._sets is not None:
            return rows, self._sets[self._rng.integers(len(self._sets), size=q)]
        return rows, random_sets(q, self._d, self._n_columns, self._rng)


def random_sets(q: int, d: int, n_columns: int, rng: np.random.Generator) -> Rows:
    """Return random sets of columns, (q, n_columns) int64, each ascending."""
    if n_columns == d:
        return np.tile(np.arange(d), (q, 1))
    return np.sort(np.argpartition(rng.random((q, d)), n_columns, axis=1)[:, :n_columns], axis=1)


def multivariate(
    columns: Sequence[PlainColumn],
    codes: Codes,
    rng: np.random.Generator,
    *,
    n_columns: int,
    most: int,
    max_attempts: int,
) -> Predicates:
    """Return distinct predicates of several columns that single out a released row.

    Giomi et al. (2023), section 4.1: from random records and random columns. Where there are at most `max_attempts`
    pairs of them, each is tried once.

    Parameters
    ----------
    columns : sequence of PlainColumn
    codes : (d, n) uint32
        Distinct released rows.
    rng : np.random.Generator
    n_columns : int, from 1 to d
    most, max_attempts : int
        Predicates to return and to try at most.
    """
    d, n = codes.shape
    # Distinct rows come sorted; in random order, rows that match what many do are met soon.
    codes = np.ascontiguousarray(codes[:, rng.permutation(n)])
    ranges = ranges_of(columns, codes)
    draws = Draws(n, d, n_columns, rng, max_attempts)
    parts: list[Predicates] = []
    seen: set[bytes] = set()
    for begin in range(0, draws.count, _BATCH):
        rows, chosen = draws.take(begin, begin + _BATCH)
        count = np.empty(len(rows), np.int64)
        count_alike(codes, ranges, rows, chosen, 1, count)
        places = np.flatnonzero(count == 1)
        alone = predicates_of(ranges, codes, rows[places], chosen[places])
        new: list[int] = []
        for place, key in enumerate(alone.keys()):
            if key not in seen and len(seen) < most:
                seen.add(key)
                new.append(place)
        parts.append(alone.take(np.array(new, np.int64)))
        if len(seen) >= most:
            break
    return stack(parts)


def at_random(columns: Sequence[PlainColumn], rng: np.random.Generator, *, n_columns: int, count: int) -> Predicates:
    """Return random predicates: random columns, a random value that the release has, a random comparison.

    Comparisons are equal and unequal, of numbers also the four of order; null is null, or is not null.
    """
    shape = (count, n_columns)
    chosen = random_sets(count, len(columns), n_columns, rng)
    low, high, unlike = (np.empty(shape, np.uint32) for _ in range(3))
    for j, column in enumerate(columns):
        place = np.nonzero(chosen == j)
        held = np.unique(column.codes[RELEASE]).astype(np.int64)
        code = rng.choice(held, len(place[0]))
        kind = rng.integers(2 if column.numbers is None else 6, size=len(code))
        low[place], high[place], unlike[place] = _comparison(column, code, kind)
    return Predicates(chosen, low, high, unlike)


def _comparison(column: PlainColumn, code: Rows, kind: Rows) -> tuple[Rows, Rows, Rows]:
    """Return the range of codes of comparisons: ==, !=, >=, <=, >, <."""
    first, last = column.first, column.size - 1
    absent = code < first
    kind = np.where(absent & (kind > 1), 1, kind)
    low = np.select([kind == 0, kind == 2, kind == 4], [code, code, code + 1], first)
    high = np.select([kind == 0, kind == 3, kind == 5], [code, code, code - 1], last)
    # Nothing is below the least code, which no unsigned number says.
    nothing = high < low
    low, high = np.where(nothing, 1, low), np.where(nothing, 0, high)
    return low, high, np.where((kind == 1) & ~absent, code, int(NO_CODE))
