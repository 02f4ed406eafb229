"""Units of a released table, counted in plain Polars: members of classes, and what each of their rows weighs.

In every class a unit counts one, shared equally by its rows there, in integers; what is meant, and why, stands in
`shoal_engine.anonymity.table.units`.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from shoal.io.internal_names import internal
from shoal_engine.anonymity.table.unit_matching import least_carried
from shoal_engine.anonymity.table.units import GRID

ROWS, MEMBERS, WEIGHT, VALUE = internal("rows"), internal("members"), internal("weight"), internal("value")
_HELD = internal("held")


def weighed(part: pl.LazyFrame, keys: Sequence[str], unit: str, value: pl.Expr) -> pl.DataFrame:
    """Return the distinct values of each unit in each class: how many of its rows hold one, and what these weigh."""
    counted = part.group_by([*keys, unit, value]).agg(pl.len().cast(pl.Int64).alias(ROWS))
    held = counted.collect(engine="streaming")
    return held.with_columns((pl.col(ROWS) * (GRID // pl.col(ROWS).sum().over([*keys, unit]))).alias(WEIGHT))


def lightened(cells: pl.DataFrame, weight: str) -> pl.DataFrame:
    """Return weights without the factors that all of them have; shares stay."""
    common = np.gcd.reduce(cells.get_column(weight).to_numpy(), initial=0)
    return cells.with_columns(pl.col(weight) // max(1, int(common)))


def members_of(held: pl.DataFrame, keys: Sequence[str], unit: str) -> pl.DataFrame:
    """Return the rows and distinct units of each class."""
    return held.group_by(keys).agg(pl.col(ROWS).sum(), pl.col(unit).n_unique().cast(pl.Int64).alias(MEMBERS))


def least_carried_of(held: pl.DataFrame, keys: Sequence[str], unit: str) -> int:
    """Return the fewest distinct values of a class that distinct units hold, one each."""
    classes = held.select(keys).unique().with_row_index(_HELD)
    numbered = held.join(classes, on=list(keys), how="left", nulls_equal=True)
    value, of = (numbered.get_column(name).rank("dense").fill_null(0) for name in (VALUE, unit))
    return least_carried(numbered.get_column(_HELD).to_numpy(), value.to_numpy(), of.to_numpy())
