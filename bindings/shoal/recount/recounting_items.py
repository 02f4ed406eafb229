"""Support of item combinations of a set-valued column, recounted in plain Polars."""

import polars as pl

from shoal.io.internal_names import internal
from shoal.io.lazy_frames import schema_of
from shoal_engine.errors import ColumnError

_ROW, _ITEM, _ROWS, _UNIT = internal("row"), internal("item"), internal("rows"), internal("unit")


def least_support(frame: pl.LazyFrame, column: str, m: int, unit: str | None = None) -> int | None:
    """Return the least support of a combination of up to `m` items, in rows or values of `unit`; None without items.

    Every row is joined with itself, item by item, so a combination occurs once for each row that holds it.

    Raises
    ------
    ColumnError
        The column is not of lists of plain values.
    """
    kind = schema_of(frame)[column]
    if not isinstance(kind, pl.List | pl.Array) or kind.inner.is_nested():
        msg = f"set-valued column {column!r} has type {kind}, not lists of plain values; give this policy's release"
        raise ColumnError(msg)
    of_unit = [] if unit is None else [pl.col(unit).rank("dense").fill_null(0).cast(pl.UInt32).alias(_UNIT)]
    holders = pl.len() if unit is None else pl.col(_UNIT).n_unique()
    entries = (
        frame.select(pl.col(column).cast(pl.List(kind.inner)).alias(_ITEM), *of_unit)
        .with_row_index(_ROW)
        .filter(pl.col(_ITEM).list.len() > 0)
        .explode(_ITEM)
        .unique()
        # Integer codes in place of items, so that null is an item like any other.
        .with_columns(pl.col(_ITEM).rank("dense").fill_null(0).cast(pl.UInt32))
        .collect()
    )
    least: int | None = None
    held = entries.lazy().rename({_ITEM: "1"})
    for size in range(1, m + 1):
        if size > 1:
            next_item = entries.lazy().select(_ROW, pl.col(_ITEM).alias(f"{size}"))
            held = held.join(next_item, on=_ROW).filter(pl.col(f"{size}") > pl.col(f"{size - 1}"))
        counted = held.group_by([f"{j}" for j in range(1, size + 1)]).agg(holders.alias(_ROWS))
        found = counted.select(pl.col(_ROWS).min()).collect(engine="streaming").item()
        least = found if least is None or (found is not None and found < least) else least
    return least
