"""Sum, mean and variance of a column between two bounds.

Sums are centered where the answer allows it: of values between two bounds the distance to their middle changes by half
the range at most, so that less noise does. All arithmetic before the noise is in integers, modulo 2**64.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Self

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.estimates import Estimate, Noisy, Part, ratio, scaled
from shoal_engine.differential.queries.grid import Grid, ValueSpec
from shoal_engine.differential.queries.group_sums import ColumnSums, GroupSums
from shoal_engine.errors import PolicyError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST_STEPS_SQUARED = 1 << 15
"""Steps from 0 to a bound whose squares are summed exactly."""


def counted(bounds: Bounds) -> str:
    """Return the name of a group's rows: "rows", or "units" if each unit counts once, with its clipped sums."""
    return "units" if bounds.max_rows is None else "rows"


class Named:
    """An aggregate that can be given another name."""

    def alias(self, name: str) -> Self:
        """Return the same aggregate under another name.

        Raises
        ------
        PolicyError
            The name is no text, or empty.
        """
        if not isinstance(name, str) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = "an aggregate is named by text that is not empty; give a name such as 'visits'"
            raise PolicyError(msg)
        return replace(self, name=name)  # pyright: ignore[reportArgumentType] - every aggregate is a dataclass


class Counted(Named):
    """An aggregate with one part, a count."""

    def estimate(self, noisy: Sequence[Noisy]) -> Estimate:
        """Return the estimate."""
        return scaled(noisy[0], 1.0)


@dataclass(frozen=True, slots=True)
class OfColumn(Named):
    """An aggregate of the values of one column between two bounds."""

    column: str
    bounds: tuple[Fraction, Fraction]
    name: str
    missing: Fraction | None = None
    coarser: int = field(default=0, kw_only=True)
    """Binary digits that the grid of sums has less than the finest, where noise would be wider than can be drawn."""

    def _grid(self) -> Grid:
        finest = Grid.between(*self.bounds)
        return Grid.between(*self.bounds, exponent=finest.exponent - self.coarser) if self.coarser else finest

    def _spec(self, *, square_bits: int | None = None, edges: tuple[int, ...] = ()) -> ValueSpec:
        grid = self._grid()
        missing = None if self.missing is None else grid.place(self.missing)
        return ValueSpec(self.column, grid, missing=missing, square_bits=square_bits, edges=edges)

    def spec(self) -> ValueSpec:
        """Return how the column's values are mapped to integers."""
        return self._spec()

    def _rows(self, bounds: Bounds) -> int:
        return bounds.max_rows or 1

    def _present(self, bounds: Bounds) -> Part:
        """Return the count of what holds a value: rows, or units where each is one by its clipped sum."""
        return Part("rows with a value", self._rows(bounds), bounds.max_groups, unit=counted(bounds))


@dataclass(frozen=True, slots=True)
class Sum(OfColumn):
    """Sum of a column, its values clamped to the bounds."""

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what gets noise."""
        grid = self._grid()
        size = self._rows(bounds) * grid.size
        return [Part("sum", size, bounds.max_groups, unit=self.column, step=grid.step)]

    def exact(self, sums: GroupSums, column: ColumnSums) -> list[Ints]:
        """Return the parts before noise."""
        del sums
        return [column.total]

    def estimate(self, noisy: Sequence[Noisy]) -> Estimate:
        """Return the estimate."""
        return scaled(noisy[0], float(self._grid().step))


@dataclass(frozen=True, slots=True)
class Mean(OfColumn):
    """Mean of a column's values that are there: a centered sum and a count, each with its share of the budget.

    The centered sum is in half steps, modulo 2**64: right below 2**31 rows whatever the values, and private always.
    """

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what gets noise."""
        grid, rows = self._grid(), self._rows(bounds)
        return [
            self._present(bounds),
            Part(
                "centered sum", rows * (grid.high - grid.low), bounds.max_groups, unit=self.column, step=grid.step / 2
            ),
        ]

    def exact(self, sums: GroupSums, column: ColumnSums) -> list[Ints]:
        """Return the parts before noise."""
        del sums
        return [column.present, _centered(column)]

    def estimate(self, noisy: Sequence[Noisy]) -> Estimate:
        """Return the estimate, within the bounds."""
        grid = self._grid()
        middle, half = float(grid.lower + grid.upper) / 2, float(grid.step) / 2
        part = ratio(noisy[1], noisy[0], most=grid.high - grid.low)
        lower, upper = float(grid.lower), float(grid.upper)
        value, low, high = (_within(middle + half * one, lower, upper) for one in (part.value, part.low, part.high))
        # Neither the mean nor what is told of it lies beyond the bounds, so no error is above their distance.
        return Estimate(value, np.minimum(half * part.std, upper - lower), low, high)


