"""Keys that everybody knows, in the types of the data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import UNREADABLE, schema_of
from shoal_engine.errors import ColumnError, InputError, PolicyError
from shoal_engine.tables.column_names import check_columns

if TYPE_CHECKING:
    import pyarrow as pa


def public_keys(keys: IntoFrame | Sequence[object], by: tuple[str, ...], schema: pl.Schema) -> "pa.Table":
    """Return public keys as a table of the key columns, each key once, in the types of the data.

    Parameters
    ----------
    keys : frame, or values of the one key column
    by : tuple of str
        Key columns.
    schema : pl.Schema
        Schema of the data.

    Raises
    ------
    ColumnError
        The keys or the table lack a key column, or a key is no value of the column's type.
    InputError
        The keys cannot be read.
    PolicyError
        There are no keys, there is no key column, or they are given in a form that is not understood.

    Examples
    --------
    >>> public_keys(["1", "2"], ("ward",), pl.Schema({"ward": pl.Int64})).column("ward").to_pylist()
    [1, 2]
    """
    if not by:
        msg = "the query has no key column, and keys are given; leave them out"
        raise PolicyError(msg)
    frame = _as_frame(keys, by)
    for table, present in (("the table of keys", schema_of(frame)), ("the table", schema)):
        check_columns(by, present, by="the query", table=table, remedy="add it, or correct the name")
    try:
        given = frame.select(by).unique(maintain_order=True).collect()
    except UNREADABLE:
        msg = "the keys cannot be read to their end, or are of a type that cannot be a key; give values, or a frame"
        raise InputError(msg) from None
    if not given.height:
        msg = (
            "there are no keys, so nothing would be answered; give at least one, or leave `keys` out to have them "
            "chosen privately"
        )
        raise PolicyError(msg)
    typed = pl.DataFrame([_typed(given[name], schema[name]) for name in by]).unique(maintain_order=True)
    return typed.to_arrow(compat_level=pl.CompatLevel.newest())


def _as_frame(keys: Any, by: tuple[str, ...]) -> pl.LazyFrame:
    """Return keys, however they are given, as a frame."""
    if not isinstance(keys, list | tuple | pl.Series):
        try:
            return into_lazy(keys)
        except TypeError:
            msg = "keys are a frame, or a list of values of the one key column; give one of them"
            raise PolicyError(msg) from None
    if len(by) != 1:
        msg = f"keys of {len(by)} columns are a frame with these columns; got a list"
        raise PolicyError(msg)
    try:
        return pl.DataFrame({by[0]: keys}, strict=True).lazy()
    except (*UNREADABLE, TypeError, ValueError, OverflowError):
        msg = f"the keys of {by[0]!r} are not of one type; give a list of texts, or of numbers, or of dates"
        raise ColumnError(msg) from None


def _typed(given: pl.Series, kind: pl.DataType) -> pl.Series:
    """Return keys in the type of the data; each must come back from it as it was."""
    try:
        typed = given.str.to_date("%Y-%m-%d") if given.dtype == pl.String and kind == pl.Date else given.cast(kind)
        back = typed.cast(given.dtype)
        same = back.equals(given, null_equal=True)
    except (*UNREADABLE, ValueError, TypeError, OverflowError):
        same, typed = False, given
    if not same:
        msg = (
            f"keys of {given.name!r} are of type {given.dtype}, and the column is of type {kind}, which does not hold "
            "each of them unchanged; give keys of the column's type"
        )
        raise ColumnError(msg)
    return typed
