"""What may come in as a frame: anything that speaks Arrow, turned into one lazy Polars frame."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator


class ArrowStream(Protocol):
    """An object with the Arrow PyCapsule interface for streams (pandas, DuckDB, pyarrow, ...)."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the table as a stream of record batches."""
        ...


IntoFrame: TypeAlias = pl.DataFrame | pl.LazyFrame | ArrowStream | str | Path
"""A Polars frame, any table with the Arrow PyCapsule interface, or a path or glob of Parquet, CSV or IPC files."""

BATCH_ROWS = 1 << 20
"""Rows that are observed at a time."""


def into_lazy(frame: IntoFrame) -> pl.LazyFrame:
    """Return `frame` as a lazy Polars frame; nothing is copied that Arrow can share.

    Raises
    ------
    InputError
        A path cannot be read.
    ColumnError
        Two columns have the same name.
    TypeError
        The object is no frame.
    """
    from shoal_engine.errors import ColumnError

    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    if isinstance(frame, (str, Path)):
        from shoal.files import scan

        return scan(frame)
    if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
        try:
            return pl.DataFrame(frame).lazy()
        except (pl.exceptions.DuplicateError, ValueError) as error:
            msg = "the frame cannot be read through Arrow: two columns may share a name; rename one"
            raise ColumnError(msg) from error
    msg = (
        f"got {type(frame).__name__}; give a Polars frame, an object with the Arrow PyCapsule interface "
        "(pandas, DuckDB, pyarrow) or a path to Parquet, CSV or IPC files"
    )
    raise TypeError(msg)


def batches(frame: pl.LazyFrame, columns: list[str]) -> "Iterator[Any]":
    """Yield the frame's columns as Arrow record batches, never all at once for a frame on disk.

    Yields
    ------
    pa.RecordBatch
        At most `BATCH_ROWS` rows each.
    """
    newest = pl.CompatLevel.newest()
    for part in frame.select(columns).collect_batches(chunk_size=BATCH_ROWS, maintain_order=False):
        yield from part.to_arrow(compat_level=newest).to_batches(max_chunksize=BATCH_ROWS)
