"""Writing of tables: a file gets its name only when complete, and keeps the types of the frame.

Parquet and IPC keep every type. Delimited text keeps values: a time with a zone is written with its offset, as
``2024-03-31T03:30:00.000000+02:00``, a duration by ISO 8601, as ``PT3H``; lists, structs and bytes are refused.
"""

import base64
import contextlib
import errno
import io
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from shoal.io.files import Format, check_output, separator_of
from shoal_engine.errors import OutputError
from shoal_engine.scratch_folders import scratch_folder
from shoal_engine.whole_files import draft_of, reason, sync

_DIGITS = {"ms": 3, "us": 6, "ns": 9}


@contextlib.contextmanager
def written_whole(output: Path) -> Generator[Path]:
    """Yield a hidden path next to `output`; rename it to `output` on success, remove it on failure.

    Raises
    ------
    OutputError
        The disk is full, the folder cannot be written, or writing failed in another way; the message says why.
    """
    try:
        with draft_of(output) as draft:
            yield draft
    except OSError as error:
        left = "; ".join(getattr(error, "__notes__", ["nothing was left behind"]))
        msg = f"cannot write {str(output)!r}: {reason(error)}; {left}"
        raise OutputError(msg) from None
    try:
        sync(output.parent)
    except OSError as error:
        # Some file systems cannot make a rename durable.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
            msg = f"{str(output)!r} was written, and may be lost should the machine stop now: {reason(error)}"
            raise OutputError(msg) from None


@contextlib.contextmanager
def waiting_beside(output: Path) -> Generator[Path]:
    """Yield a hidden folder next to `output` for rows that wait; it is removed, whatever happens.

    Raises
    ------
    OutputError
        The disk is full, or the folder cannot be written.
    """
    try:
        with scratch_folder(output.parent) as folder:
            yield folder
    except OSError as error:
        msg = f"cannot keep rows beside {str(output)!r}: {reason(error)}; nothing was left behind"
        raise OutputError(msg) from None


def make_folder(folder: Path) -> None:
    """Create a folder and its parents if missing.

    Raises
    ------
    OutputError
        It cannot be created, or is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot make the folder {str(folder)!r}: {reason(error)}"
        raise OutputError(msg) from None


def write(batches: "Iterator[Any]", schema: Any, output: Path, kind: Format, *, separator: str) -> None:
    """Write Arrow record batches to one file, dictionaries as their values.

    Parameters
    ----------
    batches : iterator of pa.RecordBatch
    schema : pa.Schema
    output : Path
    kind : "parquet" | "csv" | "ipc"
    separator : str
        Between the values of a delimited file.

    Raises
    ------
    OutputError
        The format cannot hold a column's type; the message names both.
    """
    import pyarrow as pa

    _CHECKS[kind](schema)
    plain = pa.schema([pa.field(field.name, _plain(field.type)) for field in schema])
    match kind:
        case "parquet":
            import pyarrow.parquet as pq

            with pq.ParquetWriter(output, schema, compression="zstd", store_schema=False) as writer:
                for batch in batches:
                    writer.write_batch(batch)
                # Types that Parquet lacks (zones, durations) are in the Arrow schema; that of the writer would declare
                # dictionaries instead of values.
                stored = base64.b64encode(plain.serialize().to_pybytes())
                writer.add_key_value_metadata({"ARROW:schema": stored.decode()})
        case "ipc":
            with pa.OSFile(str(output), "wb") as sink, pa.ipc.new_file(sink, plain) as writer:
                for batch in batches:
                    writer.write_batch(batch.cast(plain))
        case "csv":
            with output.open("wb") as sink:
                for number, batch in enumerate(batches):
                    part = pl.DataFrame([_as_text(column) for column in pl.DataFrame(batch).iter_columns()])
                    # Polars, given the file, does not report the system's error.
                    text = io.BytesIO()
                    part.write_csv(text, include_header=number == 0, separator=separator)
                    sink.write(text.getbuffer())


def write_frame(frame: pl.DataFrame, output: Path) -> None:
    """Write a frame that is not a release, in the format of the suffix; lists are joined for CSV.

    Raises
    ------
    OutputError
        The output cannot be written.
    """
    kind = check_output(output, [])
    if kind == "csv":
        lists = [name for name, dtype in frame.schema.items() if dtype == pl.List(pl.String)]
        frame = frame.with_columns(pl.col(lists).list.join("; "))
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    with written_whole(output) as draft:
        write(iter(table.to_batches()), table.schema, draft, kind, separator=separator_of(output))


def write_json(body: dict[str, Any], output: str | Path) -> None:
    """Write figures as JSON, whole or not at all.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    import msgspec

    from shoal.io.files import check_folder

    target = Path(output)
    check_folder(target, [])
    with written_whole(target) as draft:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n")


def open_as(path: Path, kind: Format, schema: pl.Schema, *, separator: str) -> pl.LazyFrame:
    """Open a file that was just written, with known format and columns."""
    match kind:
        case "parquet":
            return pl.scan_parquet(path, glob=False)
        case "ipc":
            return pl.scan_ipc(path, glob=False)
        case "csv":
            # Columns of these types are not counted, and Polars cannot parse them.
            text = {name: pl.String() for name, dtype in schema.items() if isinstance(dtype, pl.Duration | pl.Null)}
            return pl.scan_csv(path, separator=separator, schema=pl.Schema({**schema, **text}), glob=False)


def _as_text(column: pl.Series) -> pl.Series:
    """Return a column as written to delimited text."""
    match column.dtype:
        case pl.Datetime(time_zone=str(), time_unit=unit):
            return column.dt.to_string(f"%Y-%m-%dT%H:%M:%S%.{_DIGITS[unit]}f%:z")
        case pl.Duration():
            return column.dt.to_string("iso")
        case _:
            return column


def _plain(kind: Any) -> Any:
    """Return the value type of a dictionary, or the type itself."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _check_text(schema: Any) -> None:
    """Check that every column has a type that delimited text can hold.

    Raises
    ------
    OutputError
        A column does not; the message names it and its type.
    """
    import pyarrow.types as types

    for column in schema:
        kind = column.type
        if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
            msg = (
                f"column {column.name!r} has type {kind}, which CSV cannot hold; write Parquet or IPC, or leave it out"
            )
            raise OutputError(msg)


def _check_parquet(schema: Any) -> None:
    """Check that no column has structs without fields, which Parquet cannot hold.

    Raises
    ------
    OutputError
        A column has; the message names it and its type.
    """
    for column in schema:
        if _holds_nothing(column.type):
            msg = (
                f"column {column.name!r} has type {column.type}, which Parquet cannot hold; write IPC, or leave it out"
            )
            raise OutputError(msg)


def _holds_nothing(kind: Any) -> bool:
    """Return whether a type is or contains a struct without fields."""
    import pyarrow as pa

    fields = [kind.field(number) for number in range(kind.num_fields)]
    return (pa.types.is_struct(kind) and not fields) or any(_holds_nothing(field.type) for field in fields)


def _check_nothing(schema: Any) -> None:
    """Accept every type."""


_CHECKS: dict[Format, Callable[[Any], None]] = {
    "parquet": _check_parquet,
    "ipc": _check_nothing,
    "csv": _check_text,
}
