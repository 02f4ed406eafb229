"""The tables of an attack on rows of plain values, from frames: a release, the original, control rows."""

from collections.abc import Sequence

import polars as pl

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import schema_of
from shoal.io.observing import collected
from shoal_engine.attack.plain_rows import TABLES, PlainTables
from shoal_engine.tables.column_names import check_columns


def plain_tables(
    release: IntoFrame, original: IntoFrame, control: IntoFrame | None, columns: Sequence[str] | None
) -> PlainTables:
    """Return some columns, all of the release unless given, of two or three tables in common codes.

    Raises
    ------
    ColumnError
        A table lacks a column, or has it with another type.
    InputError
        A table cannot be read or has no rows.
    """
    given = [release, original] if control is None else [release, original, control]
    lazy = [into_lazy(frame) for frame in given]
    names = schema_of(lazy[0]).names() if columns is None else list(columns)
    tables = []
    for table, frame in zip(TABLES, lazy, strict=False):
        present = schema_of(frame).names()
        check_columns(names, present, by="the attack", table=f"the {table}", remedy="name columns that all tables have")
        whole = collected(frame.select(names), names)
        tables.append({name: whole[name].to_arrow(compat_level=pl.CompatLevel.newest()) for name in names})
    return PlainTables.of(tables, names)
