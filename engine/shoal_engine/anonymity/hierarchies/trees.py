"""From a declared hierarchy and a column's values to the tree, or the line, that kernels walk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.hierarchies.interval_levels import date_levels, interval_levels
from shoal_engine.anonymity.hierarchies.levels import Level, leaves_of, places_of, with_root
from shoal_engine.anonymity.hierarchies.named_trees import named_levels, rows_of
from shoal_engine.anonymity.hierarchies.ordered_levels import balanced_levels, order_levels, priority_levels
from shoal_engine.anonymity.hierarchies.redaction_levels import redaction_levels
from shoal_engine.anonymity.policy.hierarchies import (
    Auto,
    Hierarchy,
    NamedTree,
    Order,
    Prefix,
    Priority,
    Redaction,
    counts_rows,
    is_line,
)
from shoal_engine.anonymity.policy.intervals import Dates, Intervals
from shoal_engine.errors import HierarchyError


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A hierarchy over the distinct values of one column.

    A null is a leaf of its own, directly below the root and first in leaf order: that leaf is its node at
    every level below the root, and it changes no share. Every other node has its parent one level up; one
    with a single child stays a node of its own, with the leaves of that child.

    Attributes
    ----------
    leaf : (n_leaves,) int64
        Leaf rank of each domain code: depth first, siblings in the order of the hierarchy.
    ancestor : (n_levels, n_leaves) int64
        Node of each leaf at each level, by leaf rank; level 0 is the leaf itself, the last level the root.
        Nodes are numbered from 0 through all levels, leaf rank r being node r.
    share : (n_nodes,) float64
        Leaves under the node / leaves of the hierarchy; 0 for a node with a single leaf. A named tree, and
        declared `values`, count their own leaves, whether they occur in the data or not, and a redaction
        with an alphabet all texts that it can write; everything else counts the distinct values of the data.
    leaves : (n_nodes,) int64
        Leaves of the hierarchy under each node, counted as for `share`, 1 or more; 1 for the leaf of null,
        which the nodes above it do not count.
    label : (n_nodes,) strings
        Null for the leaf of null.
    """

    leaf: npt.NDArray[np.int64]
    ancestor: npt.NDArray[np.int64]
    share: npt.NDArray[np.float64]
    leaves: npt.NDArray[np.int64]
    label: pa.StringArray

    @property
    def n_levels(self) -> int:
        """Levels, leaves and root included."""
        return self.ancestor.shape[0]

    @property
    def n_leaves(self) -> int:
        """Distinct values of the data, null included."""
        return self.ancestor.shape[1]

    @property
    def total_leaves(self) -> int:
        """Leaves of the hierarchy, null not counted."""
        return int(self.leaves[-1])

    def common_node(self, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the lowest common node of the leaves `low` and `high`, (n,) ranks each."""
        at = np.zeros(low.size, np.int64)
        apart = self.ancestor[0, low] != self.ancestor[0, high]
        while apart.any():
            at[apart] += 1
            apart = self.ancestor[at, low] != self.ancestor[at, high]
        return self.ancestor[at, low]

    def ends(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the first and the last leaf rank under each node, (n_nodes,) each; those under a node are adjacent."""
        first, last = np.full(len(self.share), self.n_leaves), np.full(len(self.share), -1)
        leaves = np.arange(self.n_leaves)
        for nodes in self.ancestor:
            np.minimum.at(first, nodes, leaves)
            np.maximum.at(last, nodes, leaves)
        return first, last


def plant(
    hierarchy: Hierarchy,
    values: pa.Array,
    *,
    has_null: bool,
    column: str,
    folder: str | Path = "",
    count: npt.NDArray[np.int64] | None = None,
) -> Tree:
    """Return the tree of a declared hierarchy over a column's values.

    Parameters
    ----------
    hierarchy : Hierarchy
        Any but an order without fanout.
    values : pa.Array
        Distinct values in ascending order, without null.
    has_null : bool
        The column holds nulls; domain code 0 is null.
    column : str
        For messages.
    folder : str or Path
        Where a relative file is looked for.
    count : (n_leaves,) int64, optional
        Rows of each domain code; needed where `counts_rows` says so.

    Raises
    ------
    HierarchyError
        The hierarchy is malformed, is an order without fanout, does not cover the values, or lacks their counts.
    ColumnError
        The column's type cannot be generalized so.
    """
    if is_line(hierarchy):
        msg = f"hierarchy of `{column}` is an order and has no nodes; give it a `fanout`, or use another kind"
        raise HierarchyError(msg)
    if counts_rows(hierarchy) and count is None:
        msg = f"hierarchy of `{column}` is grown from how many rows hold each value, and no rows are at hand"
        raise HierarchyError(msg)
    rows = None if count is None else count[has_null:]
    return assembled(_levels(hierarchy, values, column, folder, rows), has_null=has_null)


def _levels(
    hierarchy: Hierarchy, values: pa.Array, column: str, folder: str | Path, rows: npt.NDArray[np.int64] | None
) -> list[Level]:
    """Return the levels of a hierarchy, leaves first, root last."""
    match hierarchy:
        case Intervals():
            return with_root([leaves_of(values), *interval_levels(hierarchy, values, column)], len(values))
        case Dates():
            return with_root([leaves_of(values), *date_levels(hierarchy, values, column)], len(values))
        case Redaction():
            return redaction_levels(hierarchy, values, column)
        case Prefix(mask=mask, keep=keep):
            return redaction_levels(Redaction(mask=mask, keep=keep), values, column)
        case NamedTree():
            return named_levels(rows_of(hierarchy, column, folder), values, column)
        case Order():
            return order_levels(hierarchy, values, column)
        case Priority():
            return priority_levels(hierarchy, values, rows, column)
        case Auto():
            assert rows is not None
            return balanced_levels(hierarchy, values, rows)


def declared_leaves(hierarchy: Hierarchy, *, column: str, folder: str | Path = "") -> list[str] | None:
    """Return the leaves that a hierarchy declares, or None where they are the values of the data.

    Raises
    ------
    HierarchyError
        The hierarchy is malformed.
    """
    match hierarchy:
        case NamedTree():
            return [row[0] for row in rows_of(hierarchy, column, folder)]
        case Order(values=values) | Priority(values=values):
            return list(values) or None
        case _:
            return None


def tree_table(tree: Tree) -> pa.Table:
    """Return a tree as text: one row a leaf, in leaf order and without null, one column a level.

    Columns are ``leaf``, ``level_1`` and so on; the last is the root.
    """
    has_null = int(bool(tree.n_leaves) and not tree.label[0].is_valid)
    columns = [tree.label.take(pa.array(nodes[has_null:])) for nodes in tree.ancestor]
    return pa.table(columns, names=level_names(tree.n_levels))


def level_names(n_levels: int) -> list[str]:
    """Return the names of levels as columns."""
    return ["leaf", *(f"level_{height}" for height in range(1, n_levels))]


def order_ranks(order: Order, values: pa.Array, *, column: str) -> npt.NDArray[np.int64]:
    """Return the rank of each value in a declared order.

    Raises
    ------
    HierarchyError
        A value is not listed.
    """
    return places_of(values, pa.array(order.values, pa.string()), column)


def assembled(levels: Sequence[Level], *, has_null: bool) -> Tree:
    """Return the tree of some levels, leaves first, root last; nodes that no value is under are left out."""
    n, last = len(levels[0].node), len(levels) - 1
    # Depth first: sorted by the root, then by the level below it, down to the leaf.
    by_rank = np.lexsort([level.node for level in levels])
    leaf = np.zeros(n + has_null, np.int64)
    leaf[has_null:][by_rank] = np.arange(n) + has_null
    ancestor = np.zeros((len(levels), n + has_null), np.int64)
    leaves = [np.ones(1, np.int64)] * has_null
    labels = [pa.nulls(1, pa.string())] * has_null
    start = int(has_null)
    for height, level in enumerate(levels):
        ranked = level.node[by_rank]
        # Nodes of a level in leaf order, so that leaf rank r is node r.
        _, first, inverse = np.unique(ranked, return_index=True, return_inverse=True)
        place = np.empty(len(first), np.int64)
        place[np.argsort(first)] = np.arange(len(first))
        nodes = ranked[np.sort(first)] if n or height < last else np.zeros(1, np.int64)
        ancestor[height, has_null:] = start + place[inverse]
        if height == last:
            ancestor[height, :] = start
        leaves.append(level.leaves[nodes])
        labels.append(pa.array(level.label, pa.string()).take(pa.array(nodes)))
        start += len(nodes)
    under = np.concatenate(leaves)
    share = np.where(under > 1, under / max(1, int(levels[-1].leaves[0])), 0.0)
    if has_null and n:
        # A class with null and the only value of the hierarchy still says nothing.
        share[-1] = 1.0
    return Tree(leaf, ancestor, share, under, pa.concat_arrays(labels))
