"""The generalization lattice of a table: every way to move each quasi-identifier to one level of its hierarchy.

A quasi-identifier without hierarchy, or with an order alone, has two levels: its values, and ``*``. Where nulls
are kept apart, null is its own node at every level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.table.dimensions import Dimension, Space
from shoal_kernels._jit import freeze
from shoal_kernels.full_domain.lattice import Lattice

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The levels of one quasi-identifier.

    Attributes
    ----------
    representative : (n_levels, size) int64
        Lowest leaf under the node of each leaf; level 0 are the leaves.
    leaves : (n_levels, size) int64
        Leaves of the hierarchy under that node, whether they occur in the table or not.
    total_leaves : int
        Leaves of the hierarchy.
    """

    representative: Ints
    leaves: Ints
    total_leaves: int

    @property
    def n_levels(self) -> int:
        """Number of levels, leaves and root included."""
        return self.representative.shape[0]


def levels_of(dimension: Dimension) -> Levels:
    """Return the levels of a quasi-identifier."""
    size, has_null = dimension.size, dimension.domain.has_null
    tree = dimension.tree
    if tree is None:
        representative = np.stack([np.arange(size), np.zeros(size, np.int64)])
        total = size
        leaves = np.stack([np.ones(size, np.int64), np.full(size, size)])
    else:
        first = [np.unique(row, return_index=True, return_inverse=True)[1:] for row in tree.ancestor]
        representative = np.stack([index[inverse] for index, inverse in first])
        leaves, total = tree.leaves[tree.ancestor], tree.total_leaves
    if has_null and dimension.role.nulls == "apart":
        representative[-1, 0], leaves[-1, 0] = 0, 1
        representative[-1, 1:] = 1
    return Levels(representative.astype(np.int64), leaves.astype(np.int64), int(total))


def n_nodes(levels: Sequence[Levels]) -> int:
    """Return the number of nodes of the lattice."""
    product = 1
    for one in levels:
        product *= one.n_levels
    return product


def lattice_arrays(space: Space, levels: Sequence[Levels], order: Sequence[int]) -> Lattice:
    """Return the lattice for kernels, its quasi-identifiers in the given order; `cost` is 0 everywhere."""
    mine = [levels[j] for j in order]
    entries = np.array([one.representative.size for one in mine], np.int64)
    dims = space.arrays
    at = np.array(order, np.int64)
    return freeze(
        Lattice(
            word=dims.word[at],
            shift=dims.shift[at],
            mask=dims.mask[at],
            size=dims.size[at],
            n_levels=np.array([one.n_levels for one in mine], np.int64),
            start=np.cumsum(entries) - entries,
            representative=np.concatenate([one.representative.ravel() for one in mine]),
            cost=np.zeros(int(entries.sum())),
            leaves=np.concatenate([one.leaves.ravel() for one in mine]).astype(np.float64),
        )
    )
