"""Quasi-identifiers as arrays for kernels: packed codes, and the loss of a range of codes.

A *tuple* is one distinct combination of quasi-identifier values. Its codes lie bit-packed in one or more
64-bit words, first dimension in the highest bits of the first word, so that the order of the words is the
lexicographic order of the codes. Words are stored word-major: ``words[w, i]`` is word ``w`` of tuple ``i``.
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import Vector, Words

ORDERED = 0
"""Codes are ranks on a line; a class loses the distance between its ends."""
TREE = 1
"""Codes are leaves in depth-first order; a class loses the leaves under the lowest common ancestor."""
SET = 2
"""Codes are names without order; a class loses the number of distinct codes in it."""


class Dimensions(NamedTuple):
    """The quasi-identifiers of a table of packed tuples; d of them, in packing order.

    Attributes
    ----------
    kind : (d,) int64
        ORDERED, TREE or SET.
    size : (d,) int64
        Number of codes; codes run from 0 to size - 1.
    word, shift : (d,) int64
        ``code = (words[word, i] >> shift) & mask``.
    mask : (d,) uint64
    start : (d,) int64
        Where the dimension's entries begin in `position`.
    position : (sum of size,) float64
        ORDERED: the code's position on the line, the domain scaled to 0..1; a null is at -1, so that any
        class that mixes it with a value loses everything. SET: the code's rank in the order in which codes are
        cut apart, a permutation of 0..size - 1. Not read for TREE.
    depth : (d,) int64
        TREE: number of levels, leaf and root included. 0 for other kinds.
    tree_start : (d,) int64
        TREE: where the dimension's rows begin in `ancestor`; level-major, ``size`` entries for each level.
    ancestor : (sum of depth * size,) int64
        TREE: node of each leaf at each level; level 0 is the leaf itself, the last level the root. Nodes are
        numbered through all dimensions.
    share : (n_nodes,) float64
        Leaves under the node / leaves of the tree; 0 for a node with a single leaf.
    bit_start, bit_words : (d,) int64
        SET: first 64-bit word of the dimension in a class's bit mask, and how many. 0 words for other kinds.
    weight : (d,) float64
        Loss of full generalization of the dimension; sums to 1, so the loss of a row is its ncp.
    """

    kind: Vector[np.int64]
    size: Vector[np.int64]
    word: Vector[np.int64]
    shift: Vector[np.int64]
    mask: Vector[np.uint64]
    start: Vector[np.int64]
    position: Vector[np.float64]
    depth: Vector[np.int64]
    tree_start: Vector[np.int64]
    ancestor: Vector[np.int64]
    share: Vector[np.float64]
    bit_start: Vector[np.int64]
    bit_words: Vector[np.int64]
    weight: Vector[np.float64]


@inlined
def code_at(dims: Dimensions, words: Words, j: int, i: int) -> int:
    """Return the code of tuple `i` in dimension `j`."""
    return int(np.int64((words[dims.word[j], i] >> np.uint64(dims.shift[j])) & dims.mask[j]))


@inlined
def span_loss(dims: Dimensions, j: int, low: int, high: int) -> float:
    """Return the loss of a class with codes from `low` to `high` in an ORDERED or TREE dimension, 0 to 1."""
    if low == high:
        return 0.0
    if dims.kind[j] == ORDERED:
        start = dims.start[j]
        return min(1.0, float(dims.position[start + high] - dims.position[start + low]))
    size = dims.size[j]
    row = dims.tree_start[j]
    # Leaves are in depth-first order, so the ends' lowest common ancestor is that of all codes between them.
    while dims.ancestor[row + low] != dims.ancestor[row + high]:
        row += size
    return float(dims.share[dims.ancestor[row + low]])
