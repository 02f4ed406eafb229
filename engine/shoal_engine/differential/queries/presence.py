"""How many rows of a group hold a value in a column of any type."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.estimates import Part
from shoal_engine.differential.queries.grid import Grid, ValueSpec
from shoal_engine.differential.queries.group_sums import ColumnSums, GroupSums
from shoal_engine.differential.queries.moments import Counted, counted

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Present(Counted):
    """Rows of a group that hold a value in a column; null and NaN do not count.

    A unit moves it by as much as the count of rows. Where each unit's rows are joined to one, it counts the units with
    a value.
    """

    column: str
    name: str

    def spec(self) -> ValueSpec:
        """Return a mapping of every value to 1."""
        return ValueSpec(self.column, Grid(0, 1, 0), presence=True)

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what gets noise."""
        return [Part("rows with a value", bounds.max_rows or 1, bounds.max_groups, unit=counted(bounds))]

    def exact(self, sums: GroupSums, column: ColumnSums) -> list[Ints]:
        """Return the part before noise."""
        del sums
        return [column.present]
