"""A k-d tree with removal of points: exact nearest and farthest points, ties to the lowest number.

Bentley 1975, "Multidimensional binary search trees used for associative searching". The tree is complete and
binary over an order of the points, so a node needs no pointers: the children of node v are 2v + 1 and 2v + 2.
Boxes shrink when points are removed. Bounds are computed by the same rounded operations as distances, and
rounding is monotone, so a bound is never on the wrong side of a distance: all results are exact.
"""

import math
from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Floats, Ints

LEAF = 16
"""Largest number of points of a leaf."""
MAX_HEIGHT = 48
"""Largest height of a tree, which bounds the stack of a search."""


class KdTree(NamedTuple):
    """Points in the order of their leaves.

    Attributes
    ----------
    point : (n, d) float64
        Coordinates, by place.
    number : (n,) int64
        Number of the point at each place.
    place : (n,) int64
        Place of each number.
    height : int
        Levels above the leaves.
    live : (n_nodes,) int64
        Number of points under each node that were not removed; those of a leaf are at its first places.
    least : (n_nodes,) int64
        Lowest number among them.
    low, high : (n_nodes, d) float64
        Their bounding box.
    """

    point: Floats
    number: Ints
    place: Ints
    height: int
    live: Ints
    least: Ints
    low: Floats
    high: Floats


