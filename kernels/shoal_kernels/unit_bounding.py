"""Contribution bounding: which groups, and which rows of each, count for every privacy unit.

A unit's groups are chosen by their keyed scores, its rows in a group by the scores of their *ranks* among the
unit's own rows of that group, sorted by value. Nothing else enters: no position, no code that depends on other
units. So what is kept of a unit is a function of the key and the unit's own rows, and removing a unit takes away
what was kept of it and changes nothing else: at most `max_groups` groups by at most `max_rows` rows each.
"""

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import inlined, inner, kernel, matrix, vector
from shoal_kernels.grid_values import ABSENT
from shoal_kernels.keyed_choice import score_pair, score_row
from shoal_kernels.unit_partitioning import BUCKET_BITS

FEW = 24
"""So many rows are sorted by insertion; more by heaps, whose worst case is as good."""
N_KEPT, N_PAIRS = 0, 1
"""Places in `found`: rows kept, pairs of unit and group kept."""

_U32, _U64, _VALUES = vector(types.uint32), vector(types.uint64), matrix(types.int32)


@inlined
def _sift_words(words: npt.NDArray[np.uint64], at: int, n: int) -> None:
    """Let a word sink in the heap whose root is the largest."""
    word = words[at]
    while 2 * at + 1 < n:
        child = 2 * at + 1
        if child + 1 < n and words[child + 1] > words[child]:
            child += 1
        if words[child] <= word:
            break
        words[at] = words[child]
        at = child
    words[at] = word


