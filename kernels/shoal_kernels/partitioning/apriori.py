"""Raising a cut through a hierarchy of items until no combination that occurs is rare.

The apriori-based anonymization of Terrovitis, Mamoulis, Kalnis 2008 (section 4.3): every rare combination is
replaced by the cheapest of its generalizations that is not rare. Leaving a node out is one more way, at the loss
of everything under it.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import inlined, inner, kernel
from shoal_kernels.tables.item_sets import COUNTS, FOREST, Counts, Forest, Ints, apart, place_of

Floats = npt.NDArray[np.float64]


class Cut(NamedTuple):
    """What becomes of every item.

    Attributes
    ----------
    node : (n_leaves,) int64
        The node that each leaf is generalized to.
    left_out : (n_nodes,) uint8
        1 for a node of the cut that is left out.
    entries : (n_nodes,) int64
        Entries under each node: pairs of a row and an item of it.
    share : (n_nodes,) float64
        What an entry loses that is generalized to the node, 0 to 1; left out it loses 1.
    lost : (n_nodes,) float64
        What the entries under each node lose now.
    """

    node: Ints
    left_out: npt.NDArray[np.uint8]
    entries: Ints
    share: Floats
    lost: Floats


_I64, _F64 = types.int64[::1], types.float64[::1]
CUT = types.NamedTuple([_I64, types.uint8[::1], _I64, _F64, _F64], Cut)


@inlined
def _gain(cut: Cut, node: int) -> float:
    """Return what is lost more once everything under a node is generalized to it."""
    return cut.share[node] * cut.entries[node] - cut.lost[node]


@inner
def _add_loss(forest: Forest, cut: Cut, node: int, more: float) -> None:
    """Add to what is lost under a node and all above it."""
    while node >= 0:
        cut.lost[node] += more
        node = forest.parent[node]


@inner
def _tops(forest: Forest, nodes: Ints, tops: Ints) -> int:
    """List the nodes that no other is above or equal to, ascending; return how many."""
    n = 0
    for i in range(len(nodes)):
        covered = False
        for j in range(len(nodes)):
            if i != j and not apart(forest, nodes[i], nodes[j]):
                wider = forest.high[nodes[j]] - forest.low[nodes[j]] - forest.high[nodes[i]] + forest.low[nodes[i]]
                # Of nodes over the same leaves the one with the higher number is above, of equal ones the first stays.
                above = wider > 0 or (wider == 0 and (nodes[j] > nodes[i] or (nodes[j] == nodes[i] and j < i)))
                covered = covered or above
        if not covered:
            tops[n] = nodes[i]
            n += 1
    tops[:n].sort()
    return n


@inner
def _rows_of(counts: Counts, tops: Ints, bits: int) -> int:
    """Return how many rows hold a combination."""
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
        How many nodes `best` holds; -1 - j where leaving out the j-th node is cheapest.
    """
    size = len(nodes)
    raised, tops = nodes.copy(), np.empty(size, np.int64)
    least, found = math.inf, 0
    for j in range(size):
        gain = cut.entries[nodes[j]] - cut.lost[nodes[j]]
        if gain < least:
            least, found = gain, -1 - j
    while True:
        # The next generalization, the last node fastest.
        j = size - 1
        while j >= 0 and forest.parent[raised[j]] < 0:
            raised[j] = nodes[j]
            j -= 1
        if j < 0:
            return found
        raised[j] = forest.parent[raised[j]]
        n = _tops(forest, raised, tops)
        gain = 0.0
        for t in range(n):
            gain += _gain(cut, tops[t])
        # Fewer nodes than before are a combination that an earlier size has seen to.
        if gain < least and (n < size or _rows_of(counts, tops[:n], bits) >= k):
            least, found = gain, n
            best[:n] = tops[:n]


@kernel(
    types.void(FOREST, COUNTS, types.int64, types.int64, types.Array(types.int64, 2, "C", readonly=True), CUT, _I64)
)
def raise_cut(forest: Forest, counts: Counts, bits: int, k: int, rare: Ints, cut: Cut, changes: Ints) -> None:
    """Raise the cut until none of some combinations is rare.

    Parameters
    ----------
    forest : Forest
    counts : Counts
        Rows of every combination, of the size of `rare`, of nodes at or above those of `rare`.
    bits : int
    k : int
        Fewer rows are rare.
    rare : (n, size) int64
        Combinations of nodes, at or below the cut.
    cut : Cut, in and out
    changes : (1,) int64, out
        How often the cut was changed.
    """
    size = rare.shape[1]
    nodes, tops, best = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    changes[0], before = 0, -1
    while changes[0] != before:
        before = changes[0]
        for r in range(len(rare)):
            gone = False
            for j in range(size):
                nodes[j] = cut.node[forest.low[rare[r, j]]]
                gone = gone or cut.left_out[nodes[j]] == 1
            if gone or _tops(forest, nodes, tops) < size or _rows_of(counts, tops, bits) >= k:
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
                _add_loss(forest, cut, node, _gain(cut, node))
