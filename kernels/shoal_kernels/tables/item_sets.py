"""Item sets of rows: distinct items, and counts of their combinations, generalizations included.

Nodes are numbered. A node covers the leaves from `low` to `high`; two nodes are apart if these ranges are
disjoint. A combination of nodes is one word: their numbers + 1, ascending, `bits` each; 0 is no combination.
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Ints, OutVector, Vector, kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Forest(NamedTuple):
    """The n_nodes nodes of the items' hierarchy; without hierarchy every item is a root.

    Attributes
    ----------
    parent : (n_nodes,) int64
        -1 for a root.
    low, high : (n_nodes,) int64
        First and last leaf under the node. Leaf r is node r.
    """

    parent: Vector[np.int64]
    low: Vector[np.int64]
    high: Vector[np.int64]


class Counts(NamedTuple):
    """Rows, or privacy units, of each combination: an open-addressing hash table of a power of two slots.

    Attributes
    ----------
    key : (capacity,) uint64
        0 if the slot is free.
    rows : (capacity,) int64
        Counts of rows; of privacy units if `last` is not empty.
    last : (capacity or 0,) int64
        1 + the last privacy unit counted for the combination.
    """

    key: OutVector[np.uint64]
    rows: OutVector[np.int64]
    last: OutVector[np.int64]


@inlined
def _ascending(values: Ints) -> bool:
    """Return whether values are in ascending order, as most short rows are."""
    for i in range(1, len(values)):  # noqa: SIM110 - kernels know no generators
        if values[i] < values[i - 1]:
            return False
    return True


@kernel
def distinct_items(
    start: Vector[np.int64], item: Vector[np.int64], distinct_start: OutVector[np.int64], distinct: OutVector[np.int64]
) -> None:
    """Sort the items of every row, and keep each once.

    Parameters
    ----------
    start : (n + 1,) int64
        Where the items of each row begin.
    item : (any,) int64
        Negative for an item to be dropped.
    distinct_start : (n + 1,) int64, out
    distinct : (as many as `item`,) int64, out
        Filled up to the last of `distinct_start`.
    """
    at = 0
    distinct_start[0] = 0
    for row in range(len(start) - 1):
        own = distinct[at : at + start[row + 1] - start[row]]
        own[:] = item[start[row] : start[row + 1]]
        if not _ascending(own):
            own.sort()
        kept = 0
        for value in own:
            if value >= 0 and (kept == 0 or own[kept - 1] != value):
                own[kept] = value
                kept += 1
        at += kept
        distinct_start[row + 1] = at


@inlined
def apart(forest: Forest, one: int, other: int) -> bool:
    """Return whether no leaf is under both nodes."""
    return forest.high[one] < forest.low[other] or forest.high[other] < forest.low[one]


@inlined
def place_of(counts: Counts, key: np.uint64) -> int:
    """Return the slot of a combination, or the free slot for it."""
    mask = np.uint64(len(counts.key) - 1)
    place = ((key * _GOLDEN) >> np.uint64(32)) & mask
    while counts.key[np.int64(place)] != 0 and counts.key[np.int64(place)] != key:
        place = (place + np.uint64(1)) & mask
    return int(place)


@kernel
def move_counts(source: Counts, target: Counts) -> None:
    """Copy all combinations into a larger, empty table."""
    for i in range(len(source.key)):
        if source.key[i] != 0:
            place = place_of(target, source.key[i])
            target.key[place], target.rows[place] = source.key[i], source.rows[i]
            if len(source.last) > 0:
                target.last[place] = source.last[i]


@inner
def _with_ancestors(forest: Forest, items: Ints, own: Ints) -> int:
    """List the items' nodes and their ancestors, ascending, each once; return their number."""
    n = 0
    for item in items:
        node = item
        while node >= 0:
            own[n] = node
            n += 1
            node = forest.parent[node]
    ordered = np.sort(own[:n])
    kept = 0
    for node in ordered:
        if kept == 0 or own[kept - 1] != node:
            own[kept] = node
            kept += 1
    return kept


@inner
def _count_row(forest: Forest, own: Ints, size: int, bits: int, chosen: Ints, unit: int, counts: Counts) -> int:
    """Count every combination of `size` nodes of one row that are apart; return the number of new ones.

    A combination already counted for the row's privacy unit, by an earlier row, is not counted again.
    """
    # Depth-first enumeration of ascending index sets: chosen[:depth + 1] is the current prefix.
    new, depth = 0, 0
    chosen[0] = -1
    while depth >= 0:
        chosen[depth] += 1
        if chosen[depth] >= len(own):
            depth -= 1
            continue
        free = True
        for above in range(depth):
            if not apart(forest, int(own[chosen[above]]), int(own[chosen[depth]])):
                free = False
        if not free:
            continue
        if depth < size - 1:
            chosen[depth + 1] = chosen[depth]
            depth += 1
            continue
        key = np.uint64(0)
        for j in range(size):
            key = (key << np.uint64(bits)) | np.uint64(own[chosen[j]] + 1)
        place = place_of(counts, key)
        if counts.key[place] == 0:
            counts.key[place] = key
            new += 1
        if unit >= 0:
            if counts.last[place] == unit + 1:
                continue
            counts.last[place] = unit + 1
        counts.rows[place] += 1
    return new


@inner
def _n_combinations(n: int, size: int) -> int:
    """Return the number of subsets of `size` elements among n, at most 10**18."""
    result = 1.0
    for j in range(size):
        result *= (n - j) / (j + 1)
    return int(min(result, 1e18))


@kernel
def count_combinations(
    forest: Forest,
    start: Vector[np.int64],
    item: Vector[np.int64],
    unit: Vector[np.int64],
    size: int,
    bits: int,
    counts: Counts,
    state: OutVector[np.int64],
) -> None:
    """Count the rows of each combination of `size` nodes, until the table is half full.

    Parameters
    ----------
    forest : Forest
    start, item : (n + 1,) int64, (any,) int64
        Distinct nodes of each row, none above another.
    unit : (n or 0,) int64, ascending
        Privacy unit of each row: rows of one unit count a combination once. Empty if every row counts.
    size : int
        At least 1; ``size * bits`` is at most 64.
    bits : int
    counts : Counts, in and out
    state : (3,) int64, in and out
        Next row; combinations in the table; if the next row did not fit, the number of combinations it may add.
    """
    longest = 0
    for row in range(len(start) - 1):
        longest = max(longest, start[row + 1] - start[row])
    height = 1
    for node in range(len(forest.parent)):
        steps, above = 1, forest.parent[node]
        while above >= 0:
            steps += 1
            above = forest.parent[above]
        height = max(height, steps)
    own, chosen = np.empty(longest * height, np.int64), np.empty(size, np.int64)
    state[2] = 0
    while state[0] < len(start) - 1:
        row = state[0]
        n = _with_ancestors(forest, item[start[row] : start[row + 1]], own)
        more = _n_combinations(n, size) if n >= size else 0
        # Checked before the row is counted, so a row is counted wholly or not at all.
        if 2 * (state[1] + more) > len(counts.key):
            state[2] = more
            return
        if more > 0:
            mine = int(unit[row]) if len(unit) > 0 else -1
            state[1] += _count_row(forest, own[:n], size, bits, chosen, mine, counts)
        state[0] += 1
