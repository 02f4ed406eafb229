"""Levels over an ordered domain: neighbors that share a node, the last that give way first, or balanced weights.

Levels grown from how many rows hold each value: nodes of equal weight, or least entropy lost.

Frequency splits nodes from the root down. Between neighbors a cut goes where the rows before it are nearest to
their share; without order, values go by falling weight to the part that is lightest so far (Graham 1969, Bounds
on multiprocessing timing anomalies, SIAM J. Appl. Math. 17, section 4).

Entropy merges nodes from the leaves up. Merging weights a and b loses ``f(a + b) - f(a) - f(b)``, with
``f(x) = x log x``; without order the two lightest always lose least, which makes the tree that of Huffman
(1952, A method for the construction of minimum-redundancy codes, Proc. IRE 40).
"""

import heapq
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.hierarchies.labels import interval_labels, texts
from shoal_engine.anonymity.hierarchies.levels import Level, leaves_of, places_of, with_root
from shoal_engine.anonymity.policy.hierarchies import Auto, Order, Priority
from shoal_engine.errors import HierarchyError

Ints = npt.NDArray[np.int64]

MAX_NAMED = 12
"""Values of a set that its label names."""


def order_levels(order: Order, values: pa.Array, column: str) -> list[Level]:
    """Return all levels of an order with a fanout; the declared values are its leaves, or those of the data.

    Raises
    ------
    HierarchyError
        A value is not listed, or labels are too few or too many.
    """
    text, rank = _ranked(order.values, values, column)
    n, width = len(text), 1
    levels = [Level(rank, text, np.ones(n, np.int64))]
    for height, fanout in enumerate(order.fanout):
        width = min(width * fanout, n)
        low = np.arange(0, n, width)
        high = np.minimum(low + width, n)
        labels: Sequence[str] | pa.StringArray = interval_labels(text, low, high - 1, has_null=False)
        if order.labels:
            labels = order.labels[height]
            if len(labels) != len(low):
                msg = (
                    f"hierarchy of `{column}` has {len(low)} nodes in level {height + 1} and {len(labels)} `labels` "
                    "for them; name each of them"
                )
                raise HierarchyError(msg)
        levels.append(Level(rank // width, labels, high - low))
    return with_root(levels, n)


def priority_levels(priority: Priority, values: pa.Array, count: Ints | None, column: str) -> list[Level]:
    """Return all levels in which values give way, those of the lowest priority first.

    Of n values and L steps, step h leaves the values whose place among the highest is below (L - h) n / L, as
    ARX's priority-based hierarchies do.

    Parameters
    ----------
    priority : Priority
    values : pa.Array
        Distinct values in ascending order.
    count : (n,) int64 or None
        Rows of each value; needed where no priorities are declared.
    column : str
        For messages.

    Raises
    ------
    HierarchyError
        A value is not listed.
    """
    if priority.values:
        text, rank = _ranked(priority.values, values, column)
    else:
        assert count is not None
        order = np.lexsort((np.arange(len(values)), -count))
        text = texts(values, has_null=False).take(pa.array(order))
        rank = np.empty(len(values), np.int64)
        rank[order] = np.arange(len(values))
    n = len(text)
    steps = min(priority.levels, n)
    levels = [Level(rank, text, np.ones(n, np.int64))]
    for step in range(1, steps):
        left = -(-(steps - step) * n // steps)
        label = pa.concat_arrays([text[:left], pa.array([f"{priority.other} {step}"], pa.string())])
        leaves = np.append(np.ones(left, np.int64), n - left)
        levels.append(Level(np.minimum(rank, left), label, leaves))
    return with_root(levels, n)


def _ranked(declared: Sequence[str], values: pa.Array, column: str) -> tuple[pa.StringArray, Ints]:
    """Return the leaves in their order, and the place of each value among them."""
    if not declared:
        return texts(values, has_null=False), np.arange(len(values))
    leaves = pa.array(declared, pa.string())
    return leaves, places_of(values, leaves, column)


def balanced_levels(auto: Auto, values: pa.Array, count: Ints) -> list[Level]:
    """Return all levels of a hierarchy grown from rows.

    Parameters
    ----------
    auto : Auto
    values : pa.Array
        Distinct values in ascending order.
    count : (n,) int64
        Rows of each value.
    """
    ordered = auto.ordered
    if ordered is None:
        ordered = not (pa.types.is_boolean(values.type) or _is_text(values.type))
    sizes = _sizes(len(values), auto.fanout, auto.levels)
    if auto.balance == "frequency":
        split = _split_line if ordered else _split_set
        nodes: list[Ints] = []
        node = np.zeros(len(values), np.int64)
        for _ in sizes:
            node = split(node, count, auto.fanout)
            nodes.append(node)
        nodes.reverse()
    else:
        merge = _merged_line if ordered else _merged_set
        parent = merge(count) if sizes else np.empty(0, np.int64)
        nodes = [_after_merges(parent, len(values) - size) for size in reversed(sizes)]
    text = texts(values, has_null=False)
    levels = [_ordered_level(node, text) if ordered else _set_level(node, text) for node in nodes]
    return with_root([leaves_of(values), *levels], len(values))


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _sizes(n: int, fanout: int, n_levels: int | None) -> list[int]:
    """Return how many nodes each level between root and leaves may have, from the root down."""
    sizes: list[int] = []
    size = fanout
    while size < n and (n_levels is None or len(sizes) < n_levels):
        sizes.append(size)
        size *= fanout
    return sizes


def _split_line(node: Ints, count: Ints, fanout: int) -> Ints:
    """Cut each stretch of neighbors in `fanout` parts of as many rows each, as nearly as can be.

    A part holds one value at least, and of two cuts as near the lower one is taken.
    """
    before = np.concatenate([[0], np.cumsum(count)])
    start = np.flatnonzero(np.diff(node, prepend=-1))
    end = np.append(start[1:], len(node))
    cuts = [start]
    last = start
    for part in range(1, fanout):
        # In units of 1 / fanout rows, so that shares are whole numbers.
        share = before[start] * fanout + (before[end] - before[start]) * part
        above = np.clip(np.searchsorted(before * fanout, share), 1, len(node))
        nearer = np.abs(before[above - 1] * fanout - share) <= np.abs(before[above] * fanout - share)
        cut = np.where(nearer, above - 1, above)
        cut = np.maximum(np.minimum(cut, end - (fanout - part)), last + 1)
        # A stretch of fewer values than parts has no value left for the last ones.
        last = np.minimum(cut, end)
        cuts.append(last)
    first = np.zeros(len(node) + 1, np.int64)
    first[np.concatenate(cuts)] = 1
    return np.cumsum(first[:-1]) - 1


def _split_set(node: Ints, count: Ints, fanout: int) -> Ints:
    """Part each node's values in `fanout` sets of as many rows each, as nearly as can be."""
    parts = [[(0, 0, part) for part in range(fanout)] for _ in range(int(node.max(initial=-1)) + 1)]
    split = np.empty(len(node), np.int64)
    for value in np.lexsort((np.arange(len(node)), -count)).tolist():
        at = int(node[value])
        rows, members, part = parts[at][0]
        split[value] = at * fanout + part
        heapq.heapreplace(parts[at], (rows + int(count[value]), members + 1, part))
    return _by_first_value(split)


def _merged_line(count: Ints) -> Ints:
    """Merge neighbors that lose the least entropy, the lowest first of those that lose as much.

    Returns
    -------
    (2 n - 1,) int64
        What each node is merged into: values first, then nodes in the order of merging; the last is the root.
    """
    n = len(count)
    weight = [*count.tolist(), *([0] * (n - 1))]
    parent = np.full(2 * n - 1, 2 * n - 1)
    left, right = list(range(-1, n - 1)), list(range(1, n + 1))
    left += [-1] * (n - 1)
    right += [n] * (n - 1)
    right[n - 1] = -1
    place = [*range(n), *([0] * (n - 1))]
    heap = [(_lost(weight[i], weight[i + 1]), i, i, i + 1) for i in range(n - 1)]
    heapq.heapify(heap)
    for merged in range(n, 2 * n - 1):
        low = high = -1
        while low < 0 or parent[low] < 2 * n - 1 or parent[high] < 2 * n - 1:
            _, _, low, high = heapq.heappop(heap)
        parent[low] = parent[high] = merged
        weight[merged], place[merged] = weight[low] + weight[high], place[low]
        left[merged], right[merged] = left[low], right[high]
        if left[merged] >= 0:
            before = left[merged]
            right[before] = merged
            heapq.heappush(heap, (_lost(weight[before], weight[merged]), place[before], before, merged))
        if right[merged] >= 0:
            after = right[merged]
            left[after] = merged
            heapq.heappush(heap, (_lost(weight[merged], weight[after]), place[merged], merged, after))
    return parent


def _lost(one: int, other: int) -> float:
    """Return the entropy, times all rows, that merging two weights loses."""
    low, high = sorted((one, other))
    if not low:
        return 0.0
    return low * math.log1p(high / low) + high * math.log1p(low / high)


def _merged_set(count: Ints) -> Ints:
    """Merge the two lightest nodes, the first of those that weigh as much; returns as `_merged_line` does."""
    n = len(count)
    parent = np.full(2 * n - 1, 2 * n - 1)
    heap = [(weight, node) for node, weight in enumerate(count.tolist())]
    heapq.heapify(heap)
    for merged in range(n, 2 * n - 1):
        weight, one = heapq.heappop(heap)
        more, other = heapq.heappop(heap)
        parent[one] = parent[other] = merged
        heapq.heappush(heap, (weight + more, merged))
    return parent


def _after_merges(parent: Ints, n_merges: int) -> Ints:
    """Return the node of each value after `n_merges` merges."""
    n = (len(parent) + 1) // 2
    end = n + n_merges
    top = list(range(end))
    above = parent.tolist()
    for node in range(end - 1, -1, -1):
        if above[node] < end:
            top[node] = top[above[node]]
    return _by_first_value(np.array(top[:n], np.int64))


def _by_first_value(node: Ints) -> Ints:
    """Return the nodes numbered from 0, in the order of their first values."""
    _, first, inverse = np.unique(node, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def _ordered_level(node: Ints, text: pa.StringArray) -> Level:
    """Return a level of neighbors: ``[low, high]``, a single value by itself."""
    low = np.flatnonzero(np.diff(node, prepend=-1))
    leaves = np.diff(np.append(low, len(node)))
    return Level(node, interval_labels(text, low, low + leaves - 1, has_null=False), leaves)


def _set_level(node: Ints, text: pa.StringArray) -> Level:
    """Return a level of sets: ``{a, b}``, a single value by itself; of large ones, the first values and how many more.

    Names stay distinct: nodes share no value, and of two levels only the same set begins and counts alike.
    """
    members: list[list[str]] = [[] for _ in range(int(node.max(initial=-1)) + 1)]
    for at, name in zip(node.tolist(), text.to_pylist(), strict=True):
        members[at].append(name)
    labels = [names[0] if len(names) == 1 else "{" + ", ".join(_shown(names)) + "}" for names in members]
    return Level(node, labels, np.array(list(map(len, members)), np.int64))


def _shown(names: list[str]) -> list[str]:
    return names if len(names) <= MAX_NAMED else [*names[:MAX_NAMED], f"{len(names) - MAX_NAMED} more"]
