"""Delimited text as a table of text; damage is reported with its line number before any row is used."""

import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from shoal.io.files import check_same_names
from shoal.io.line_structure import Dialect, Structure, long_values, numbered_records, rewritten, structure_of
from shoal.io.raw_text import RawText, raw_text
from shoal_engine.declarations import FileFormat
from shoal_engine.errors import ColumnError, InputError

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


@dataclass(frozen=True, slots=True)
class DelimitedText:
    """One delimited file, ready to be scanned.

    Attributes
    ----------
    text : RawText
    header : Header
    names : tuple of str
        Names of the columns, in the order of the file.
    kept : tuple of str
    hollow : bool
        Some lines are empty and are left out.
    records : int, optional
        Number of rows, if counted.
    original : RawText and Header, optional
        Source of line numbers, if `text` is a copy.
    """

    text: RawText
    header: Header
    names: tuple[str, ...]
    kept: tuple[str, ...]
    hollow: bool
    records: int | None
    original: tuple[RawText, Header] | None = None

    def scan(self, declared: FileFormat, *, total: bool) -> pl.LazyFrame:
        """Return the rows as text; with `total`, damaged rows are accepted."""
        names, dialect = self.names, self.header.dialect
        plain = self.header.names == names
        source = self.text.path if self.text.content is None else io.BytesIO(self.text.content)
        has_header = declared.header and len(self.header.names) == len(names)
        frame = pl.scan_csv(
            source,
            separator=dialect.separator,
            quote_char=dialect.quote or None,
            comment_prefix=dialect.comment,
            has_header=has_header,
            skip_lines=self.header.before if has_header else self.header.lines,
            infer_schema=False,
            with_column_names=None if plain else lambda _: list(names),
            truncate_ragged_lines=total,
            encoding="utf8-lossy" if total else "utf8",
            glob=False,
        )
        if self.hollow:
            frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
        return frame if self.kept == names else frame.select(self.kept)

    def line_of(self, row: int) -> int:
        """Return the line number, from 1, of a row, from 0."""
        text, header = self.original or (self.text, self.header)
        records = numbered_records(text, header.dialect, header.lines)
        filled = (line for line, record in records if any(record))
        return next(islice(filled, row, None), header.lines + row + 1)


def open_delimited(path: Path, declared: FileFormat, *, total: bool = False) -> DelimitedText:
    """Open one file: read its header and, without `total`, check every line.

    Raises
    ------
    InputError
        The file is not delimited text, or a line is damaged; the message has its number.
    ColumnError
        A column is named twice.
    """
    text = raw_text(path, declared)
    header = header_of(text, declared, by_rows=not total)
    width = len(header.names)
    if total:
        return _delimited(text, header, header.names, declared, hollow=True, records=None)
    structure = structure_of(text, header.dialect, header.lines, width)
    names = header.names
    if structure.widths.size:
        if not _has_row_names(text, header, structure):
            raise _ragged(text, header, structure)
        names = ("", *names)
    if structure.odd_quotes and header.dialect.quote:
        content = rewritten(text, header.dialect, header.lines, names)
        copied = Header(dataclasses.replace(header.dialect, comment=None), names, 0, 1)
        called = _delimited(text, copied, names, declared, hollow=False, records=None)
        return dataclasses.replace(called, text=RawText(text.path, content), original=(text, header))
    return _delimited(text, header, names, declared, hollow=structure.hollow, records=structure.records)


def _delimited(
    text: RawText, header: Header, names: tuple[str, ...], declared: FileFormat, *, hollow: bool, records: int | None
) -> DelimitedText:
    """Return a file whose lines were checked; unnamed columns are named by position, or left out."""
    prefix = "unnamed_" if declared.unnamed == "drop" else declared.unnamed
    called = tuple(name or f"{prefix}{place}" for place, name in enumerate(names, 1))
    twice = next((name for place, name in enumerate(called) if name in called[:place]), None)
    if twice is not None:
        msg = f"a column of {text.name!r} has no name and would be called {twice!r}, as another is; declare `unnamed`"
        raise ColumnError(msg)
    wild = next((name for name in called if name == "*" or (name.startswith("^") and name.endswith("$"))), None)
    if wild is not None:
        msg = f"column {wild!r} of {text.name!r} has a name that stands for several columns; rename it"
        raise ColumnError(msg)
    kept = [one for one, name in zip(called, names, strict=True) if name or declared.unnamed != "drop"]
    return DelimitedText(text, header, called, tuple(kept), hollow, records)


def _has_row_names(text: RawText, header: Header, structure: Structure) -> bool:
    """Return whether every row has one value more than the header: row names, as R writes them.

    Rows that all end in a separator have an empty extra value and do not qualify.
    """
    width = len(header.names)
    if structure.widths.size != structure.records or (structure.widths != width + 1).any():
        return False
    return any(record[-1:] != [""] for _, record in numbered_records(text, header.dialect, header.lines) if any(record))


def _ragged(text: RawText, header: Header, structure: Structure) -> InputError:
    """Return the error for rows with more or fewer values than the header has names."""
    width, line, found = len(header.names), int(structure.lines[0]), int(structure.widths[0])
    same = structure.widths.size == structure.records and np.unique(structure.widths).size == 1
    if same and abs(found - width) == 1:
        ends = "the header" if found < width else "every row"
        msg = (
            f"the header of {text.name!r} has {width} names, its rows have {found} values: {ends} may end in a "
            f"separator too many; remove it, or give every line as many values as there are names"
        )
    elif structure.lines.size == 1 and line == structure.last_line and structure.ends_open and found < width:
        msg = (
            f"the last line of {text.name!r}, line {line}, is not complete: it has {found} values, the header "
            f"{width} names; the file is truncated, get it whole"
        )
    else:
        others = ", and other lines differ too" if structure.lines.size > 1 else ""
        remedy = "correct the file: a value that holds the separator needs quotes"
        if width == 1 and not header.names[0][:1].isalnum():
            remedy = "if the lines before are comments, declare their sign, as comment = '#', or how many to `skip`"
        msg = f"line {line} of {text.name!r} has {found} values, and the header {width} names{others}; {remedy}"
    return InputError(msg)


def check_same_columns(files: Sequence[DelimitedText]) -> None:
    """Check that files have the same columns, in any order.

    Raises
    ------
    ColumnError
        A file lacks a column that another has; the message names both.
    """
    first = files[0]
    for file in files[1:]:
        check_same_names(first.text.name, first.kept, file.text.name, file.kept)
