"""Generalization levels of each dimension of a block of tuples.

A TREE dimension has the levels of its hierarchy. An ORDERED dimension has no hierarchy: its levels halve the line
again and again. A SET dimension has two levels, the code and the root. A level that merges no two tuples of the
block beyond those that the level below merges is dropped.
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined, inner, lean
from shoal_kernels._types import Floats, Ints, Words
from shoal_kernels.tables.dimensions import ORDERED, SET, TREE, Dimensions, code_at

HALVINGS = 6
"""How often the line of an ORDERED dimension is halved."""


class Levels(NamedTuple):
    """The levels of all dimensions for n tuples.

    Attributes
    ----------
    first : (d + 1,) int64
        Dimension j has rows ``first[j]`` up to ``first[j + 1]``, finest level first; on the last all tuples are equal.
    digest : (n_rows, n) uint64
        Pseudorandom number of the tuple's hierarchy node; the sum over dimensions identifies a cell.
    cost : (n_rows, n) float64
        Weighted loss of a row there: exact for TREE, an upper bound for ORDERED, an estimate for SET.
    priority : (n_rows,) float64
        Midway between the least and the mean cost of a row; never decreases from level to level.
    """

    first: Ints
    digest: Words
    cost: Floats
    priority: Floats


@inlined
def mix(x: np.uint64) -> np.uint64:
    """Return a number that looks random (the finalizer of SplitMix64: Steele, Lea and Flood 2014, figure 14)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@inner
def n_levels(dims: Dimensions, j: int) -> int:
    """Return the number of levels of dimension `j` before any is dropped."""
    if dims.kind[j] == TREE:
        return int(dims.depth[j])
    return HALVINGS + 2 if dims.kind[j] == ORDERED else 2


@inner
def node_at(dims: Dimensions, j: int, level: int, code: int) -> int:
    """Return the number of the node above `code`; distinct within the level, and ascending runs for all but SET."""
    if dims.kind[j] == TREE:
        return int(dims.ancestor[dims.tree_start[j] + level * dims.size[j] + code])
    if level == 0:
        return code
    if level == n_levels(dims, j) - 1:
        return 0
    return int(np.floor(dims.position[dims.start[j] + code] * 2.0 ** (HALVINGS + 1 - level)))


@inner
def cost_at(dims: Dimensions, j: int, level: int, code: int, k: int) -> float:
    """Return the weighted loss of a row at a level; for a SET, the largest loss of `k` distinct codes."""
    if level == 0:
        return 0.0
    if dims.kind[j] == TREE:
        return dims.weight[j] * dims.share[node_at(dims, j, level, code)]
    if dims.kind[j] == SET:
        return dims.weight[j] * min(1.0, k / dims.size[j])
    return dims.weight[j] * min(1.0, 2.0 ** (level - HALVINGS - 1))


@inner
def distinct_nodes(dims: Dimensions, j: int, level: int, codes: Ints) -> int:
    """Return the number of nodes of a level above `codes`, which ascend."""
    count, last = 0, np.int64(-(2**62))
    for code in codes:
        node = node_at(dims, j, level, code)
        count += 1 if node != last else 0
        last = node
    return count


@inner
def rank_codes(code: Ints, size: int) -> Ints:
    """Replace codes below `size` by their ranks among the distinct ones; return these, ascending."""
    # A table over the domain is linear, but pays for the whole domain; sort where that is much larger.
    if size > 4 * code.shape[0]:
        codes = np.unique(code)
        code[:] = np.searchsorted(codes, code)
        return codes
    rank = np.full(size, -1, np.int64)
    rank[code] = 0
    codes = np.flatnonzero(rank == 0)
    rank[codes] = np.arange(codes.shape[0])
    code[:] = rank[code]
    return codes


@lean
def fill_level(
    code: Ints,
    weight: Ints,
    tuples: Ints,
    digest_of: Words,
    cost_of: Floats,
    digest: Words,
    cost: Floats,
) -> float:
    """Write word and cost of each tuple by the rank of its code; return the midpoint of least and mean cost."""
    total, rows, least = 0.0, 0, np.inf
    for p in range(code.shape[0]):
        digest[p] = digest_of[code[p]]
        cost[p] = cost_of[code[p]]
        least = min(least, cost[p])
        total += cost[p] * weight[tuples[p]]
        rows += weight[tuples[p]]
    return float(0.5 * (least + total / rows))


@inner
def make_levels(
    dims: Dimensions,
    words: Words,
    weight: Ints,
    tuples: Ints,
    k: int,
) -> Levels:
    """Return the levels of `tuples`, in their order."""
    d, n = dims.kind.shape[0], tuples.shape[0]
    most = 0
    for j in range(d):
        most += n_levels(dims, j)
    digest, cost, priority = np.empty((most, n), np.uint64), np.empty((most, n)), np.zeros(most)
    first = np.zeros(d + 1, np.int64)
    code = np.empty(n, np.int64)
    row = 0
    for j in range(d):
        for p in range(n):
            code[p] = code_at(dims, words, j, tuples[p])
        codes = rank_codes(code, dims.size[j])
        digest_of, cost_of = np.empty(codes.shape[0], np.uint64), np.empty(codes.shape[0])
        before = -1
        for level in range(n_levels(dims, j)):
            nodes = distinct_nodes(dims, j, level, codes)
            # As many nodes as one level below: nothing merges, so the level would only repeat its cells.
            if nodes == before:
                continue
            before = nodes
            # One salt per dimension and level, so that sums of digests do not collide systematically.
            salt = mix(np.uint64(j << 32 | level))
            for c in range(codes.shape[0]):
                digest_of[c] = mix(np.uint64(node_at(dims, j, level, codes[c])) ^ salt)
                cost_of[c] = cost_at(dims, j, level, codes[c], k)
            priority[row] = fill_level(code, weight, tuples, digest_of, cost_of, digest[row], cost[row])
            row += 1
        first[j + 1] = row
    return Levels(first, digest[:row], cost[:row], priority[:row])