@inner
def _select(point: Floats, order: Ints, axis: int, begin: int, end: int, middle: int) -> None:
    """Move the lower points along an axis before place `middle` (Hoare 1961, Algorithm 65: find)."""
    # Quickselect, expected linear time; at the end the order is partitioned at `middle`.
    end -= 1
    while begin < end:
        pivot = point[order[(begin + end) // 2], axis]
        i, j = begin, end
        while i <= j:
            while point[order[i], axis] < pivot:
                i += 1
            while point[order[j], axis] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        # Continue in the side with `middle`; between j and i all equal the pivot, and the search is over.
        if middle <= j:
            end = j
        elif middle >= i:
            begin = i
        else:
            return


@inner
def _widest(point: Floats, order: Ints, begin: int, end: int) -> int:
    """Return the axis of the largest range of some points."""
    widest, axis = -1.0, 0
    for j in range(point.shape[1]):
        low, high = math.inf, -math.inf
        for p in range(begin, end):
            low = min(low, point[order[p], j])
            high = max(high, point[order[p], j])
        if high - low > widest:
            widest, axis = high - low, j
    return axis


@inner
def build_tree(point: Floats) -> KdTree:
    """Return a tree over points, (n, d) float64, finite, n >= 1; their row is their number."""
    n, d = point.shape
    height = 0
    while n >> height > LEAF:
        height += 1
    order = np.arange(n)
    # Level by level each range is split at its median: O(n d) a level, O(n d log n) in all.
    for level in range(height):
        for j in range(1 << level):
            begin, end = n * j >> level, n * (j + 1) >> level
            _select(point, order, _widest(point, order, begin, end), begin, end, n * (2 * j + 1) >> (level + 1))
    n_nodes = (2 << height) - 1
    place = np.empty(n, np.int64)
    for p in range(n):
        place[order[p]] = p
    low, high = np.empty((n_nodes, d)), np.empty((n_nodes, d))
    tree = KdTree(
        point[order], order, place, height, np.zeros(n_nodes, np.int64), np.zeros(n_nodes, np.int64), low, high
    )
    # Children have higher numbers than their parent, so descending order encloses bottom-up.
    for node in range(n_nodes - 1, -1, -1):
        leaf = node + 1 - (1 << height)
        if leaf >= 0:
            tree.live[node] = (n * (leaf + 1) >> height) - (n * leaf >> height)
        _enclose(tree, node)
    return tree


@inner
def _enclose(tree: KdTree, node: int) -> None:
    """Update a node's count, lowest number and box, from a leaf's points or from the node's children."""
    d = tree.point.shape[1]
    tree.least[node] = tree.number.shape[0]
    for j in range(d):
        tree.low[node, j], tree.high[node, j] = math.inf, -math.inf
    leaf = node + 1 - (1 << tree.height)
    if leaf >= 0:
        begin = tree.number.shape[0] * leaf >> tree.height
        for p in range(begin, begin + tree.live[node]):
            tree.least[node] = min(tree.least[node], tree.number[p])
            for j in range(d):
                tree.low[node, j] = min(tree.low[node, j], tree.point[p, j])
                tree.high[node, j] = max(tree.high[node, j], tree.point[p, j])
        return
    tree.live[node] = 0
    for child in (2 * node + 1, 2 * node + 2):
        tree.live[node] += tree.live[child]
        tree.least[node] = min(tree.least[node], tree.least[child])
        for j in range(d):
            tree.low[node, j] = min(tree.low[node, j], tree.low[child, j])
            tree.high[node, j] = max(tree.high[node, j], tree.high[child, j])


@inner
def remove(tree: KdTree, number: int) -> None:
    """Remove a point that is still in the tree."""
    n = tree.number.shape[0]
    place = tree.place[number]
    # The leaf of a place, up to rounding of the division, which the loop corrects.
    leaf = (place << tree.height) // n
    while n * (leaf + 1) >> tree.height <= place:
        leaf += 1
    node = leaf + (1 << tree.height) - 1
    # Swap the point behind the leaf's remaining ones; then update the path to the root.
    last = (n * leaf >> tree.height) + tree.live[node] - 1
    moved = tree.number[last]
    for j in range(tree.point.shape[1]):
        tree.point[place, j], tree.point[last, j] = tree.point[last, j], tree.point[place, j]
    tree.number[place], tree.number[last] = moved, number
    tree.place[moved], tree.place[number] = place, last
    tree.live[node] -= 1
    _enclose(tree, node)
    while node > 0:
        node = (node - 1) // 2
        _enclose(tree, node)


@inlined
def square_distance(point: Floats, p: int, query: Floats) -> float:
    """Return the squared Euclidean distance of row `p` to a query, axes added in their order."""
    total = 0.0
    for j in range(query.shape[0]):
        gap = point[p, j] - query[j]
        total += gap * gap
    return total


@inlined
def least_distance(tree: KdTree, node: int, query: Floats) -> float:
    """Return a lower bound on the squared distance of a node's points to a query."""
    total = 0.0
    for j in range(query.shape[0]):
        gap = max(tree.low[node, j] - query[j], query[j] - tree.high[node, j], 0.0)
        total += gap * gap
    return total


@inlined
def _most_distance(tree: KdTree, node: int, query: Floats) -> float:
    """Return an upper bound on the squared distance of a node's points to a query."""
    total = 0.0
    for j in range(query.shape[0]):
        gap = max(query[j] - tree.low[node, j], tree.high[node, j] - query[j])
        total += gap * gap
    return total


@inner
def farthest(tree: KdTree, query: Floats) -> int:
    """Return the number of the point farthest from a query, (d,) float64; of equally far ones the lowest."""
    first_leaf = (1 << tree.height) - 1
    best, number = -1.0, tree.number.shape[0]
    stack = np.empty(MAX_HEIGHT, np.int64)
    reach = np.empty(MAX_HEIGHT)
    stack[0], reach[0] = 0, math.inf
    depth = 1
    while depth > 0:
        depth -= 1
        node, bound = stack[depth], reach[depth]
        # An equal bound still matters if the node has a lower number.
        if tree.live[node] == 0 or bound < best or (bound == best and tree.least[node] > number):
            continue
        if node >= first_leaf:
            begin = tree.number.shape[0] * (node - first_leaf) >> tree.height
            for p in range(begin, begin + tree.live[node]):
                distance = square_distance(tree.point, p, query)
                if distance > best or (distance == best and tree.number[p] < number):
                    best, number = distance, tree.number[p]
            continue
        left, right = 2 * node + 1, 2 * node + 2
        of_left = _most_distance(tree, left, query) if tree.live[left] else -1.0
        of_right = _most_distance(tree, right, query) if tree.live[right] else -1.0
        # The more promising child is pushed last and visited first, so that the other is pruned more often.
        if of_left > of_right:
            left, right = right, left
            of_left, of_right = of_right, of_left
        stack[depth], reach[depth] = left, of_left
        stack[depth + 1], reach[depth + 1] = right, of_right
        depth += 2
    return number


@inner
def points_beyond(tree: KdTree, query: Floats, square: float, found: Ints) -> int:
    """Find the points at a squared distance of at least `square`; return their number, m + 1 if above m.

    `found`, (m,) int64, out: their numbers, unordered; meaningless if there are more than m.
    """
    first_leaf = (1 << tree.height) - 1
    stack = np.empty(MAX_HEIGHT, np.int64)
    stack[0] = 0
    depth, n_found = 1, 0
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if tree.live[node] == 0 or _most_distance(tree, node, query) < square:
            continue
        if node < first_leaf:
            stack[depth], stack[depth + 1] = 2 * node + 1, 2 * node + 2
            depth += 2
            continue
        begin = tree.number.shape[0] * (node - first_leaf) >> tree.height
        for p in range(begin, begin + tree.live[node]):
            if square_distance(tree.point, p, query) >= square:
                if n_found == found.shape[0]:
                    return n_found + 1
                found[n_found] = tree.number[p]
                n_found += 1
    return n_found


@inner
def nearest(tree: KdTree, query: Floats, found: Ints, distance: Floats) -> int:
    """Find the points nearest to a query, ascending by distance, then by number.

    Parameters
    ----------
    query : (d,) float64
    found, distance : (m,) int64 and float64, out
        Numbers of the m nearest points, and their squared distances.

    Returns
    -------
    int
        Number of points found: m, or all points if there are fewer.
    """
    m, n_found = found.shape[0], 0
    if m == 0:
        return 0
    first_leaf = (1 << tree.height) - 1
    stack = np.empty(MAX_HEIGHT, np.int64)
    reach = np.empty(MAX_HEIGHT)
    stack[0], reach[0] = 0, 0.0
    depth = 1
    while depth > 0:
        depth -= 1
        node, bound = stack[depth], reach[depth]
        if tree.live[node] == 0:
            continue
        # Prune once m are found and the bound is beyond the worst of them; ties go to the lower number.
        if n_found == m and (bound > distance[m - 1] or (bound == distance[m - 1] and tree.least[node] > found[m - 1])):
            continue
        if node >= first_leaf:
            begin = tree.number.shape[0] * (node - first_leaf) >> tree.height
            for p in range(begin, begin + tree.live[node]):
                at = square_distance(tree.point, p, query)
                n_found = _insert(tree.number[p], at, found, distance, n_found)
            continue
        left, right = 2 * node + 1, 2 * node + 2
        of_left = least_distance(tree, left, query) if tree.live[left] else math.inf
        of_right = least_distance(tree, right, query) if tree.live[right] else math.inf
        if of_left < of_right or (of_left == of_right and tree.least[left] < tree.least[right]):
            left, right = right, left
            of_left, of_right = of_right, of_left
        stack[depth], reach[depth] = left, of_left
        stack[depth + 1], reach[depth + 1] = right, of_right
        depth += 2
    return n_found


@inner
def _insert(number: int, at: float, found: Ints, distance: Floats, n_found: int) -> int:
    """Insert a point in order if it is among the nearest; return the number kept."""
    m = found.shape[0]
    if n_found == m and (at > distance[m - 1] or (at == distance[m - 1] and number > found[m - 1])):
        return n_found
    place = min(n_found, m - 1)
    # Insertion into a sorted list of m numbers: O(m), and m is small.
    while place > 0 and (at < distance[place - 1] or (at == distance[place - 1] and number < found[place - 1])):
        distance[place], found[place] = distance[place - 1], found[place - 1]
        place -= 1
    distance[place], found[place] = at, number
    return min(n_found + 1, m)
