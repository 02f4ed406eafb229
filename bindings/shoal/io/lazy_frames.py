"""Lazy Polars frames run to their end, whole or in batches, with errors that quote no cell."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_ROWS = 1 << 20
"""Rows that are observed at a time."""

NOT_ARROW = (pl.Int128, pl.UInt128, pl.Object)
"""Types of Polars that have no place in an Arrow batch."""

UNREADABLE = (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException)
"""What Polars raises on input that is damaged, missing or not of its schema. A panic is no Exception of Python's."""


def read_to_end(frame: pl.LazyFrame, *, streaming: bool = False) -> pl.DataFrame:
    """Return the rows of a lazy frame, read to their end.

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
    """Return the columns of a lazy frame.

    Raises
    ------
    InputError
        What the frame is made of cannot be read.
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
    """Check that no column has a name that Polars takes for several columns.

    Raises
    ------
    ColumnError
        One has; the message names it.
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
        None of them makes batches without columns, which still know how many rows they have.
    in_order : bool
        Keep the order of rows; without it, batches come as they are ready.

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


def _rows_alone(frame: pl.LazyFrame) -> "Iterator[Any]":
    """Yield batches without columns: as long as those of any column are, of which the first that Arrow takes is read.

    A count by other means, such as a file's own metadata or its line ends, may differ from the rows that are read.
    """
    import pyarrow as pa

    named = [name for name, kind in schema_of(frame).items() if not isinstance(kind, NOT_ARROW)]
    if not named:
        length = read_to_end(frame.select(pl.len())).item()
        yield pa.RecordBatch.from_struct_array(pa.array([{}] * length, pa.struct([])))
        return
    for part in batches(frame, named[:1]):
        yield part.select([])
