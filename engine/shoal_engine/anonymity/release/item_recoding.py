"""k^m-anonymity of set-valued columns: no combination of up to m items is held by 1 to k - 1 of the rows.

Terrovitis, Mamoulis, Kalnis 2008, "Privacy-preserving anonymization of set-valued data", definition 1. With a
hierarchy items are generalized by their apriori-based algorithm (section 4.3), one cut for the whole column; items
whose generalization would cost more than they are worth are left out. Without a hierarchy items are left out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.hierarchies.trees import Tree, plant
from shoal_engine.anonymity.policy.roles import SetValued
from shoal_engine.anonymity.table.item_sets import ItemSets, bits_for, combinations_of, count_sets, flat
from shoal_kernels._jit import freeze
from shoal_kernels.partitioning.apriori import Cut, generalize_rare
from shoal_kernels.tables.item_sets import Forest

Ints = npt.NDArray[np.int64]

LEFT_OUT = -1


@dataclass(frozen=True, slots=True, eq=False)
class ItemRecoding:
    """What becomes of the items of a column.

    Attributes
    ----------
    values : pa.Array
        What a released list may hold, each value once.
    value_of_item : (domain size,) int64
        Place of each item's in `values`, `LEFT_OUT` where it is left out.
    note : str
        What it cost, for the report.
    """

    values: pa.Array
    value_of_item: Ints
    note: str

    def lists(self, sets: ItemSets) -> pa.Array:
        """Return the lists of all rows as released."""
        released = sets.mapped(self.value_of_item)
        return pa.LargeListArray.from_arrays(pa.array(released.start), self.values.take(pa.array(released.item)))


def recode_items(
    sets: ItemSets, released: npt.NDArray[np.bool_], role: SetValued, *, k: int, name: str, folder: str | Path
) -> ItemRecoding:
    """Find what items become, so that the released rows are k^m-anonymous, counted in units where the sets have them.

    Parameters
    ----------
    sets : ItemSets
    released : (n_rows,) bool
    role : SetValued
    k : int
    name : str
    folder : str or Path
        Where the hierarchy's file is looked for.

    Raises
    ------
    ColumnError, InputError
        The combinations cannot be counted.
    HierarchyError
        The hierarchy does not cover the items.
    """
    tree = None
    if role.hierarchy is not None:
        domain = sets.domain
        tree = plant(role.hierarchy, domain.values, has_null=domain.has_null, column=name, folder=folder)
    bits_for(sets.domain.size if tree is None else len(tree.label), role.m, name)
    some = sets.mapped(np.arange(sets.domain.size), released)
    entries = np.bincount(some.item, minlength=sets.domain.size)
    node, label = (
        (_left_out(some, role.m, k, name, entries), None) if tree is None else _raised(some, tree, role.m, k, name)
    )
    values, place = _values(sets, label)
    value_of_item = np.where(node >= 0, place[node], LEFT_OUT)
    return ItemRecoding(values, value_of_item, _note(name, node, entries, tree, k))


def _values(sets: ItemSets, label: pa.StringArray | None) -> tuple[pa.Array, Ints]:
    """Return the values that lists may hold, ascending, and each node's place among them; nodes may share a name."""
    if label is None:
        domain = sets.domain
        values = pa.concat_arrays([pa.nulls(1, domain.type), domain.values]) if domain.has_null else domain.values
        return values, np.arange(domain.size)
    named = label.dictionary_encode(null_encoding="encode")
    order = pc.array_sort_indices(named.dictionary, null_placement="at_start").to_numpy()
    return named.dictionary.take(pa.array(order)), np.argsort(order)[named.indices.to_numpy()]


def _left_out(sets: ItemSets, m: int, k: int, name: str, entries: Ints) -> Ints:
    """Return each item itself, or `LEFT_OUT`, so that no combination is rare.

    A rare combination has to lose one of its items: the item that loses fewest entries for each combination that
    it settles goes first (the greedy cover of Chvatal 1979), and at the end items that were not needed come back.
    """
    node = np.arange(sets.domain.size)
    for size in range(1, m + 1):
        counts, bits = count_sets(sets.mapped(node), flat(node.size), size, name)
        *items, rows = combinations_of(counts, size, bits)
        rare = np.stack(items)[:, rows < k]
        node[_cover(rare, entries)] = LEFT_OUT
    return node


