"""What can be asked of a group: a closed set of totals, each told by exact sums and what one unit changes in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.estimates import Estimate, Noisy, Part, scaled
from shoal_engine.differential.queries.group_sums import ColumnSums, GroupSums
from shoal_engine.differential.queries.moments import Mean, Named, OfColumn, Sum, Variance
from shoal_engine.differential.queries.total_values import ValueSpec
from shoal_engine.errors import PolicyError

Ints = npt.NDArray[np.int64]

CANDIDATES = 1024
"""Points among which a quantile is chosen, unless the query says how many."""


@dataclass(frozen=True, slots=True)
class Count(Named):
    """Rows of a group, or units with `units`."""

    name: str = "count"
    units: bool = False

    def spec(self) -> None:
        """Return nothing: no column is summed."""

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what gets noise."""
        rows = 1 if self.units else bounds.max_rows or 1
        return [Part("count", rows, bounds.max_groups)]

    def exact(self, sums: GroupSums, column: ColumnSums | None) -> list[Ints]:
        """Return the parts before noise."""
        del column
        if not self.units:
            return [sums.rows]
        return [sums.rows if sums.units is None else sums.units]

    def estimate(self, noisy: Sequence[Noisy]) -> Estimate:
        """Return what is told."""
        return scaled(noisy[0], 1.0)


@dataclass(frozen=True, slots=True)
class Quantile(OfColumn):
    """A quantile of a column, chosen among points between the bounds by the exponential mechanism (Smith 2011).

    The score of a point is how far the rows below it are from the share asked for (Dwork, Roth 2014, section 3.4).
    """

    share: Fraction = Fraction(1, 2)
    candidates: int = CANDIDATES

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or self.candidates < 2:
            msg = f"a quantile of {self.column!r} needs a share between 0 and 1 and at least two candidates"
            raise PolicyError(msg)

    def edges(self) -> tuple[int, ...]:
        """Return the candidates, in steps of the grid."""
        grid = self._grid()
        n = min(self.candidates, grid.high - grid.low + 1)
        return tuple(grid.low + (grid.high - grid.low) * i // (n - 1) for i in range(n))

    def spec(self) -> ValueSpec:
        """Return how the column's values are mapped to whole numbers, and counted between the candidates."""
        return self._spec(edges=self.edges())

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what is chosen by."""
        most = max(self.share.numerator, self.share.denominator - self.share.numerator)
        return [Part(f"quantile {self.share}", self._rows(bounds) * most, bounds.max_groups, is_choice=True)]

    def scores(self, column: ColumnSums) -> Ints:
        """Return the score of each candidate in each group, (n_groups, n_candidates) int64."""
        assert column.bins is not None
        below = np.cumsum(column.bins, axis=1)[:, :-1]
        return -np.abs(self.share.denominator * below - self.share.numerator * column.present[:, None])

    def estimate(self, chosen: Ints) -> Estimate:
        """Return what is told: the chosen candidates. Their error in value is not known without further cost."""
        value = np.array(self.edges(), np.float64)[chosen] * float(self._grid().step)
        unknown = np.full(value.size, np.nan)
        return Estimate(value, unknown, unknown, unknown)


@dataclass(frozen=True, slots=True)
class Distinct(Named):
    """Distinct values of a column that a group holds; null is none.

    A unit changes it by at most the pairs of group and value that it may hold, its groups times its rows in each.
    """

    column: str
    name: str

    def spec(self) -> None:
        """Return nothing: pairs of group and value are counted apart from sums."""

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what gets noise."""
        return [Part("distinct values", bounds.max_groups * (bounds.max_rows or 1), 1)]

    def estimate(self, noisy: Sequence[Noisy]) -> Estimate:
        """Return what is told."""
        return scaled(noisy[0], 1.0)


Aggregate: TypeAlias = Count | Sum | Mean | Variance | Quantile | Distinct


def joined_specs(aggregates: Sequence[Aggregate]) -> tuple[list[ValueSpec], list[int | None]]:
    """Return what is summed for all aggregates together, and the place of each one's among it.

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
            if (other.column, other.grid, other.missing) == (spec.column, spec.grid, spec.missing)
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
