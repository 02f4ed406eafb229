"""Attribute risk: what can be guessed of a person whose class is known, without finding the record."""

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from shoal_kernels.criteria.privacy_models import Cells

Vector = npt.NDArray[np.int64]


class AttributeRisk(Struct, frozen=True, kw_only=True):
    """Probability to guess a sensitive value by the most frequent one.

    Attributes
    ----------
    highest, average : float
        Over the records, given their class.
    baseline : float
        Given nothing but the table's own distribution.
    homogeneous_rows : int
        Rows in classes that hold one value: nothing is left to guess (Machanavajjhala et al. 2007, section 2.1).
    """

    highest: float
    average: float
    baseline: float
    homogeneous_rows: int


def attribute_risk(cells: Cells, size: Vector, first: int, n_values: int) -> AttributeRisk:
    """Measure one sensitive column; null is a value.

    Parameters
    ----------
    cells : Cells
        Sensitive values of each class, all columns numbered through.
    size : (n,) int64, at least 1
        Rows of each class.
    first, n_values : int
        The column's values are numbered from `first`.
    """
    mine = (cells.value >= first) & (cells.value < first + n_values)
    owner = np.repeat(np.arange(size.size), np.diff(cells.start))[mine]
    most = np.zeros(size.size, np.int64)
    np.maximum.at(most, owner, cells.count[mine])
    rows = int(size.sum())
    total = np.bincount(cells.value[mine] - first, weights=cells.count[mine])
    return AttributeRisk(
        highest=float((most / size).max()),
        average=int(most.sum()) / rows,
        baseline=float(total.max()) / rows,
        homogeneous_rows=int(size[most == size].sum()),
    )
