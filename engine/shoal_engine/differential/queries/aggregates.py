"""Aggregates of private queries: a closed set of totals, each with exact parts and their sensitivity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.clipping import ClippedUnits, OutsideBounds
from shoal_engine.differential.queries.estimates import Part
from shoal_engine.differential.queries.grid import ValueSpec
from shoal_engine.differential.queries.group_sums import ColumnSums, GroupSums
from shoal_engine.differential.queries.moments import Counted, Mean, Std, Sum, Variance, counted
from shoal_engine.differential.queries.presence import Present
from shoal_engine.differential.queries.quantiles import Quantile

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Count(Counted):
    """Rows of a group, or units with `units`."""

    name: str = "count"
    units: bool = False

    def spec(self) -> None:
        """Return nothing: no column is summed."""

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what gets noise."""
        rows = 1 if self.units else bounds.max_rows or 1
        return [Part("count", rows, bounds.max_groups, unit="units" if self.units else counted(bounds))]

    def exact(self, sums: GroupSums, column: ColumnSums | None) -> list[Ints]:
        """Return the parts before noise."""
        del column
        if not self.units:
            return [sums.rows]
        return [sums.rows if sums.units is None else sums.units]


@dataclass(frozen=True, slots=True)
class DistinctCount(Counted):
    """Distinct values of a column in a group, without null.

    A unit changes it by at most the pairs of group and value that it may hold, its groups times its rows in each.
    """

    column: str
    name: str

    def spec(self) -> None:
        """Return nothing: pairs of group and value are counted apart from sums."""

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what gets noise."""
        return [Part("distinct values", bounds.max_groups * (bounds.max_rows or 1), 1, unit="values")]


Aggregate: TypeAlias = (
    Count | Present | Sum | Mean | Variance | Std | Quantile | DistinctCount | ClippedUnits | OutsideBounds
)


def joined_specs(aggregates: Sequence[Aggregate]) -> tuple[list[ValueSpec], list[int | None]]:
    """Return the sums for all aggregates together, and the place of each aggregate among them.

    Aggregates that map a column alike share its sums.
    """
    specs: list[ValueSpec] = []
    places: list[int | None] = []
    for one in aggregates:
        spec = one.spec()
        if spec is None:
            places.append(None)
            continue
        alike = [
            place
            for place, other in enumerate(specs)
            if (other.column, other.grid, other.missing, other.presence)
            == (spec.column, spec.grid, spec.missing, spec.presence)
            and not (other.edges and spec.edges and other.edges != spec.edges)
        ]
        if not alike:
            places.append(len(specs))
            specs.append(spec)
            continue
        place = alike[0]
        bits = specs[place].square_bits if spec.square_bits is None else spec.square_bits
        specs[place] = replace(specs[place], square_bits=bits, edges=specs[place].edges or spec.edges)
        places.append(place)
    return specs, places
