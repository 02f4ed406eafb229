"""What binds the classes of one block: the privacy models over the sensitive values of its tuples."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inlined, inner
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.criteria.privacy_models import Cells, Models

Counts = npt.NDArray[np.int64]


class Bond(NamedTuple):
    """The models, and where the sensitive values of a block's tuples are found.

    Attributes
    ----------
    models : Models
    cells : Cells
        Of all tuples.
    tuples : (n,) int64
        The block: row of each of its tuples in `cells`.
    histogram : (n_values,) int64
        Working memory.
    """

    models: Models
    cells: Cells
    tuples: Counts
    histogram: Counts


@inner
def make_bond(models: Models, cells: Cells, tuples: Counts) -> Bond:
    """Return what binds `tuples`."""
    return Bond(models, cells, tuples, np.zeros(models.reference.shape[0], np.int64))


@inlined
def count_in(bond: Bond, item: int) -> None:
    """Add the sensitive values of the block's tuple `item` to the histogram."""
    row = bond.tuples[item]
    for cell in range(bond.cells.start[row], bond.cells.start[row + 1]):
        bond.histogram[bond.cells.value[cell]] += bond.cells.count[cell]


@inner
def holds(bond: Bond, weight: Counts, items: Counts) -> bool:
    """Return whether `items` as one class satisfy the models."""
    bond.histogram[:] = 0
    rows = 0
    for item in items:
        rows += int(weight[item])
    if rows < bond.models.k[0]:
        return False
    if bond.models.kind.shape[0] == 0:
        return True
    for item in items:
        count_in(bond, item)
    return satisfies(bond.models, bond.histogram, rows)
