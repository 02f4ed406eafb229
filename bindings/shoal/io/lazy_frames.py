"""Lazy Polars frames collected whole or in batches, with errors that quote no cell."""

import contextlib
import os
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_OF_THIS_PROCESS = secrets.token_hex(16)
BATCH_ROWS = 1 << 20
"""Rows per batch."""
NOT_ARROW = (pl.Int128, pl.UInt128, pl.Object)
"""Polars types that an Arrow batch cannot hold."""
UNREADABLE = (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException)
"""Errors of Polars on input that is damaged, missing or not of its schema; a panic is not a Python `Exception`."""


def internal(name: str) -> str:
    """Return a column name that no table has: it contains 128 random bits drawn once per process."""
    return f"{name} {_OF_THIS_PROCESS}"


def read_to_end(frame: pl.LazyFrame, *, streaming: bool = False) -> pl.DataFrame:
    """Collect all rows of a lazy frame.

    Raises
    ------
    InputError
        The input is damaged, gone or not of its schema.
    """
    from shoal_engine.errors import InputError

    try:
        return frame.collect(engine="streaming" if streaming else "auto")
    except UNREADABLE:
        # Without the cause: the engine's own message may quote a cell.
        msg = "the input cannot be read to its end: it is truncated, damaged or not of its declared types"
        raise InputError(msg) from None


def schema_of(frame: pl.LazyFrame) -> pl.Schema:
    """Return the schema of a lazy frame.

    Raises
    ------
    InputError
        A source of the frame cannot be read.
    ColumnError
        A column has the name of a pattern.
    """
    from shoal_engine.errors import InputError

    try:
        schema = frame.collect_schema()
    except UNREADABLE:
        msg = "the lazy frame cannot be resolved: a file or a column that it needs is missing or damaged"
        raise InputError(msg) from None
    _check_patterns(schema.names())
    return schema


def _check_patterns(names: Iterable[str]) -> None:
    """Check that no column has a name that Polars reads as a pattern of columns.

    Raises
    ------
    ColumnError
        A column has such a name; the message has it.
    """
    from shoal_engine.errors import ColumnError

    for name in names:
        if name == "*" or (name.startswith("^") and name.endswith("$")):
            msg = f"column {name!r} has a name that stands for a pattern of columns, * or ^...$; rename it"
            raise ColumnError(msg)


def batches(frame: pl.LazyFrame, columns: list[str], *, in_order: bool = False) -> "Iterator[Any]":
    """Yield the frame's columns as Arrow record batches, never all at once for a frame on disk.

    Parameters
    ----------
    frame : pl.LazyFrame
    columns : list of str
        If empty, batches have no columns but still their number of rows.
    in_order : bool
        Keep the order of rows; otherwise batches are yielded as they are ready.

    Yields
    ------
    pa.RecordBatch
        At most `BATCH_ROWS` rows each.
    """
    newest = pl.CompatLevel.newest()
    if not columns:
        yield from _rows_alone(frame)
        return
    for part in frame.select(columns).collect_batches(chunk_size=BATCH_ROWS, maintain_order=in_order):
        yield from part.to_arrow(compat_level=newest).to_batches(max_chunksize=BATCH_ROWS)


@contextlib.contextmanager
def few_row_groups() -> "Generator[None]":
    """Let Polars read ahead two row groups of a Parquet file and not dozens, which bounds the memory of a scan.

    It has no other switch for this than a variable of the environment; one that is set is left alone.
    """
    name = "POLARS_ROW_GROUP_PREFETCH_SIZE"
    if name in os.environ:
        yield
        return
    os.environ[name] = "2"
    try:
        yield
    finally:
        os.environ.pop(name, None)


def _rows_alone(frame: pl.LazyFrame) -> "Iterator[Any]":
    """Yield batches without columns, as long as those of the first column that Arrow can hold.

    A count from file metadata or line ends may differ from the rows that are read.
    """
    import pyarrow as pa

    named = [name for name, kind in schema_of(frame).items() if not isinstance(kind, NOT_ARROW)]
    if not named:
        length = read_to_end(frame.select(pl.len())).item()
        yield pa.RecordBatch.from_struct_array(pa.array([{}] * length, pa.struct([])))
        return
    for part in batches(frame, named[:1]):
        yield part.select([])
