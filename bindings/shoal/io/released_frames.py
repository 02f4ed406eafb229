"""Frames handed to users: copies without the memory of suppressed or filtered values."""

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import pyarrow as pa

_NOT_ARROW = (pl.Int128, pl.UInt128, pl.Object)


def as_frame(batch: Any) -> pl.DataFrame:
    """Return a released batch as a Polars frame, labels as text; rows share the bytes of their labels."""
    columns = [
        pl.Series(name, column.dictionary).gather(pl.Series(column.indices))
        if hasattr(column, "dictionary")
        else pl.Series(name, column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pl.DataFrame(columns)


def rebuilt_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame of the same values in memory of its own.

    A frame that was filtered, or had cells set to null, still holds the old values: in buffers of
    text that its rows share, under nulls, and among the categories of a column. An Enum keeps those of its
    categories that occur. A Categorical becomes text, as its categories are those of the whole process.
    """
    return pl.DataFrame([_rebuilt_series(column) for column in frame.iter_columns()])


def _rebuilt_series(column: pl.Series) -> pl.Series:
    """Return one column in memory of its own."""
    from shoal_engine.tables.rebuilding import rebuilt

    if isinstance(column.dtype, _NOT_ARROW):
        return pl.Series(column.name, column.to_list(), dtype=column.dtype)
    values: Any = column.to_arrow(compat_level=pl.CompatLevel.newest())
    array = rebuilt(values)
    kind = _without_unused(column.dtype, array)
    fresh = pl.Series(column.name, array)
    return fresh if kind == fresh.dtype else fresh.cast(kind)


def _without_unused(kind: Any, array: "pa.Array") -> Any:
    """Return the type with enums cut to the categories in `array`, and text in place of Categorical."""
    match kind:
        case pl.Enum():
            occurring = set(array.to_pylist()) if len(array) else set()
            return pl.Enum([category for category in kind.categories if category in occurring])
        case pl.Categorical():
            return pl.String()
        case pl.List():
            return pl.List(_without_unused(kind.inner, array.values))
        case pl.Array():
            return pl.Array(_without_unused(kind.inner, array.values), kind.size)
        case pl.Struct():
            fields = zip(kind.fields, array.flatten(), strict=True)
            return pl.Struct([pl.Field(field.name, _without_unused(field.dtype, part)) for field, part in fields])
        case _:
            return kind
