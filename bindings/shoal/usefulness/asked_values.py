"""Conditions on the distinct values of a column, and the values as numbers: each found once for equal values."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.usefulness.conditions import holds
from shoal_engine.errors import ColumnError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_Numbers: TypeAlias = tuple[Floats, Floats]


class AskedValues:
    """What was found of the values of columns; a workload asks the same of every release."""

    def __init__(self) -> None:
        # The condition is kept, so that its id stays its own.
        self._flags: dict[tuple[str, int, int], tuple[pl.Expr, pl.Series, Flags]] = {}
        self._numbers: dict[tuple[str, int], tuple[pl.Series, _Numbers]] = {}

    def holding(self, condition: pl.Expr, values: pl.Series, name: str) -> Flags:
        """Return whether a condition holds for each value, as `holds` does; not to be written to."""
        key = (name, id(condition), values.len())
        if key in self._flags and _same(self._flags[key][1], values):
            return self._flags[key][2]
        found = holds(condition, values, name)
        self._flags[key] = condition, values, found
        return found

    def numbers(self, values: pl.Series, name: str) -> _Numbers:
        """Return values as numbers, 0 for null, and whether each is known: 1 or 0.

        Raises
        ------
        ColumnError
            The column does not hold numbers.
        """
        key = (name, values.len())
        if key in self._numbers and _same(self._numbers[key][0], values):
            return self._numbers[key][1]
        if not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
            msg = f"column {name!r} has type {values.dtype} and no mean; name a column of numbers"
            raise ColumnError(msg)
        number = values.cast(pl.Float64).fill_nan(None)
        found = number.fill_null(0.0).to_numpy(), number.is_not_null().to_numpy().astype(np.float64)
        self._numbers[key] = values, found
        return found


def _same(one: pl.Series, other: pl.Series) -> bool:
    """Return whether two series are equal, type and null included."""
    return one is other or one.equals(other, check_dtypes=True, null_equal=True)