def _cover(rare: Ints, entries: Ints) -> Ints:
    """Return items of which every combination, a column of `rare`, holds one, cheaply."""
    if len(rare) == 1:
        return np.unique(rare[0])
    n_items, n = entries.size, rare.shape[1]
    settles = np.bincount(rare.ravel(), minlength=n_items)
    by_item = np.argsort(rare.ravel(), kind="stable") % max(1, n)
    first = np.concatenate([[0], np.cumsum(settles)])
    unsettled, chosen = np.ones(n, np.bool_), dict[int, None]()
    while settles.any():
        price = np.divide(entries, settles, out=np.full(n_items, np.inf), where=settles > 0)
        best = int(price.argmin())
        chosen[best] = None
        own = by_item[first[best] : first[best + 1]]
        own = own[unsettled[own]]
        unsettled[own] = False
        settles -= np.bincount(rare[:, own].ravel(), minlength=n_items)
    hits = np.isin(rare, list(chosen)).sum(axis=0)
    for item in sorted(chosen, key=lambda one: (-int(entries[one]), one)):
        own = by_item[first[item] : first[item + 1]]
        if (hits[own] > 1).all():
            hits[own] -= 1
            del chosen[item]
    return np.array(list(chosen), np.int64)


def _raised(sets: ItemSets, tree: Tree, m: int, k: int, name: str) -> tuple[Ints, pa.StringArray]:
    """Return the node of each item, or `LEFT_OUT`, and the names of the nodes."""
    n_leaves, n_nodes = tree.n_leaves, len(tree.label)
    held = np.diff(sets.start) > 0
    if (np.unique(sets.unit[held]).size if sets.unit.size else int(held.sum())) < k:
        return np.full(n_leaves, LEFT_OUT), tree.label
    forest = _forest(tree)
    leaves = sets.mapped(tree.leaf)
    below = np.concatenate([[0], np.cumsum(np.bincount(leaves.item, minlength=n_leaves))])
    entries = below[forest.high + 1] - below[forest.low]
    cut = Cut(np.arange(n_leaves), np.zeros(n_nodes, np.uint8), entries, tree.share, np.zeros(n_nodes))
    changes, changed = np.zeros(1, np.int64), True
    # What is left out for larger combinations may come back generalized, and smaller ones are then seen to again.
    while changed:
        changed = False
        for size in range(1, m + 1):
            counts, bits = count_sets(leaves.mapped(cut.node), forest, size, name)
            *nodes, rows = combinations_of(counts, size, bits)
            combination = np.stack(nodes, axis=1)[rows < k]
            of_cut = np.zeros(n_nodes, np.bool_)
            of_cut[cut.node] = True
            rare = np.ascontiguousarray(combination[of_cut[combination].all(axis=1)])
            generalize_rare(forest, counts, bits, k, rare, cut, changes)
            changed |= bool(changes[0])
    node = np.where(cut.left_out[cut.node] > 0, LEFT_OUT, cut.node)
    return node[tree.leaf], tree.label


def _forest(tree: Tree) -> Forest:
    """Return the nodes of a tree for kernels."""
    n = len(tree.label)
    parent, low, high = np.full(n, -1, np.int64), np.full(n, n, np.int64), np.full(n, -1, np.int64)
    rank = np.arange(tree.n_leaves)
    for height, nodes in enumerate(tree.ancestor):
        np.minimum.at(low, nodes, rank)
        np.maximum.at(high, nodes, rank)
        if height + 1 < tree.n_levels:
            above = tree.ancestor[height + 1]
            parent[nodes[above != nodes]] = above[above != nodes]
    return freeze(Forest(parent, low, high))


def _note(name: str, node: Ints, entries: Ints, tree: Tree | None, k: int) -> str:
    """Describe what a column lost; fewer than k entries are not counted."""
    total, gone = max(1, int(entries.sum())), node < 0
    lost = int(entries[gone].sum())
    told = f"set-valued {name!r}: "
    if 0 < lost < k:
        return told + f"fewer than {k} entries left out"
    told += f"{lost / total:.2%} of the entries left out, of {int((gone & (entries > 0)).sum())} distinct items"
    if tree is None:
        return told
    share = np.where(gone, 1.0, tree.share[np.where(gone, 0, node)])
    moved = int((~gone & (node != tree.leaf)).sum())
    return f"{told}; {moved} generalized; loss {float((share * entries).sum()) / total:.4f}"
