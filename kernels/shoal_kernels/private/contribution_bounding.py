"""Contribution bounding: a limited number of groups, and of rows in each, for every privacy unit.

A unit's groups are chosen by their keyed scores, its rows in a group by the scores of their *ranks* among the
unit's own rows of that group, sorted by value. Nothing else is used: no position, no code that depends on other
units. So the kept rows of a unit are a function of the key and the unit's own rows. Removing a unit removes its
kept rows, at most `max_groups` groups of at most `max_rows` rows each, and changes nothing else.
"""

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Ints, Matrix, OutMatrix, OutVector, Vector, Words, Words32, kernel
from shoal_kernels.private.grid_values import ABSENT
from shoal_kernels.private.keyed_hash import score_pair, score_row
from shoal_kernels.tables.radix_sort import LOWER_BITS, sort_upper

FEW = 24
"""Up to this many candidates the best are found by counting; beyond, by a heap, for its better worst case."""
N_KEPT, N_PAIRS = 0, 1
"""Places in `found`: rows kept, pairs of unit and group kept."""


@inlined
def _beats(score: np.uint64, tie: int, other: np.uint64, other_tie: int) -> bool:
    """Return whether a candidate is chosen before another."""
    return bool(score < other or (score == other and tie < other_tie))


@inner
def _offer(
    score: np.uint64,
    tie: int,
    item: int,
    scores: Words,
    ties: Ints,
    items: Ints,
    size: int,
    most: int,
) -> int:
    """Offer a candidate to a heap of the `most` best, whose root is the worst; return the heap's size."""
    if size < most:
        # Sift up: parents that beat the new candidate move down, so that the root is the worst.
        at = size
        while at > 0 and _beats(scores[(at - 1) >> 1], ties[(at - 1) >> 1], score, tie):
            up = (at - 1) >> 1
            scores[at], ties[at], items[at] = scores[up], ties[up], items[up]
            at = up
        scores[at], ties[at], items[at] = score, tie, item
        return size + 1
    if not _beats(score, tie, scores[0], ties[0]):
        return size
    # The root is replaced; sift the new candidate down past worse children.
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _beats(scores[child], ties[child], scores[child + 1], ties[child + 1]):
            child += 1
        if _beats(scores[child], ties[child], score, tie):
            break
        scores[at], ties[at], items[at] = scores[child], ties[child], items[child]
        at = child
    scores[at], ties[at], items[at] = score, tie, item
    return size


@inner
def _mark_best(score: Words, rank: Words32, most: int, chosen: npt.NDArray[np.bool_]) -> None:
    """Mark the `most` candidates that beat all others."""
    n = len(score)
    if n <= most:
        chosen[:] = True
        return
    if n <= FEW:
        # Count the candidates that beat each one: quadratic, but without branches.
        for i in range(n):
            better = 0
            for j in range(n):
                better += np.int64((score[j] < score[i]) | ((score[j] == score[i]) & (rank[j] < rank[i])))
            chosen[i] = better < most
        return
    scores, ties, items = np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64)
    size = 0
    for i in range(n):
        size = _offer(score[i], int(rank[i]), i, scores, ties, items, size, most)
    chosen[:] = False
    for i in range(most):
        chosen[items[i]] = True


@kernel
def choose_pairs(
    pair_unit: Vector[np.uint32],
    pair_group: Vector[np.uint32],
    unit_tag: Vector[np.uint64],
    group_tag: Vector[np.uint64],
    group_rank: Vector[np.uint32],
    key: Vector[np.uint64],
    max_groups: int,
    chosen: OutVector[np.bool_],
) -> None:
    """Choose the groups of every unit: those of the smallest scores.

    Parameters
    ----------
    pair_unit, pair_group : (n_pairs,) uint32
        Every group of every unit, once; those of one unit contiguous.
    unit_tag : (n_units,) uint64
        Keyed digest of each unit's id.
    group_tag : (n_groups,) uint64
        Keyed digest of each group's key.
    group_rank : (n_groups,) uint32
        Rank of each group in the order of the keys; breaks ties of scores.
    key : (2,) uint64
    max_groups : int, at least 1
        L0.
    chosen : (n_pairs,) bool, out
    """
    n = len(pair_unit)
    score, other, rank = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint32)
    for p in range(n):
        score[p] = unit_tag[np.int64(pair_unit[p])]
        other[p] = group_tag[np.int64(pair_group[p])]
        rank[p] = group_rank[np.int64(pair_group[p])]
    # A separate loop over contiguous arrays, so that the hashes of several pairs are vectorized.
    for p in range(n):
        score[p] = score_pair(key, score[p], other[p])
    # Pairs of one unit are contiguous: mark the best of each run.
    first = 0
    for p in range(n):
        if p + 1 == n or pair_unit[p + 1] != pair_unit[p]:
            _mark_best(score[first : p + 1], rank[first : p + 1], max_groups, chosen[first : p + 1])
            first = p + 1