@inner
def _sort_words(words: npt.NDArray[np.uint64]) -> None:
    """Sort words ascending, in place."""
    n = len(words)
    if n <= FEW:
        for i in range(1, n):
            word, at = words[i], i
            while at > 0 and words[at - 1] > word:
                words[at] = words[at - 1]
                at -= 1
            words[at] = word
        return
    for at in range(n // 2 - 1, -1, -1):
        _sift_words(words, at, n)
    for end in range(n - 1, 0, -1):
        words[0], words[end] = words[end], words[0]
        _sift_words(words, 0, end)


@inlined
def _below(values: npt.NDArray[np.int32], one: np.uint64, other: np.uint64) -> bool:
    """Return whether a row's values come before another's, column by column; the row is the word's lower half."""
    a, b = np.int64(one & np.uint64(0xFFFFFFFF)), np.int64(other & np.uint64(0xFFFFFFFF))
    for c in range(len(values)):
        if values[c, a] != values[c, b]:
            return values[c, a] < values[c, b]
    return False


@inlined
def _sift_rows(values: npt.NDArray[np.int32], rows: npt.NDArray[np.uint64], at: int, n: int) -> None:
    """Let a row sink in the heap whose root is the last."""
    row = rows[at]
    while 2 * at + 1 < n:
        child = 2 * at + 1
        if child + 1 < n and _below(values, rows[child], rows[child + 1]):
            child += 1
        if not _below(values, row, rows[child]):
            break
        rows[at] = rows[child]
        at = child
    rows[at] = row


@inner
def _sort_rows(values: npt.NDArray[np.int32], rows: npt.NDArray[np.uint64]) -> None:
    """Sort rows by their values, in place; equal rows are interchangeable."""
    n = len(rows)
    if n <= FEW:
        for i in range(1, n):
            row, at = rows[i], i
            while at > 0 and _below(values, row, rows[at - 1]):
                rows[at] = rows[at - 1]
                at -= 1
            rows[at] = row
        return
    for at in range(n // 2 - 1, -1, -1):
        _sift_rows(values, rows, at, n)
    for end in range(n - 1, 0, -1):
        rows[0], rows[end] = rows[end], rows[0]
        _sift_rows(values, rows, 0, end)


@inlined
def _beats(score: np.uint64, tie: int, other: np.uint64, other_tie: int) -> bool:
    """Return whether a candidate is chosen before another."""
    return score < other or (score == other and tie < other_tie)


@inner
def _offer(
    score: np.uint64,
    tie: int,
    item: int,
    scores: npt.NDArray[np.uint64],
    ties: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    size: int,
    most: int,
) -> int:
    """Keep the `most` candidates that beat all others, in a heap whose root is the first to go; return its size."""
    if size < most:
        at = size
        while at > 0 and _beats(scores[(at - 1) >> 1], ties[(at - 1) >> 1], score, tie):
            up = (at - 1) >> 1
            scores[at], ties[at], items[at] = scores[up], ties[up], items[up]
            at = up
        scores[at], ties[at], items[at] = score, tie, item
        return size + 1
    if not _beats(score, tie, scores[0], ties[0]):
        return size
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


@inlined
def _group(word: np.uint64) -> np.int64:
    """Return a word's group: its upper half."""
    return np.int64(word >> np.uint64(32))


@inlined
def _run_end(words: npt.NDArray[np.uint64], at: int) -> int:
    """Return where the run of one group that begins at `at` ends."""
    group = _group(words[at])
    while at < len(words) and _group(words[at]) == group:
        at += 1
    return at


@kernel(
    types.void(
        _U32, _U32, _VALUES, _U64, _U64, _U32, _U64, types.int64, types.int64,
        types.uint32[::1], types.uint32[::1], types.int64[::1], types.int64[::1],
    )
)  # fmt: skip
def choose_rows(
    unit: npt.NDArray[np.uint32],
    group: npt.NDArray[np.uint32],
    values: npt.NDArray[np.int32],
    unit_tag: npt.NDArray[np.uint64],
    group_tag: npt.NDArray[np.uint64],
    group_rank: npt.NDArray[np.uint32],
    key: npt.NDArray[np.uint64],
    max_groups: int,
    max_rows: int,
    kept: npt.NDArray[np.uint32],
    pair_group: npt.NDArray[np.uint32],
    pair_end: npt.NDArray[np.int64],
    found: npt.NDArray[np.int64],
) -> None:
    """Choose the groups and rows of every unit of one bucket.

    Parameters
    ----------
    unit : (m,) uint32
        Code of each row's unit; its lowest BUCKET_BITS are the bucket's number in all of them.
    group : (m,) uint32, each below len(group_tag)
    values : (n_columns, m) int32
    unit_tag : (n_units,) uint64
        Keyed digest of each unit's id.
    group_tag : (n_groups,) uint64
        Keyed digest of each group's key.
    group_rank : (n_groups,) uint32
        Place of each group in the order of the keys: decides where scores are equal.
    key : (2,) uint64
    max_groups, max_rows : int, at least 1
        L0 and L_infinity.
    kept : (m,) uint32, out
        The rows that count, those of a pair of unit and group side by side.
    pair_group : (m,) uint32, out
        Group of each pair that is kept.
    pair_end : (m,) int64, out
        Where each pair's rows end in `kept`.
    found : (2,) int64, out
        N_KEPT and N_PAIRS.
    """
    m = len(unit)
    found[:] = 0
    if m == 0:
        return
    low = unit[0] & np.uint32((1 << BUCKET_BITS) - 1)
    start = np.zeros((len(unit_tag) >> BUCKET_BITS) + 2, np.int64)
    for i in range(m):
        start[np.int64(unit[i] >> np.uint32(BUCKET_BITS)) + 1] += 1
    for u in range(len(start) - 1):
        start[u + 1] += start[u]
    words = np.empty(m, np.uint64)
    cursor = start.copy()
    for i in range(m):
        u = np.int64(unit[i] >> np.uint32(BUCKET_BITS))
        words[cursor[u]] = (np.uint64(group[i]) << np.uint64(32)) | np.uint64(i)
        cursor[u] += 1
    most = min(m, max(max_groups, max_rows))
    scores, ties, items = np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64)
    begins = np.empty(min(m, max_groups), np.int64)
    for u in range(len(start) - 1):
        mine = words[start[u] : start[u + 1]]
        if len(mine) == 0:
            continue
        tag = unit_tag[(u << BUCKET_BITS) | np.int64(low)]
        _sort_words(mine)
        n_groups = _choose_groups(mine, tag, group_tag, group_rank, key, max_groups, scores, ties, items, begins)
        for g in range(n_groups):
            first = begins[g]
            run = mine[first : _run_end(mine, first)]
            pair_group[found[N_PAIRS]] = np.uint32(_group(run[0]))
            found[N_KEPT] = _keep_rows(
                run, values, tag, group_tag[_group(run[0])], key, max_rows, scores, ties, items, kept, found[N_KEPT]
            )
            pair_end[found[N_PAIRS]] = found[N_KEPT]
            found[N_PAIRS] += 1


@inner
def _choose_groups(
    mine: npt.NDArray[np.uint64],
    tag: np.uint64,
    group_tag: npt.NDArray[np.uint64],
    group_rank: npt.NDArray[np.uint32],
    key: npt.NDArray[np.uint64],
    max_groups: int,
    scores: npt.NDArray[np.uint64],
    ties: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int64],
) -> int:
    """Write where the chosen groups of one unit begin among its sorted rows; return how many there are."""
    n_groups, at = 0, 0
    while at < len(mine):
        if n_groups < max_groups:
            begins[n_groups] = at
        n_groups += 1
        at = _run_end(mine, at)
    if n_groups <= max_groups:
        return n_groups
    size, at = 0, 0
    while at < len(mine):
        group = _group(mine[at])
        score = score_pair(key, tag, group_tag[group])
        size = _offer(score, np.int64(group_rank[group]), at, scores, ties, items, size, max_groups)
        at = _run_end(mine, at)
    begins[:size] = items[:size]
    return size


