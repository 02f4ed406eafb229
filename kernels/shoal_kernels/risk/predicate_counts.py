"""Counts of the rows that conjunctions of predicates match, with an early exit once they match too many."""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Bytes, Ints, Matrix, OutVector, Vector, Words32, kernel

_BLOCK = 256
"""Rows that are tested at a time; the first predicates fail most of them, so blocks stay in the first-level cache."""
_NO_CODE = np.uint32(0xFFFFFFFF)


@inner
def _keep(codes: Words32, low: np.uint32, high: np.uint32, unlike: np.uint32, kept: Bytes) -> int:
    """Clear `kept` where a code is outside a range, or is the one that is excluded; return how many are left."""
    for i in range(len(kept)):
        code = codes[i]
        kept[i] &= np.uint8((code >= low) & (code <= high) & (code != unlike))
    rows = 0
    for i in range(len(kept)):
        rows += int(kept[i])
    return rows


@inner
def _count(codes: Words32, column: Ints, low: Words32, high: Words32, unlike: Words32, most: int, kept: Bytes) -> int:
    """Count the rows that match a conjunction, block by block, until there are more than `most`."""
    n, found = codes.shape[1], 0
    for begin in range(0, n, _BLOCK):
        block = kept[: min(_BLOCK, n - begin)]
        block[:] = 1
        rows = len(block)
        for c in range(len(column)):
            rows = _keep(codes[column[c], begin : begin + len(block)], low[c], high[c], unlike[c], block)
            if rows == 0:
                break
        found += rows
        if found > most:
            break
    return found


@kernel
def count_matches(
    codes: Matrix[np.uint32],
    column: Matrix[np.int64],
    low: Matrix[np.uint32],
    high: Matrix[np.uint32],
    unlike: Matrix[np.uint32],
    most: int,
    count: OutVector[np.int64],
) -> None:
    """Count the rows that match each of q conjunctions of c predicates, up to a bound; fastest with rare ones first.

    Parameters
    ----------
    codes : (d, n) uint32
        Column by column.
    column : (q, c) int64, below d
    low, high, unlike : (q, c) uint32
        A predicate holds where ``low <= code <= high`` and the code is not `unlike`.
    most : int
        Counting ends once it is exceeded.
    count : (q,) int64, out
        Matching rows; if above `most`, a lower bound on them.
    """
    kept = np.empty(_BLOCK, np.uint8)
    for q in range(len(count)):
        count[q] = _count(codes, column[q], low[q], high[q], unlike[q], most, kept)


class CodeRanges(NamedTuple):
    """The predicate that each code fulfills; the codes of column j begin at ``begin[j]``.

    Attributes
    ----------
    begin : (d,) int64
    low, high : (sum of sizes,) uint32
        Range of codes.
    rows : (sum of sizes,) int64
        Rows within it.
    """

    begin: Vector[np.int64]
    low: Vector[np.uint32]
    high: Vector[np.uint32]
    rows: Vector[np.int64]


@kernel
def count_alike(
    codes: Matrix[np.uint32],
    ranges: CodeRanges,
    record: Vector[np.int64],
    chosen: Matrix[np.int64],
    most: int,
    count: OutVector[np.int64],
) -> None:
    """Count the rows that match the predicates of a record in some columns, for q records, up to a bound.

    Parameters
    ----------
    codes : (d, n) uint32
    ranges : CodeRanges
    record : (q,) int64, below n
    chosen : (q, c) int64, below d
        Columns.
    most : int
        Counting ends once it is exceeded.
    count : (q,) int64, out
        Matching rows; if above `most`, a lower bound on them.
    """
    c = chosen.shape[1]
    kept = np.empty(_BLOCK, np.uint8)
    column, rows = np.empty(c, np.int64), np.empty(c, np.int64)
    low, high, unlike = np.empty(c, np.uint32), np.empty(c, np.uint32), np.full(c, _NO_CODE)
    for q in range(len(count)):
        for e in range(c):
            j = chosen[q, e]
            at = ranges.begin[j] + np.int64(codes[j, record[q]])
            # Rare predicates come first: most blocks have no row left after one of them.
            place = e
            while place > 0 and rows[place - 1] > ranges.rows[at]:
                column[place], rows[place] = column[place - 1], rows[place - 1]
                low[place], high[place] = low[place - 1], high[place - 1]
                place -= 1
            column[place], rows[place], low[place], high[place] = j, ranges.rows[at], ranges.low[at], ranges.high[at]
        count[q] = _count(codes, column, low, high, unlike, most, kept)