@inner
def _sort_rows(rows: Words, values: npt.NDArray[np.int32], spare: Words) -> None:
    """Sort a pair's rows by their values, first column first; overwrite the upper halves of the words."""
    # Stable sorts by one column each, from the last to the first, give the lexicographic order.
    lower = np.uint64((1 << LOWER_BITS) - 1)
    for c in range(len(values) - 1, -1, -1):
        for i in range(len(rows)):
            row = rows[i] & lower
            # Distance from the lowest int32, so that unsigned words sort like signed values.
            above = np.int64(values[c, np.int64(row)]) - np.int64(ABSENT)
            rows[i] = (np.uint64(above) << np.uint64(LOWER_BITS)) | row
        sort_upper(rows, spare)


@inner
def _put_best_first(
    rows: Words,
    unit_tag: np.uint64,
    group_tag: np.uint64,
    key: Words,
    most: int,
    scores: Words,
    ties: Ints,
    items: Ints,
    spare: Words,
) -> None:
    """Move the rows whose ranks have the smallest scores to the front of a pair's sorted rows."""
    # Scores belong to ranks, not to rows: rows of equal values are interchangeable.
    size = 0
    for rank in range(len(rows)):
        score = score_row(key, unit_tag, group_tag, np.uint64(rank))
        size = _offer(score, rank, rank, scores, ties, items, size, most)
    for i in range(size):
        spare[i] = rows[items[i]]
    for i in range(size):
        rows[i] = spare[i]


@kernel
def keep_rows(
    words: OutVector[np.uint64],
    pair_begin: Vector[np.int64],
    pair_unit: Vector[np.uint32],
    chosen: Vector[np.bool_],
    values: Matrix[np.int32],
    unit_tag: Vector[np.uint64],
    group_tag: Vector[np.uint64],
    key: Vector[np.uint64],
    max_rows: int,
    kept: OutVector[np.uint32],
    kept_group: OutVector[np.uint32],
    kept_end: OutVector[np.int64],
    found: OutVector[np.int64],
) -> None:
    """Choose the rows of every pair of unit and group that was chosen.

    Parameters
    ----------
    words : (m,) uint64, in and out
        Group and place of each row, from `pair_rows`; pairs that lose rows are overwritten.
    pair_begin : (n_pairs + 1,) int64
    pair_unit : (n_pairs,) uint32
    chosen : (n_pairs,) bool
    values : (n_columns, m) int32
    unit_tag, group_tag, key
        As for `choose_pairs`.
    max_rows : int, at least 1
        L_infinity.
    kept : (m,) uint32, out
        Places of the kept rows, those of a pair contiguous.
    kept_group : (n_pairs,) uint32, out
        Group of each chosen pair.
    kept_end : (n_pairs,) int64, out
        End of its rows in `kept`.
    found : (2,) int64, out
        N_KEPT and N_PAIRS.
    """
    most = min(len(words), max_rows)
    scores, ties, items = np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64)
    spare = np.empty(len(words), np.uint64)
    n_kept, n = 0, 0
    for p in range(len(pair_unit)):
        if not chosen[p]:
            continue
        begin, size = pair_begin[p], pair_begin[p + 1] - pair_begin[p]
        group = np.int64(words[begin] >> np.uint64(32))
        # Only pairs above the bound are sorted and scored; the rows of all others are kept as they are.
        if size > max_rows:
            rows, tag = words[begin : begin + size], unit_tag[np.int64(pair_unit[p])]
            _sort_rows(rows, values, spare)
            _put_best_first(rows, tag, group_tag[group], key, max_rows, scores, ties, items, spare)
            size = max_rows
        for i in range(size):
            kept[n_kept + i] = np.uint32(words[begin + i] & np.uint64(0xFFFFFFFF))
        n_kept += size
        kept_group[n] = np.uint32(group)
        kept_end[n] = n_kept
        n += 1
    found[N_KEPT], found[N_PAIRS] = n_kept, n


@kernel
def clip_sums(
    values: Matrix[np.int32],
    kept: Vector[np.uint32],
    kept_end: Vector[np.int64],
    low: Vector[np.int64],
    high: Vector[np.int64],
    out: OutMatrix[np.int32],
) -> None:
    """Sum the values of each pair of unit and group, and clamp the sum.

    Parameters
    ----------
    values : (n_columns, m) int32
    kept : (n_kept,) uint32
    kept_end : (n_pairs,) int64
        From `keep_rows`.
    low, high : (n_columns,) int64
    out : (n_columns, n_pairs) int32, out
        ABSENT if none of the pair's rows has a value.
    """
    for c in range(len(values)):
        first = 0
        for p in range(len(kept_end)):
            total, present = np.int64(0), False
            for i in range(first, kept_end[p]):
                value = values[c, np.int64(kept[i])]
                if value != ABSENT:
                    total += np.int64(value)
                    present = True
            out[c, p] = np.int32(min(max(total, low[c]), high[c])) if present else np.int32(ABSENT)
            first = kept_end[p]