@dataclass(frozen=True, slots=True)
class Variance(OfColumn):
    """Variance (of a population) of a column's values: a count, a centered sum and a centered sum of squares."""

    def _grid(self) -> Grid:
        finest = Grid.between(*self.bounds)
        coarser = max(0, finest.size.bit_length() - MOST_STEPS_SQUARED.bit_length() + 1)
        return Grid.between(*self.bounds, exponent=finest.exponent - coarser - self.coarser)

    def spec(self) -> ValueSpec:
        """Return how the column's values are mapped to integers, whose squares are summed exactly."""
        return self._spec(square_bits=0)

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return what gets noise."""
        grid, rows = self._grid(), self._rows(bounds)
        span = grid.high - grid.low
        return [
            self._present(bounds),
            Part("centered sum", rows * span, bounds.max_groups, unit=self.column, step=grid.step / 2),
            Part(
                "centered squares", rows * span * span, bounds.max_groups, unit=f"{self.column}²", step=grid.step**2 / 8
            ),
        ]

    def exact(self, sums: GroupSums, column: ColumnSums) -> list[Ints]:
        """Return the parts before noise; of y = 2 x - low - high within the span s, squares as 2 y**2 - s**2."""
        del sums
        grid = column.spec.grid
        ends, span = grid.low + grid.high, grid.high - grid.low
        assert column.squares is not None
        squares = 4 * column.squares - 4 * ends * column.total + ends * ends * column.present
        return [column.present, _centered(column), 2 * squares - span * span * column.present]

    def estimate(self, noisy: Sequence[Noisy]) -> Estimate:
        """Return the estimate, from 0 to a quarter of the squared range."""
        grid = self._grid()
        span = float(grid.high - grid.low)
        unit, most = float(grid.step) ** 2 / 4, float(grid.upper - grid.lower) ** 2 / 4
        mean, square = ratio(noisy[1], noisy[0], most=span), ratio(noisy[2], noisy[0], most=span**2)
        value = (square.value + span**2) / 2 - mean.value**2
        deviation = np.hypot(square.std / 2, 2 * mean.value * mean.std)
        least = np.where(mean.low * mean.high <= 0, 0.0, np.minimum(mean.low**2, mean.high**2))
        low = (square.low + span**2) / 2 - np.maximum(mean.low**2, mean.high**2)
        high = (square.high + span**2) / 2 - least
        value, low, high = (_within(unit * one, 0.0, most) for one in (value, low, high))
        return Estimate(value, np.minimum(unit * deviation, most), low, high)


@dataclass(frozen=True, slots=True)
class Std(Variance):
    """Standard deviation (of a population) of a column's values: the root of a variance, with its noise."""

    def estimate(self, noisy: Sequence[Noisy]) -> Estimate:
        """Return the estimate: never negative, and with a standard deviation also where the variance is 0.

        If a variance v has standard deviation d, its root has d / (2 sqrt(v)) to first order; and never above sqrt(d),
        as roots are no further apart than the root of their squares' distance.
        """
        squared = Variance.estimate(self, noisy)
        value = np.sqrt(squared.value)
        first = np.divide(squared.std, 2 * value, out=np.full(value.size, np.inf), where=value > 0)
        widest = float(self._grid().upper - self._grid().lower) / 2
        deviation = np.minimum(np.minimum(first, np.sqrt(squared.std)), widest)
        return Estimate(value, deviation, np.sqrt(squared.low), np.sqrt(squared.high))


def _within(values: npt.ArrayLike, lower: float, upper: float) -> Floats:
    """Return values moved to the nearer bound where they lie beyond one."""
    return np.asarray(np.clip(values, lower, upper), np.float64)


def _centered(column: ColumnSums) -> Ints:
    """Return the sum of 2 x - low - high over the values."""
    grid = column.spec.grid
    return 2 * column.total - (grid.low + grid.high) * column.present
