"""A table as the methods see it: distinct tuples of quasi-identifiers, with weights and sensitive values."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import Cells

if TYPE_CHECKING:
    import pyarrow as pa

    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.anonymity.table.dimensions import Space
    from shoal_engine.anonymity.table.item_sets import ItemSets
    from shoal_engine.anonymity.table.population import People
    from shoal_engine.anonymity.table.sensitive import SensitiveColumn
    from shoal_engine.anonymity.table.units import Units
    from shoal_engine.tables.columns import Domain
    from shoal_engine.tables.grouping import Grouped

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.unsignedinteger]

_STRETCH = 1 << 22


def codes_of(words: Words, word: int, shift: int, mask: int) -> Ints:
    """Return the codes of the tuples in one dimension, (n,) int64."""
    return ((words[word] >> np.uint64(shift)) & np.uint64(mask)).astype(np.int64)


def subset_of(words: Words, weight: Ints, cells: Cells, tuples: Ints) -> tuple[Words, Ints, Cells]:
    """Return the tables restricted to some tuples, in their order.

    Parameters
    ----------
    words, weight, cells : (n_words, n) uint64, (n,) int64, Cells
    tuples : (m,) int64, ascending
    """
    if tuples.size == weight.size:
        return words, weight, cells
    n_cells = np.diff(cells.start)[tuples]
    start = np.concatenate([[0], np.cumsum(n_cells)])
    source = np.repeat(cells.start[tuples] - start[:-1], n_cells) + np.arange(start[-1])
    chosen = Cells(start, cells.value[source], cells.count[source])
    return np.ascontiguousarray(words[:, tuples]), weight[tuples], freeze(chosen)


def rows_of_classes(class_of_tuple: npt.NDArray[np.integer], weight: Ints, n_classes: int) -> Ints:
    """Return the rows of each class, (n_classes,) int64; negative ones are skipped. A stretch of tuples at a time."""
    rows = np.zeros(n_classes, np.int64)
    for first in range(0, weight.size, _STRETCH):
        classes, weights = class_of_tuple[first : first + _STRETCH], weight[first : first + _STRETCH]
        kept = classes >= 0
        rows += np.bincount(classes[kept], weights=weights[kept], minlength=n_classes).astype(np.int64)
    return rows


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the methods see it: distinct tuples with their weights and sensitive values.

    Attributes
    ----------
    policy : Policy
    space : Space
        The quasi-identifiers as dimensions.
    grouped : Grouped
        Distinct tuples, and the tuple of each row.
    sensitive : tuple of SensitiveColumn
        In the policy's order.
    cells : Cells
        Sensitive values of each tuple.
    coded : dict of column to (Domain, codes of the rows)
        Sensitive columns, and identifiers that become pseudonyms.
    sets : dict of column to ItemSets
        Set-valued columns, row by row.
    carried : dict of column to pa.Array
        Insensitive columns, as they came.
    people : People or None
        The population, where a model is counted in it.
    units : Units or None
        Whose each row is, where the policy names a unit.
    notes : tuple of str
        What transformations did, for the report.
    """

    policy: "Policy"
    space: "Space"
    grouped: "Grouped"
    sensitive: "tuple[SensitiveColumn, ...]"
    cells: "Cells"
    coded: "dict[str, tuple[Domain, Codes]]"
    sets: "dict[str, ItemSets]"
    carried: "dict[str, pa.Array]"
    people: "People | None" = None
    units: "Units | None" = None
    notes: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return int(self.grouped.weight.sum())

    @property
    def n_values(self) -> int:
        """Return the number of values of all sensitive columns together."""
        return sum(column.size for column in self.sensitive)

    @property
    def values(self) -> list[npt.NDArray[np.int64]]:
        """Return the sensitive value of each row in the common numbering, column by column."""
        return [column.value[self.coded[column.name][1]] for column in self.sensitive]