@inner
def _keep_rows(
    run: npt.NDArray[np.uint64],
    values: npt.NDArray[np.int32],
    tag: np.uint64,
    group_tag: np.uint64,
    key: npt.NDArray[np.uint64],
    max_rows: int,
    scores: npt.NDArray[np.uint64],
    ties: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    kept: npt.NDArray[np.uint32],
    n_kept: int,
) -> int:
    """Write the chosen rows of one unit and group; return the number of rows kept so far."""
    if len(run) <= max_rows:
        for i in range(len(run)):
            kept[n_kept + i] = np.uint32(run[i] & np.uint64(0xFFFFFFFF))
        return n_kept + len(run)
    _sort_rows(values, run)
    size = 0
    for rank in range(len(run)):
        score = score_row(key, tag, group_tag, np.uint64(rank))
        size = _offer(score, rank, rank, scores, ties, items, size, max_rows)
    for i in range(size):
        kept[n_kept + i] = np.uint32(run[items[i]] & np.uint64(0xFFFFFFFF))
    return n_kept + size


@kernel(types.void(_VALUES, _U32, vector(types.int64), vector(types.int64), vector(types.int64), types.int32[:, ::1]))
def clip_sums(
    values: npt.NDArray[np.int32],
    kept: npt.NDArray[np.uint32],
    pair_end: npt.NDArray[np.int64],
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
    out: npt.NDArray[np.int32],
) -> None:
    """Sum the values of each pair of unit and group, and clamp the sum.

    Parameters
    ----------
    values : (n_columns, m) int32
    kept : (n_kept,) uint32
    pair_end : (n_pairs,) int64
        As `choose_rows` leaves them.
    low, high : (n_columns,) int64
    out : (n_columns, n_pairs) int32, out
        ABSENT where none of the pair's rows holds a value.
    """
    for c in range(len(values)):
        first = 0
        for p in range(len(pair_end)):
            total, present = np.int64(0), False
            for i in range(first, pair_end[p]):
                value = values[c, np.int64(kept[i])]
                if value != ABSENT:
                    total += np.int64(value)
                    present = True
            out[c, p] = np.int32(min(max(total, low[c]), high[c])) if present else np.int32(ABSENT)
            first = pair_end[p]
