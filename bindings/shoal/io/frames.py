"""Input frames, from anything with the Arrow interface, and frames handed out without the memory of other values."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import polars as pl

from shoal.forking import check_process
from shoal.io.lazy_frames import UNREADABLE, schema_of

if TYPE_CHECKING:
    import pyarrow as pa

_NOT_ARROW = (pl.Int128, pl.UInt128, pl.Object)


class ArrowStream(Protocol):
    """An object with the Arrow PyCapsule interface for streams (pandas, DuckDB, pyarrow, ...)."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the table as a stream of record batches."""
        ...


IntoFrame: TypeAlias = pl.DataFrame | pl.LazyFrame | ArrowStream | str | Path
"""A Polars frame, any table with the Arrow PyCapsule interface, or a path or glob of Parquet, CSV or IPC files."""


def into_lazy(frame: IntoFrame) -> pl.LazyFrame:
    """Return `frame` as a lazy Polars frame, without copies where Arrow can share memory.

    Raises
    ------
    InputError
        A path cannot be read, or a frame cannot be converted through Arrow.
    ColumnError
        Two columns have the same name, or one has the name of a pattern.
    ForkError
        The process was forked from one that had started work.
    TypeError
        The object is not a frame.
    """
    check_process()
    lazy = _as_lazy(frame)
    schema_of(lazy)
    return lazy


def _as_lazy(frame: IntoFrame) -> pl.LazyFrame:
    """Return the input as a lazy frame; raises as `into_lazy` does."""
    from shoal_engine.errors import InputError

    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    if isinstance(frame, (str, Path)):
        from shoal.io.reading import scan

        return scan(frame)
    if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
        _check_names(frame)
        try:
            return pl.DataFrame(frame).lazy()
        except (*UNREADABLE, ValueError, TypeError, NotImplementedError):
            # Without the cause: other packages quote the cell that they cannot convert.
            msg = "the frame cannot be read through Arrow; give each column values of one type, and a name of its own"
            raise InputError(msg) from None
    msg = (
        f"got {type(frame).__name__}; give a Polars frame, an object with the Arrow PyCapsule interface "
        "(pandas, DuckDB, pyarrow) or a path to Parquet, CSV or IPC files"
    )
    raise TypeError(msg)


def _check_names(frame: Any) -> None:
    """Check that no two columns of a pandas frame or an Arrow table share a name."""
    from shoal_engine.errors import ColumnError

    schema = getattr(frame, "schema", None)
    names = [str(name) for name in getattr(schema, "names", getattr(frame, "columns", ()))]
    for name in names:
        if names.count(name) > 1:
            msg = f"column {name!r} appears more than once in the table; rename one"
            raise ColumnError(msg)


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
