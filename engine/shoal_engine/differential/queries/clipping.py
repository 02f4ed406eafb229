"""How much the declared bounds take away, counted privately: units that lose rows, and values beyond the bounds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.estimates import Part
from shoal_engine.differential.queries.grid import Grid, ValueSpec
from shoal_engine.differential.queries.group_sums import ColumnSums, GroupSums
from shoal_engine.differential.queries.moments import Counted, OfColumn, counted

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClippedUnits(Counted):
    """Units with rows in more groups, or with more rows in a group, than count: a number of the whole table.

    Whether a unit is one of them depends on its own rows alone, so one unit changes the number by at most 1.
    """

    name: str = "clipped_units"

    def spec(self) -> None:
        """Return nothing: no column is summed."""

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what gets noise."""
        del bounds
        return [Part("clipped units", 1, 1, unit="units")]

    def exact(self, sums: GroupSums, column: ColumnSums | None) -> list[Ints]:
        """Return the number, once."""
        del column
        assert sums.clipped is not None
        return [np.array([sums.clipped], np.int64)]


@dataclass(frozen=True, slots=True)
class OutsideBounds(Counted, OfColumn):
    """Rows of a group whose value lies outside the bounds (or units, whose sum does, where sums are clipped)."""

    def _grid(self) -> Grid:
        inner = self._inner()
        return Grid(inner.low - 1, inner.high + 1, inner.exponent)

    def _inner(self) -> Grid:
        """Return the grid of the bounds, with room for a step beyond each."""
        return Grid.between(*self.bounds, exponent=Grid.between(*self.bounds).exponent - 1)

    def spec(self) -> ValueSpec:
        """Return how values are mapped and counted: below the bounds, between them, above."""
        inner = self._inner()
        return self._spec(edges=(inner.low, inner.high + 1))

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what gets noise."""
        return [Part("values outside the bounds", self._rows(bounds), bounds.max_groups, unit=counted(bounds))]

    def exact(self, sums: GroupSums, column: ColumnSums) -> list[Ints]:
        """Return the parts before noise."""
        del sums
        assert column.bins is not None
        return [column.bins[:, 0] + column.bins[:, 2]]
