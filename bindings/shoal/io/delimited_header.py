"""Header of a delimited file: separator, column names and the first data line."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from shoal.io.line_structure import Dialect, long_values
from shoal_engine.errors import ColumnError, InputError

if TYPE_CHECKING:
    from shoal.io.raw_text import RawText
    from shoal_engine.declarations import FileFormat

_SEPARATORS = ",;\t|"
_HEAD_BYTES = 1 << 16
_LOOKED_AT = 50
"""Records examined to detect the separator."""


@dataclass(frozen=True, slots=True)
class Header:
    """Names of the columns as written in the file, and where the rows begin.

    Attributes
    ----------
    dialect : Dialect
    names : tuple of str
        A name is empty where the header has none.
    before : int
        Lines before the header.
    lines : int
        Lines before the first row.
    """

    dialect: Dialect
    names: tuple[str, ...]
    before: int
    lines: int


def header_of(text: "RawText", declared: "FileFormat", *, by_rows: bool) -> Header:
    """Read the header of a file.

    Parameters
    ----------
    text : RawText
    declared : FileFormat
    by_rows : bool
        Whether to detect the separator from rows as well as the header.

    Raises
    ------
    InputError
        There is no header line, or it cannot be read.
    ColumnError
        A column is named twice.
    """
    lines = _head_lines(text, declared)
    if declared.separator is not None:
        separator = declared.separator
    elif text.name.lower().removesuffix(".gz").removesuffix(".zst").endswith((".tsv", ".tab")):
        separator = "\t"
    else:
        separator = _likeliest(lines, declared, by_rows=by_rows)
    dialect = Dialect.of(declared, separator)
    before = _lines_before(lines, declared)
    reader = dialect.records(iter(lines[before:]))
    with long_values():
        first = next(reader)
    if not declared.header:
        return Header(dialect, ("",) * len(first), before, before)
    names = tuple(name.removeprefix("\ufeff") if place == 0 else name for place, name in enumerate(first))
    twice = next((name for place, name in enumerate(names) if name and name in names[:place]), None)
    if twice is not None:
        msg = f"column {twice!r} appears more than once in the header of {text.name!r}; rename one"
        raise ColumnError(msg)
    through = before + reader.line_num
    return Header(dialect, names, before, _lines_before(lines, declared, start=through))


def _head_lines(text: "RawText", declared: "FileFormat") -> list[str]:
    """Return the first lines, including the header; the last may be incomplete.

    Raises
    ------
    InputError
        There is no header line.
    """
    n_bytes = _HEAD_BYTES
    while True:
        head = text.head(n_bytes)
        lines = list(io.StringIO(head.decode("utf-8", errors="replace").removeprefix("\ufeff"), newline=""))
        before = _lines_before(lines, declared)
        # A header with quoted line ends goes on after its first line.
        if before + 1 < len(lines) and sum(map(len, lines[before : before + 2])) < n_bytes // 2:
            return lines
        if len(head) < n_bytes:
            break
        n_bytes *= 8
    if before >= len(lines):
        msg = f"{text.name!r} has no line that names columns after its first {before} lines; check `skip` and `comment`"
        raise InputError(msg)
    return lines


def _lines_before(lines: Sequence[str], declared: "FileFormat", *, start: int | None = None) -> int:
    """Return the number of skipped, comment and blank lines before the header or the first row."""
    at = declared.skip if start is None else start
    while at < len(lines):
        line = lines[at]
        if line.strip(" \t\r\n") and not (declared.comment and line.startswith(declared.comment)):
            break
        at += 1
    return at


def _likeliest(lines: Sequence[str], declared: "FileFormat", *, by_rows: bool) -> str:
    """Return the separator that gives most rows as many values as the header; ties: the most frequent in the header."""
    start = _lines_before(lines, declared)
    best, most = ",", (0.0, 0)
    for separator in _SEPARATORS:
        if separator == declared.quote:
            continue
        dialect = Dialect.of(declared, separator)
        with long_values():
            records = list(islice(dialect.records(dialect.uncommented(iter(lines[start:]))), _LOOKED_AT + 1))
        if not records or len(records[0]) < 2:
            continue
        rows = [record for record in records[1:] if any(record)]
        # The last one may be cut off.
        rows = rows[:-1] if len(rows) > 1 else rows
        width = len(records[0])
        share = sum(len(row) in (width, width + 1) for row in rows) / len(rows) if rows and by_rows else 0.0
        best, most = max((best, most), (separator, (round(share, 1), width)), key=lambda one: one[1])
    return best
