"""Privacy units of a released table, counted in plain Polars: members of classes and weights of their rows.

In every class a unit has weight one, shared equally by its rows there, in integers; definition and reasons are in
`shoal_engine.anonymity.table.units`.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from shoal.io.internal_names import internal
from shoal_engine.anonymity.table.units import GRID, least_carried

ROWS, MEMBERS, WEIGHT, VALUE = internal("rows"), internal("members"), internal("weight"), internal("value")
_HELD = internal("held")


def weighed(part: pl.LazyFrame, keys: Sequence[str], unit: str, value: pl.Expr) -> pl.DataFrame:
    """Return the distinct values of each unit in each class, with number of rows and weight."""
    counted = part.group_by([*keys, unit, value]).agg(pl.len().cast(pl.Int64).alias(ROWS))
    held = counted.collect(engine="streaming")
    return held.with_columns((pl.col(ROWS) * (GRID // pl.col(ROWS).sum().over([*keys, unit]))).alias(WEIGHT))


def lightened(cells: pl.DataFrame, weight: str) -> pl.DataFrame:
    """Divide weights by their greatest common divisor; shares stay the same."""
    common = np.gcd.reduce(cells.get_column(weight).to_numpy(), initial=0)
    return cells.with_columns(pl.col(weight) // max(1, int(common)))


def members_of(held: pl.DataFrame, keys: Sequence[str], unit: str) -> pl.DataFrame:
    """Return the number of rows and of distinct units of each class."""
    return held.group_by(keys).agg(pl.col(ROWS).sum(), pl.col(unit).n_unique().cast(pl.Int64).alias(MEMBERS))


def least_carried_of(held: pl.DataFrame, keys: Sequence[str], unit: str) -> int:
    """Return the minimum over classes of the distinct values that distinct units can represent, one each."""
    classes = held.select(keys).unique().with_row_index(_HELD)
    numbered = held.join(classes, on=list(keys), how="left", nulls_equal=True)
    value, of = (numbered.get_column(name).rank("dense").fill_null(0) for name in (VALUE, unit))
    return least_carried(numbered.get_column(_HELD).to_numpy(), value.to_numpy(), of.to_numpy())
