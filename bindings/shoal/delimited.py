"""Delimited text as a table: separator, types that hold for every row, and what tells a damaged file."""

import re
from pathlib import Path
from typing import Any

import polars as pl

from shoal_engine.errors import ColumnError, InputError

_TAIL_BYTES = 1 << 20
"""A last line longer than this is not checked for its columns."""


def scan_csv(files: list[Path]) -> pl.LazyFrame:
    """Open delimited files with types that hold for every row; codes with leading zeros stay text."""
    separator = _csv_separator(files[0])
    for file in files:
        _check_csv(file, separator)
    options: dict[str, Any] = {"separator": separator, "glob": False}
    schemas = [
        pl.scan_csv(file, try_parse_dates=True, infer_schema_length=None, **options).collect_schema() for file in files
    ]
    types = {name: _common([schema.get(name, kind) for schema in schemas]) for name, kind in schemas[0].items()}
    whole = [name for name, kind in types.items() if kind.is_integer()]
    as_text = pl.scan_csv(files, infer_schema=False, **options).select(whole)
    padded = as_text.select(pl.all().str.contains(r"^-?0\d").any()).collect(engine="streaming") if whole else None
    if padded is not None and padded.height:
        types |= {name: pl.String() for name in whole if padded.item(0, name)}
    return pl.scan_csv(files, schema=types, try_parse_dates=True, **options)


def _common(kinds: list[pl.DataType]) -> pl.DataType:
    """Return the type of a column whose files suggest several: numbers stay numbers, all else is text."""
    if len(set(kinds)) == 1:
        return kinds[0]
    return pl.Float64() if all(kind.is_numeric() for kind in kinds) else pl.String()


def _check_csv(file: Path, separator: str) -> None:
    """Check that no column is named twice and that the last line has all columns."""
    names = pl.read_csv(file, separator=separator, n_rows=0, infer_schema=False, glob=False).columns
    twice = [name for name in names if name.rpartition("_duplicated_")[0] in names]
    if twice:
        column = twice[0].rpartition("_duplicated_")[0]
        msg = f"column {column!r} stands more than once in the header of {file.name!r}; rename one"
        raise ColumnError(msg)
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _TAIL_BYTES))
        tail = stream.read().decode("utf-8", errors="replace").rstrip("\r\n")
    before, _, last = tail.rpartition("\n")
    # A line with quotes may be the end of a longer record.
    if _is_open(file, last, separator) or (before and '"' not in last and last.count(separator) < len(names) - 1):
        msg = f"the last line of {file.name!r} is not complete: the file is truncated; get it whole"
        raise InputError(msg)


def _is_open(file: Path, last: str, separator: str) -> bool:
    """Tell whether the last line opens a quote that nothing closes."""
    if re.search(rf'(^|{re.escape(separator)})"[^"]*$', last) is None:
        return False
    with file.open("rb") as stream:
        quotes = sum(block.count(b'"') for block in iter(lambda: stream.read(_TAIL_BYTES), b""))
    return quotes % 2 == 1


def _csv_separator(file: Path) -> str:
    """Return the separator of a delimited file: the likeliest of its header line."""
    with file.open("r", encoding="utf-8", errors="replace") as stream:
        header = stream.readline()
    return max(",;\t|", key=header.count)
