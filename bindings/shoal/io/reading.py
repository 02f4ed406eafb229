"""`read_table`: files read as declared; undeclared columns of text stay text unless a type changes no value."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from shoal.io.declared_types import type_of, typed, without_nulls
from shoal.io.files import format_of, scan_binary, sources, unreadable
from shoal.io.lazy_frames import UNREADABLE, read_to_end
from shoal.io.surviving_types import Remark, surviving_types
from shoal.io.threads import threads
from shoal_engine.declarations import ColumnFormat, Declarations, FileFormat
from shoal_engine.errors import ColumnError, InputError
from shoal_engine.tables.column_names import check_columns

if TYPE_CHECKING:
    from shoal.io.delimited import DelimitedText

_NOTHING = Declarations()
_ROWS_AT_ONCE = 1 << 16

Guess = Literal["survives", "number", "date"]
"""Types for undeclared columns of text: one that every value survives, or one that the role needs."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A table that was read.

    Attributes
    ----------
    frame : pl.LazyFrame
    remarks : tuple of Remark
        Columns that look like numbers or dates and stay text.
    """

    frame: pl.LazyFrame
    remarks: tuple[Remark, ...] = ()


def read_table(
    path: str | Path,
    *,
    file: FileFormat | Mapping[str, Any] | None = None,
    columns: Mapping[str, ColumnFormat | Mapping[str, Any] | str] | None = None,
) -> pl.LazyFrame:
    r"""Read files as they were declared.

    A delimited file is text. Without a declaration a column becomes integer, float, date, datetime or time only if
    each of its values survives the way back unchanged; codes such as ``042``, ``250.10`` and ``1E3`` stay text.

    Parameters
    ----------
    path : str or Path
        A file, a folder or a glob; Parquet and IPC files have types of their own.
    file : FileFormat or mapping, optional
        How delimited files are written: encoding, separator, texts that stand for null.
    columns : mapping of str to ColumnFormat, mapping or name of a type, optional
        Declared types of columns.

    Raises
    ------
    InputError
        There is no such file, a line is damaged, or a text is not of its declared type; the message has the line.
    ColumnError
        A declared column is not there, or a header names one twice.
    PolicyError
        A declaration is invalid.

    Examples
    --------
    >>> from pathlib import Path
    >>> import shoal, tempfile
    >>> visits = Path(tempfile.mkdtemp()) / "visits.csv"
    >>> _ = visits.write_text("born;dx;cost\n03.01.58;042.0;1.200,50\n31.12.99;250.10;80,00\n")
    >>> born = {"type": "date", "format": "%d.%m.%y", "pivot": 1930}
    >>> cost = {"type": "float", "decimal_sign": ",", "thousands_sign": "."}
    >>> shoal.read_table(visits, columns={"born": born, "cost": cost}).collect().rows()
    [(datetime.date(1958, 1, 3), '042.0', 1200.5), (datetime.date(1999, 12, 31), '250.10', 80.0)]
    """
    declared = Declarations(file or {}, columns or {})  # pyright: ignore[reportArgumentType]
    return read_path(path, declared).frame


def read_path(
    path: str | Path,
    declared: Declarations = _NOTHING,
    *,
    as_text: Collection[str] = (),
    wanted: Mapping[str, Guess] | None = None,
    only: Collection[str] | None = None,
) -> Reading:
    """Read files; see `read_table`.

    Parameters
    ----------
    path : str or Path
    declared : Declarations
    as_text : collection of str
        Undeclared columns that stay text.
    wanted : mapping of str to Guess, optional
        Columns whose role needs numbers or dates; these may change the spelling of a value.
    only : collection of str, optional
        Columns to convert; others of a delimited file stay text.
    """
    files = sources(path)
    try:
        if format_of(files[0]) != "csv":
            return declared_frame(scan_binary(files), declared)
        return _read_delimited(files, declared, as_text=as_text, wanted=wanted or {}, only=only)
    except (*UNREADABLE, UnicodeError):
        # Without the cause: it may quote a cell of a malformed file.
        raise unreadable(path) from None


def scan(path: str | Path) -> pl.LazyFrame:
    """Open files as one lazy frame, as `shoal.read_table` does without declarations.

    Raises
    ------
    InputError
        No file, or it is unreadable, truncated or of an unknown format.
    ColumnError
        A header names a column twice, or files that are read together differ in columns.
    """
    return read_path(path).frame


def read_total(path: str | Path, declared: Declarations = _NOTHING) -> pl.LazyFrame:
    """Read files so that no row can change a type, a schema or an error: declared types, else text.

    A text that is not of its declared type is null. Only the header of each file is read.
    """
    files = sources(path)
    try:
        if format_of(files[0]) != "csv":
            frame = scan_binary(files)
        else:
            frame = _text_of(_opened(files, declared, total=True), declared, total=True)
        return as_declared(frame, declared)
    except (*UNREADABLE, UnicodeError):
        raise unreadable(path) from None


def as_declared(frame: pl.LazyFrame, declared: Declarations) -> pl.LazyFrame:
    """Convert text columns of a frame to their declared types; null where a text does not fit."""
    if not declared.columns:
        return frame
    schema = frame.collect_schema()
    _check_declared(declared, schema.names())
    return frame.with_columns(_declared_expressions(declared, schema))


def declared_frame(frame: pl.LazyFrame, declared: Declarations) -> Reading:
    """Convert text columns of a frame to their declared types; other columns are unchanged.

    Raises
    ------
    ColumnError
        A declared column is not there, or of another type than declared.
    InputError
        A text is not of its declared type; the message has its row.
    """
    if not declared.columns:
        return Reading(frame)
    schema = frame.collect_schema()
    _check_declared(declared, schema.names())
    expressions = _declared_expressions(declared, schema)
    if expressions:
        names = [name for name in declared.columns if schema[name] == pl.String]
        cleaned = frame.with_columns(_nulled(declared, name) for name in names)
        at = 0
        for batch in cleaned.select(names).collect_batches(chunk_size=_ROWS_AT_ONCE, maintain_order=True):
            found = _first_misfit(batch, declared)
            if found is not None:
                column, row = found
                raise _misfit(column, declared.columns[column], f"row {at + row + 1}")
            at += batch.height
    return Reading(frame.with_columns(expressions))


def _read_delimited(
    files: Sequence[Path],
    declared: Declarations,
    *,
    as_text: Collection[str],
    wanted: Mapping[str, Guess],
    only: Collection[str] | None,
) -> Reading:
    """Read delimited files: declared columns as declared, others as a type that every value survives."""
    opened = _opened(files, declared, total=False)
    names = opened[0].kept
    _check_declared(declared, names)
    free = [name for name in names if name not in declared.columns and name not in as_text]
    free = free if only is None else [name for name in free if name in only]
    text = _text_of(opened, declared, total=False)
    checked = [name for name, one in declared.columns.items() if one.type != "text"]

    def batches() -> Iterator[pl.DataFrame]:
        for file in opened:
            rows = 0
            plain = _file_text(file, declared, total=False).select([*free, *checked] or names[:1])
            for batch in plain.collect_batches(chunk_size=_ROWS_AT_ONCE, maintain_order=True):
                _check_fits(batch, declared, file, rows)
                rows += batch.height
                yield batch
            if file.records is not None and rows != file.records:
                raise unreadable(file.text.path)

    seen = surviving_types(batches(), free, threads(None))
    types = dict(seen.types)
    remarks = [one for one in seen.remarks if one.column not in types]
    for name, kind in wanted.items():
        if name in free and name not in types:
            types |= _as_wanted(text, name, kind)
    expressions = [*types.values(), *_declared_expressions(declared, dict.fromkeys(names, pl.String()))]
    remarks = tuple(one for one in remarks if one.column not in types)
    return Reading(text.with_columns(expressions) if expressions else text, remarks)


def _opened(files: Sequence[Path], declared: Declarations, *, total: bool) -> list["DelimitedText"]:
    """Open every file, and check that they have the same columns."""
    from shoal.io.delimited import check_same_columns, open_delimited

    opened = [open_delimited(file, declared.file, total=total) for file in files]
    check_same_columns(opened)
    return opened


def _text_of(opened: Sequence["DelimitedText"], declared: Declarations, *, total: bool) -> pl.LazyFrame:
    """Return the rows of all files as text, columns in the order of the first file."""
    names = list(opened[0].kept)
    frames = [_file_text(file, declared, total=total) for file in opened]
    if len(frames) == 1:
        return frames[0]
    return pl.concat(
        [one if list(file.kept) == names else one.select(names) for one, file in zip(frames, opened, strict=True)]
    )


def _file_text(file: "DelimitedText", declared: Declarations, *, total: bool) -> pl.LazyFrame:
    """Return the rows of one file as text, with declared nulls replaced."""
    frame = file.scan(declared.file, total=total)
    if not declared.file.nulls and not any(one.nulls for one in declared.columns.values()):
        return frame
    return frame.with_columns(_nulled(declared, name) for name in file.kept)


def _nulled(declared: Declarations, name: str) -> pl.Expr:
    """Return a column of text with its declared nulls."""
    own = declared.columns[name].nulls if name in declared.columns else ()
    return without_nulls(pl.col(name), [*declared.file.nulls, *own]).alias(name)


def _declared_expressions(declared: Declarations, schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """Return the expressions that convert declared columns.

    Raises
    ------
    ColumnError
        A column that is not text has another type than declared.
    """
    found: list[pl.Expr] = []
    for name, one in declared.columns.items():
        kind = schema[name]
        if kind == pl.String:
            if one.type != "text":
                found.append(typed(_nulled(declared, name), one).alias(name))
        elif not _is_declared(kind, one):
            msg = (
                f"column {name!r} has type {kind}, and it is declared as {one.type}; texts are read as declared, "
                "other columns have the type that they have: correct the declaration, or cast the column"
            )
            raise ColumnError(msg)
    return found


def _is_declared(kind: pl.DataType, one: ColumnFormat) -> bool:
    """Return whether a type other than text is the declared one."""
    match one.type:
        case "integer":
            return kind.is_integer()
        case "float":
            return kind.is_float()
        case "decimal":
            return kind.is_decimal()
        case "datetime":
            return isinstance(kind, pl.Datetime)
        case "text":
            return isinstance(kind, pl.Categorical | pl.Enum)
        case _:
            return kind == type_of(one)


def _as_wanted(text: pl.LazyFrame, name: str, kind: Guess) -> dict[str, pl.Expr]:
    """Return the expression for a column whose role needs numbers or dates; empty if a value does not fit."""
    tried = ("integer", "float") if kind == "number" else ("date", "datetime")
    for one in tried:
        value = typed(pl.col(name), ColumnFormat(type=one))
        misfits = read_to_end(text.select((value.is_null() & pl.col(name).is_not_null()).any()), streaming=True).item()
        if not misfits:
            return {name: value.alias(name)}
    return {}


def _check_declared(declared: Declarations, names: Sequence[str]) -> None:
    """Check that every declared column exists."""
    check_columns(declared.columns, names, by="a declared type", remedy="correct the declaration, or the table")


def _first_misfit(batch: pl.DataFrame, declared: Declarations) -> tuple[str, int] | None:
    """Return the first column with a text that is not of its declared type, and the row."""
    for name, one in declared.columns.items():
        if one.type == "text" or name not in batch.columns:
            continue
        bad = batch.select((typed(pl.col(name), one).is_null() & pl.col(name).is_not_null()).alias("bad"))["bad"]
        if bad.any():
            return name, int(bad.arg_max() or 0)
    return None


def _check_fits(batch: pl.DataFrame, declared: Declarations, file: "DelimitedText", before: int) -> None:
    """Check that values have their declared types; the batch starts at row `before` of the file."""
    found = _first_misfit(batch, declared)
    if found is not None:
        column, row = found
        raise _misfit(column, declared.columns[column], f"line {file.line_of(before + row)} of {file.text.name!r}")


def _misfit(column: str, declared: ColumnFormat, place: str) -> InputError:
    """Return the error for a text that is not of its declared type."""
    form = f" with format {declared.format!r}" if declared.format else ""
    form += f" with scale {declared.scale}" if declared.scale is not None else ""
    msg = (
        f"column {column!r} is declared as {declared.type}{form}, and {place} does not fit; correct it there, "
        "declare its text among `nulls`, or declare the column as text"
    )
    return InputError(msg)
