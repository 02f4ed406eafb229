"""Tables on disk: Parquet, CSV and IPC in; out under the final name only when whole and verified."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import polars as pl

from shoal_engine.errors import ColumnError, InputError, OutputError

Format: TypeAlias = Literal["parquet", "csv", "ipc"]

_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".ipc": "ipc",
    ".arrow": "ipc",
    ".feather": "ipc",
}
_GLOB = frozenset("*?[")


def format_of(path: str | Path) -> Format | None:
    """Return the format that a file's name tells, or None."""
    return _FORMATS.get(Path(path).suffix.lower())


def _existing(path: Path) -> list[Path]:
    """Return the files behind a path, folder or glob."""
    if any(character in _GLOB for character in str(path)):
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
        return sorted(found for found in anchor.glob(pattern) if found.is_file())
    if path.is_dir():
        return sorted(found for found in path.rglob("*") if found.is_file() and format_of(found))
    return [path] if path.exists() else []


def sources(path: str | Path) -> list[Path]:
    """Return the files to read.

    Raises
    ------
    InputError
        There is none, their formats differ, or the format is unknown.
    """
    files = _existing(Path(path))
    if not files:
        msg = f"no file at {str(path)!r}; check the path or the glob"
        raise InputError(msg)
    formats = {format_of(found) for found in files}
    if len(formats) != 1 or None in formats:
        msg = f"cannot tell one format for {str(path)!r}; name files .parquet, .csv, .tsv, .ipc, .arrow or .feather"
        raise InputError(msg)
    return files


def _csv_separator(file: Path) -> str:
    """Return the separator of a delimited file: the likeliest of its header line."""
    with file.open("r", encoding="utf-8", errors="replace") as stream:
        header = stream.readline()
    return max(",;\t|", key=header.count)


def scan(path: str | Path) -> pl.LazyFrame:
    """Open files as one lazy frame.

    Raises
    ------
    InputError
        Nothing there, unreadable, truncated, or of an unknown format.
    ColumnError
        A CSV header names a column twice.
    """
    files = sources(path)
    try:
        match format_of(files[0]):
            case "parquet":
                frame = pl.scan_parquet(files)
            case "ipc":
                frame = pl.scan_ipc(files)
            case _:
                frame = _scan_csv(files)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path) from error
    return frame


def _scan_csv(files: list[Path]) -> pl.LazyFrame:
    """Open delimited files; quoted ZIP codes with leading zeros stay text."""
    separator = _csv_separator(files[0])
    names = pl.read_csv(files[0], separator=separator, n_rows=0, has_header=True, infer_schema=False).columns
    twice = [name for name in names if name.rpartition("_duplicated_")[0] in names]
    if twice:
        column = twice[0].rpartition("_duplicated_")[0]
        msg = f"column {column!r} stands more than once in the header of {files[0].name!r}; rename one"
        raise ColumnError(msg)
    frame = pl.scan_csv(files, separator=separator, try_parse_dates=True, infer_schema_length=10_000)
    padded = _columns_with_leading_zeros(files[0], separator)
    if not padded:
        return frame
    overrides = dict.fromkeys(padded, pl.String)
    return pl.scan_csv(
        files,
        separator=separator,
        try_parse_dates=True,
        infer_schema_length=10_000,
        schema_overrides=overrides,
    )


def _columns_with_leading_zeros(file: Path, separator: str) -> list[str]:
    """Return the columns whose digits start with a zero, as codes do and numbers do not."""
    head = pl.read_csv(file, separator=separator, n_rows=10_000, infer_schema=False)
    found = head.select(pl.all().str.contains(r"^0\d").any()).row(0, named=True) if head.height else {}
    return [name for name, is_padded in found.items() if is_padded]


def unreadable(path: str | Path) -> InputError:
    """Return the error for input that cannot be read; never quotes its content."""
    msg = f"cannot read {str(path)!r}: it is truncated, damaged or not of the format that its name tells"
    return InputError(msg)


def check_output(output: Path, inputs: list[Path]) -> Format:
    """Check that `output` can be written and is none of the inputs.

    Raises
    ------
    OutputError
        Unknown format, no such folder, or the output is, or lies inside, the input.
    """
    kind = format_of(output)
    if kind is None:
        msg = f"cannot tell the format of {str(output)!r}; name it .parquet, .csv, .tsv, .ipc, .arrow or .feather"
        raise OutputError(msg)
    check_folder(output, inputs)
    return kind


def check_folder(output: Path, inputs: list[Path]) -> None:
    """Check that a file can be put at `output` and is none of `inputs`.

    Raises
    ------
    OutputError
        No such folder, a folder of that name, or one of the inputs.
    """
    if not output.parent.is_dir():
        msg = f"folder {str(output.parent)!r} does not exist; create it first"
        raise OutputError(msg)
    if output.is_dir():
        msg = f"{str(output)!r} is a folder; name a file"
        raise OutputError(msg)
    if any(output.resolve() == source.resolve() for source in inputs):
        msg = f"{str(output)!r} is part of the input or the output itself; write somewhere else"
        raise OutputError(msg)


def separator_of(path: Path) -> str:
    """Return what separates the values of a delimited file of this name."""
    return "\t" if path.suffix.lower() == ".tsv" else ","


def open_as(path: Path, kind: Format, schema: pl.Schema, *, separator: str) -> pl.LazyFrame:
    """Open a file that was just written, whose format and columns are known whatever its name."""
    match kind:
        case "parquet":
            return pl.scan_parquet(path)
        case "ipc":
            return pl.scan_ipc(path)
        case "csv":
            return pl.scan_csv(path, separator=separator, schema=schema)


@contextlib.contextmanager
def written_whole(output: Path) -> "Iterator[Path]":
    """Give a hidden path beside `output`; rename it to `output` when the block ends well, remove it otherwise.

    Raises
    ------
    OutputError
        The disk is full or the folder cannot be written.
    """
    draft = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
    try:
        yield draft
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(output)
        _sync_folder(output.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG):
            msg = f"cannot write {str(output)!r}: {os.strerror(error.errno)}; nothing was left behind"
            raise OutputError(msg) from error
        raise
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(batches: "Iterator[Any]", schema: Any, output: Path, kind: Format, *, separator: str) -> None:
    """Write Arrow record batches to one file.

    Parameters
    ----------
    batches : iterator of pa.RecordBatch
    schema : pa.Schema
    output : Path
    kind : "parquet" | "csv" | "ipc"
    separator : str
        Between the values of a delimited file.
    """
    import pyarrow as pa

    match kind:
        case "parquet":
            import pyarrow.parquet as pq

            # Without the stored schema, dictionaries come back as the plain text they stand for.
            with pq.ParquetWriter(output, schema, compression="zstd", store_schema=False) as writer:
                for batch in batches:
                    writer.write_batch(batch)
        case "ipc":
            with pa.OSFile(str(output), "wb") as sink:
                plain = pa.schema([field.with_type(_plain(field.type)) for field in schema])
                with pa.ipc.new_file(sink, plain) as writer:
                    for batch in batches:
                        writer.write_batch(batch.cast(plain))
        case "csv":
            with output.open("wb") as sink:
                for number, batch in enumerate(batches):
                    part = pl.DataFrame(batch)
                    part.write_csv(sink, include_header=number == 0, separator=separator)


def _plain(kind: Any) -> Any:
    """Return the type of the values that a dictionary stands for."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind
