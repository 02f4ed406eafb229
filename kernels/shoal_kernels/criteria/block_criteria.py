"""Criteria for the classes of one block: the privacy models and the sensitive values of its tuples."""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Ints
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.criteria.privacy_models import Cells, Models


class Criteria(NamedTuple):
    """The models, and the sensitive values of a block's tuples.

    Attributes
    ----------
    models : Models
    cells : Cells
        Cells of all tuples.
    tuples : (n,) int64
        The block: row of each of its tuples in `cells`.
    histogram : (n_values,) int64
        Workspace.
    """

    models: Models
    cells: Cells
    tuples: Ints
    histogram: Ints


@inner
def make_criteria(models: Models, cells: Cells, tuples: Ints) -> Criteria:
    """Return the criteria for classes of `tuples`."""
    return Criteria(models, cells, tuples, np.zeros(models.reference.shape[0], np.int64))


@inlined
def add_to_histogram(criteria: Criteria, item: int) -> None:
    """Add the sensitive values of the block's tuple `item` to the histogram."""
    row = criteria.tuples[item]
    for cell in range(criteria.cells.start[row], criteria.cells.start[row + 1]):
        criteria.histogram[criteria.cells.value[cell]] += criteria.cells.count[cell]


@inner
def meets_criteria(criteria: Criteria, weight: Ints, items: Ints) -> bool:
    """Return whether `items` as one class satisfy the models."""
    criteria.histogram[:] = 0
    rows = 0
    for item in items:
        rows += int(weight[item])
    if rows < criteria.models.k[0]:
        return False
    if criteria.models.kind.shape[0] == 0:
        return True
    for item in items:
        add_to_histogram(criteria, item)
    return satisfies(criteria.models, criteria.histogram, rows)
