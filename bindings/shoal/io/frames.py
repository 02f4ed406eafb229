"""Input frames: anything with the Arrow interface, turned into one lazy Polars frame."""

from pathlib import Path
from typing import Any, Protocol, TypeAlias

import polars as pl

from shoal.forking import check_process
from shoal.io.lazy_frames import UNREADABLE, schema_of


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
