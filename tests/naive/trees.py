"""Planted trees, checked against their docstring and against rows of names."""

from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from naive import hierarchies as naive
from shoal_engine.anonymity.hierarchies.trees import Tree, plant
from shoal_engine.anonymity.policy.hierarchies import Hierarchy


def grown(
    hierarchy: Hierarchy, values: pa.Array | list[Any], *, has_null: bool = False, rows: list[int] | None = None
) -> Tree:
    """Plant over values, and over how many rows hold each of them; check what every tree holds."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    count = None if rows is None else np.array([*([1] * has_null), *rows], np.int64)
    tree = plant(hierarchy, array, has_null=has_null, column="col", count=count)
    assert_well_formed(tree, len(array), has_null=has_null)
    return tree


def assert_well_formed(tree: Tree, n_values: int, *, has_null: bool) -> None:
    """Every promise of the class's docstring that needs no second source."""
    n = n_values + has_null
    assert tree.ancestor.shape == (tree.n_levels, n)
    assert tree.ancestor.dtype == tree.leaf.dtype == np.int64
    assert tree.share.dtype == np.float64
    assert len(tree.share) == len(tree.label) == tree.ancestor.max() + 1
    assert sorted(tree.leaf) == list(range(n))
    np.testing.assert_array_equal(tree.ancestor[0], np.arange(n))
    assert len(set(tree.ancestor[-1])) == 1
    assert ((tree.share >= 0) & (tree.share <= 1)).all()
    assert tree.leaves.dtype == np.int64
    assert len(tree.leaves) == len(tree.label)
    assert tree.total_leaves >= max(1, n_values)
    inner = tree.leaves[:-1] > 1
    assert tree.share[:-1][inner] == pytest.approx(tree.leaves[:-1][inner] / tree.total_leaves)
    assert not tree.share[:-1][~inner].any()
    for below, above in zip(tree.ancestor, tree.ancestor[1:], strict=False):
        # Leaves under a node are neighbors, and have one parent.
        assert len({(b, a) for b, a in zip(below, above, strict=True)}) == len(set(below))
        assert (np.diff(above) != 0).sum() == len(set(above)) - 1
    if has_null:
        assert tree.leaf[0] == 0
        assert not tree.ancestor[:-1, 0].any()
        assert tree.label[0].as_py() is None


def common(tree: Tree, one: int, other: int) -> tuple[str | None, float]:
    """Name the lowest common ancestor of two domain codes, and its share."""
    for nodes in tree.ancestor:
        if nodes[tree.leaf[one]] == nodes[tree.leaf[other]]:
            node = int(nodes[tree.leaf[one]])
            return tree.label[node].as_py(), float(tree.share[node])
    raise AssertionError


def assert_equals_rows(tree: Tree, texts: list[str], rows: list[list[str]], *, has_null: bool = False) -> None:
    """Compare with a row of names a leaf: every way to the root, and every common ancestor."""
    for one, other in combinations(range(len(texts)), 2):
        name, share = naive.common(rows, texts[one], texts[other])
        assert common(tree, one + has_null, other + has_null) == (name, pytest.approx(share, abs=1e-15))
    if has_null:
        assert all(common(tree, 0, i + 1) == (rows[0][-1], 1.0) for i in range(len(texts)))
    assert tree.total_leaves == len(rows)
    by_leaf = {row[0]: row for row in rows}
    for code, text in enumerate(texts):
        nodes = tree.ancestor[:, tree.leaf[code + has_null]]
        assert tree.label.take(pa.array(nodes)).to_pylist() == by_leaf[text]
        assert tree.leaves[nodes].tolist() == naive.leaves_above(rows, text)
