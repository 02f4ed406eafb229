"""Coverage of each class label in a quasi-identifier: number of values and rows, and numeric range."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.table.dimensions import Dimension, Space
from shoal_kernels.tables.class_ranges import class_extents
from shoal_kernels.tables.dimensions import SET, TREE

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """The labels of n_classes classes in one quasi-identifier.

    Attributes
    ----------
    leaves : (n_classes,) int64
        Values that the label allows: leaves of the hierarchy, or values of the table if there is no hierarchy.
    total_leaves : int
        Values that ``*`` allows.
    rows : (n_classes,) int64
        Rows of the table whose value the label allows.
    height : (n_classes,) float64
        Level of the label / level of the root; NaN where there is no hierarchy.
    low, high : (n_classes,) int64
        Lowest and highest kernel code that the label allows.
    """

    leaves: Ints
    total_leaves: int
    rows: Ints
    height: Floats
    low: Ints
    high: Ints


def coverage_of(
    space: Space,
    words: npt.NDArray[np.uint64],
    class_of_tuple: Ints,
    leaf_rows: list[Ints],
    levels_of_class: Ints | None,
) -> list[Coverage]:
    """Return what labels cover, for each quasi-identifier.

    Parameters
    ----------
    space : Space, d dimensions
    words : (n_words, n) uint64
    class_of_tuple : (n,) int64
        Negative where suppressed; numbered from 0 without gaps.
    leaf_rows : d vectors of int64
        Rows of the table with each kernel code.
    levels_of_class : (n_classes, d) int64, or None
        Levels that labels were moved to; without them a label is the least that covers its class.
    """
    dims, d = space.arrays, len(space.dimensions)
    n_classes = int(class_of_tuple.max(initial=-1)) + 1
    low, high = np.empty((d, n_classes), np.int64), np.empty((d, n_classes), np.int64)
    bits = np.empty((n_classes, int(dims.bit_words.sum())), np.uint64)
    class_extents(dims, words, class_of_tuple, low, high, bits)
    covered: list[Coverage] = []
    for j, dimension in enumerate(space.dimensions):
        level = None if levels_of_class is None else levels_of_class[:, j]
        if dims.kind[j] == TREE:
            covered.append(_of_nodes(dimension, low[j], high[j], leaf_rows[j], level))
        elif level is None and dims.kind[j] == SET:
            first = int(dims.bit_start[j])
            mine = bits[:, first : first + int(dims.bit_words[j])]
            covered.append(_of_sets(dimension, mine, low[j], high[j], leaf_rows[j]))
        else:
            covered.append(_of_ranges(dimension, low[j], high[j], leaf_rows[j], level))
    return covered


def _of_nodes(dimension: Dimension, low: Ints, high: Ints, leaf_rows: Ints, level: Ints | None) -> Coverage:
    """Return the coverage of nodes of a hierarchy; the leaves under a node are adjacent."""
    tree = dimension.tree
    assert tree is not None
    if level is None:
        level = np.zeros(low.size, np.int64)
        apart = tree.ancestor[0, low] != tree.ancestor[0, high]
        while apart.any():
            level[apart] += 1
            apart = tree.ancestor[level, low] != tree.ancestor[level, high]
    node = tree.ancestor[level, low]
    first, last = np.full(len(tree.share), dimension.size), np.full(len(tree.share), -1)
    for nodes in tree.ancestor:
        np.minimum.at(first, nodes, np.arange(dimension.size))
        np.maximum.at(last, nodes, np.arange(dimension.size))
    begin, end = first[node], last[node]
    leaves = tree.leaves[node]
    if dimension.domain.has_null and dimension.role.nulls == "apart":
        # At the root null stays itself, and the root does not allow null.
        null = low == 0
        begin, end = np.where(null, 0, np.maximum(begin, 1)), np.where(null, 0, end)
        leaves = np.where(null, 1, leaves)
    height = level / max(1, tree.n_levels - 1)
    return Coverage(leaves, tree.total_leaves, _between(leaf_rows, begin, end), height, begin, end)


def _of_ranges(dimension: Dimension, low: Ints, high: Ints, leaf_rows: Ints, level: Ints | None) -> Coverage:
    """Return the coverage of ranges of codes; a range that mixes null with values, and level 1, allow all."""
    apart = dimension.domain.has_null and dimension.role.nulls == "apart"
    everything = (low == 0) & (high > 0) & dimension.domain.has_null & (not apart)
    if level is not None:
        everything = (level > 0) & ~((low == 0) & apart)
    begin = np.where(everything, int(apart), low)
    end = np.where(everything, dimension.size - 1, high)
    nothing = np.full(low.size, np.nan)
    return Coverage(end - begin + 1, dimension.size, _between(leaf_rows, begin, end), nothing, begin, end)


def _of_sets(dimension: Dimension, bits: npt.NDArray[np.uint64], low: Ints, high: Ints, leaf_rows: Ints) -> Coverage:
    """Return the coverage of sets of codes."""
    little = np.ascontiguousarray(bits.astype("<u8")).view(np.uint8).reshape(bits.shape[0], -1)
    present = np.unpackbits(little, axis=1, bitorder="little")[:, : dimension.size]
    rows = present.astype(np.int64) @ leaf_rows
    nothing = np.full(low.size, np.nan)
    return Coverage(present.sum(axis=1, dtype=np.int64), dimension.size, rows, nothing, low, high)


def _between(leaf_rows: Ints, begin: Ints, end: Ints) -> Ints:
    """Return the rows with codes from `begin` to `end`."""
    total = np.concatenate([[0], np.cumsum(leaf_rows)])
    return total[end + 1] - total[begin]
