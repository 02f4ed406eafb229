"""Apriori anonymization of item sets: generalize items until no occurring combination is rare.

The apriori-based anonymization of Terrovitis, Mamoulis, Kalnis 2008 (section 4.3): every rare combination is
replaced by the cheapest of its generalizations that is not rare. Suppressing a node is one more candidate, at the
loss of everything under it.
"""

import math
from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Ints, Matrix, OutVector, kernel
from shoal_kernels.tables.item_sets import Counts, Forest, apart, place_of


class Cut(NamedTuple):
    """A cut through the hierarchy: the generalization of every item.

    Attributes
    ----------
    node : (n_leaves,) int64
        Node to which each leaf is generalized.
    left_out : (n_nodes,) uint8
        1 for a node of the cut that is suppressed.
    entries : (n_nodes,) int64
        Entries under each node: pairs of a row and an item of it.
    share : (n_nodes,) float64
        Loss of an entry generalized to the node, 0 to 1; a suppressed entry loses 1.
    lost : (n_nodes,) float64
        Current loss of the entries under each node.
    """

    node: OutVector[np.int64]
    left_out: OutVector[np.uint8]
    entries: OutVector[np.int64]
    share: OutVector[np.float64]
    lost: OutVector[np.float64]


@inlined
def _added_loss(cut: Cut, node: int) -> float:
    """Return the additional loss if everything under a node is generalized to it."""
    return cut.share[node] * cut.entries[node] - cut.lost[node]


@inner
def _add_loss(forest: Forest, cut: Cut, node: int, change: float) -> None:
    """Add to the loss of a node and of all its ancestors."""
    while node >= 0:
        cut.lost[node] += change
        node = forest.parent[node]


@inner
def _topmost(forest: Forest, nodes: Ints, tops: Ints) -> int:
    """List the distinct topmost nodes, ascending; return their number."""
    n = 0
    for i in range(len(nodes)):
        covered = False
        for j in range(len(nodes)):
            if i != j and not apart(forest, nodes[i], nodes[j]):
                wider = forest.high[nodes[j]] - forest.low[nodes[j]] - forest.high[nodes[i]] + forest.low[nodes[i]]
                # Of nodes over the same leaves the higher number is the ancestor; of equal nodes the first stays.
                above = wider > 0 or (wider == 0 and (nodes[j] > nodes[i] or (nodes[j] == nodes[i] and j < i)))
                covered = covered or above
        if not covered:
            tops[n] = nodes[i]
            n += 1
    tops[:n].sort()
    return n


@inner
def _rows_of(counts: Counts, tops: Ints, bits: int) -> int:
    """Return the number of rows with a combination."""
    key = np.uint64(0)
    for node in tops:
        key = (key << np.uint64(bits)) | np.uint64(node + 1)
    return counts.rows[place_of(counts, key)]


@inner
def _cheapest(forest: Forest, counts: Counts, bits: int, k: int, cut: Cut, nodes: Ints, best: Ints) -> int:
    """Find the cheapest generalization of a rare combination.

    Returns
    -------
    int
        Number of nodes in `best`; -1 - j if suppressing the j-th node is cheapest.
    """
    size = len(nodes)
    ancestor, tops = nodes.copy(), np.empty(size, np.int64)
    least, found = math.inf, 0
    for j in range(size):
        added = cut.entries[nodes[j]] - cut.lost[nodes[j]]
        if added < least:
            least, found = added, -1 - j
    while True:
        # Next generalization in odometer order: raise the last node that has a parent, reset those after it.
        j = size - 1
        while j >= 0 and forest.parent[ancestor[j]] < 0:
            ancestor[j] = nodes[j]
            j -= 1
        if j < 0:
            return found
        ancestor[j] = forest.parent[ancestor[j]]
        n = _topmost(forest, ancestor, tops)
        added = 0.0
        for t in range(n):
            added += _added_loss(cut, tops[t])
        # Fewer nodes form a smaller combination, which an earlier size made frequent.
        if added < least and (n < size or _rows_of(counts, tops[:n], bits) >= k):
            least, found = added, n
            best[:n] = tops[:n]


@kernel
def generalize_rare(
    forest: Forest, counts: Counts, bits: int, k: int, rare: Matrix[np.int64], cut: Cut, changes: OutVector[np.int64]
) -> None:
    """Generalize the cut until none of the given combinations is rare.

    Parameters
    ----------
    forest : Forest
    counts : Counts
        Rows of every combination, of the size of `rare`, of nodes at or above those of `rare`.
    bits : int
    k : int
        A combination with fewer rows is rare.
    rare : (n, size) int64
        Combinations of nodes, at or below the cut.
    cut : Cut, in and out
    changes : (1,) int64, out
        Number of changes to the cut.
    """
    size = rare.shape[1]
    nodes, tops, best = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    changes[0], before = 0, -1
    # A change can make a combination rare that was passed, so sweep until nothing changes.
    while changes[0] != before:
        before = changes[0]
        for r in range(len(rare)):
            gone = False
            for j in range(size):
                nodes[j] = cut.node[forest.low[rare[r, j]]]
                gone = gone or cut.left_out[nodes[j]] == 1
            if gone or _topmost(forest, nodes, tops) < size or _rows_of(counts, tops, bits) >= k:
                continue
            changes[0] += 1
            n = _cheapest(forest, counts, bits, k, cut, tops, best)
            if n < 0:
                node = tops[-1 - n]
                cut.left_out[node] = 1
                _add_loss(forest, cut, int(node), float(cut.entries[node] - cut.lost[node]))
            for t in range(n):
                node = best[t]
                cut.node[forest.low[node] : forest.high[node] + 1] = node
                cut.left_out[node] = 0
                _add_loss(forest, cut, node, _added_loss(cut, node))
