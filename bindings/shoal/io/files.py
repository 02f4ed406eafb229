"""Files of tables: finding Parquet, CSV and IPC inputs, and checking output paths."""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import polars as pl

from shoal_engine.errors import ColumnError, InputError, OutputError
from shoal_engine.whole_files import draft_beside

Format: TypeAlias = Literal["parquet", "csv", "ipc"]

_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".ipc": "ipc",
    ".arrow": "ipc",
    ".feather": "ipc",
}
_COMPRESSED = frozenset({".gz", ".zst", ".bz2"})
_GLOB = frozenset("*?[")


def format_of(path: str | Path) -> Format | None:
    """Return the format of a file by its suffix, or None; delimited text may be compressed: .csv.gz."""
    path = Path(path)
    if path.suffix.lower() in _COMPRESSED:
        inner = _FORMATS.get(Path(path.stem).suffix.lower(), "csv")
        return inner if inner == "csv" else None
    return _FORMATS.get(path.suffix.lower())


def _existing(path: Path) -> list[Path]:
    """Return the files behind a path, folder or glob."""
    if not path.exists() and any(character in _GLOB for character in str(path)):
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
        No file is found, formats differ, or the format is unknown.
    """
    files = _existing(Path(path))
    if not files:
        msg = f"no file at {str(path)!r}; check the path or the glob"
        raise InputError(msg)
    formats = {format_of(found) for found in files}
    if len(formats) != 1 or None in formats:
        msg = f"cannot detect one format for {str(path)!r}; name files .parquet, .csv, .tsv, .ipc, .arrow or .feather"
        raise InputError(msg)
    return files


def scan_binary(files: Sequence[Path]) -> pl.LazyFrame:
    """Open Parquet or IPC files as one lazy frame, with columns in the order of the first file.

    Raises
    ------
    ColumnError
        A file lacks a column that another has, or has it with another type; the message names both.
    """
    open_one = pl.scan_parquet if format_of(files[0]) == "parquet" else pl.scan_ipc
    frame = open_one(list(files), glob=False)
    if len(files) == 1:
        frame.collect_schema()
        return frame
    frames = [open_one(file, glob=False) for file in files]
    schemas = [one.collect_schema() for one in frames]
    for file, schema in zip(files, schemas, strict=True):
        _check_same(files[0], schemas[0], file, schema)
    if all(list(schema) == list(schemas[0]) for schema in schemas):
        return frame
    return pl.concat([one.select(schemas[0].names()) for one in frames])


def check_same_names(first: str, expected: Sequence[str], file: str, names: Sequence[str]) -> None:
    """Check that a file has the column names of the first one, in any order.

    Raises
    ------
    ColumnError
        One of them lacks a column that the other has; the message names both.
    """
    for one, its, other, theirs in ((file, names, first, expected), (first, expected, file, names)):
        for name in theirs:
            if name not in its:
                msg = (
                    f"{one!r} has no column {name!r}, which {other!r} has; "
                    "files that are read together have the same columns"
                )
                raise ColumnError(msg)


def _check_same(first: Path, expected: pl.Schema, file: Path, schema: pl.Schema) -> None:
    """Check that a file has the columns of the first one, in any order."""
    check_same_names(first.name, list(expected), file.name, list(schema))
    differs = next((name for name in expected if expected[name] != schema[name]), None)
    if differs is not None:
        msg = (
            f"column {differs!r} has type {schema[differs]} in {file.name!r} and {expected[differs]} in {first.name!r}"
            "; files that are read together have the same types"
        )
        raise ColumnError(msg)


def unreadable(path: str | Path) -> InputError:
    """Return the error for input that cannot be read; never quotes its content."""
    msg = f"cannot read {str(path)!r}: it is truncated, damaged or not of the format that its suffix names"
    return InputError(msg)


def check_output(output: Path, inputs: Sequence[str | Path]) -> Format:
    """Check that `output` can be written and is not part of the inputs: files, folders or globs.

    Raises
    ------
    OutputError
        Unknown format, no such folder, or the output is, or lies inside, the input.
    """
    kind = format_of(output)
    if kind is None or output.suffix.lower() in _COMPRESSED:
        msg = f"cannot detect the format of {str(output)!r}; name it .parquet, .csv, .tsv, .ipc, .arrow or .feather"
        raise OutputError(msg)
    check_folder(output, inputs)
    return kind


def check_folder(output: Path, inputs: Sequence[str | Path]) -> None:
    """Check that a file can be written at `output` and is not part of `inputs`: files, folders or globs.

    Raises
    ------
    OutputError
        No such folder or one that cannot be written, a folder or device of that name, a name that the file system
        does not take, or a part of the inputs.
    """
    try:
        if "\0" in str(output):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if not output.parent.is_dir():
            msg = f"folder {str(output.parent)!r} does not exist; create it first"
            raise OutputError(msg)
        if output.is_dir():
            msg = f"{str(output)!r} is a folder; name a file"
            raise OutputError(msg)
        if output.exists() and not stat.S_ISREG(output.stat().st_mode):
            msg = f"{str(output)!r} is a device, pipe or socket; name a file"
            raise OutputError(msg)
        if any(_is_part_of(output.resolve(), Path(source)) for source in inputs):
            msg = f"{str(output)!r} is part of the input or the output itself; write somewhere else"
            raise OutputError(msg)
        _try_writing(output)
    except (OSError, RuntimeError) as error:
        # A loop of links is a RuntimeError of pathlib.
        number = error.errno if isinstance(error, OSError) else errno.ELOOP
        msg = f"cannot write {str(output)!r}: {os.strerror(number or errno.EIO)}"
        raise OutputError(msg) from None


def _try_writing(output: Path) -> None:
    """Create an empty file beside the output and remove it, so that an unwritable folder is found before the work."""
    probe = draft_beside(output)
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    probe.unlink()


def _is_part_of(file: Path, source: Path) -> bool:
    """Return whether `source` includes `file`, or would if `file` existed."""
    if source.resolve() == file or (source.is_dir() and source.resolve() in file.parents):
        return True
    if any(found.resolve() == file or (file.exists() and found.samefile(file)) for found in _existing(source)):
        return True
    is_glob = not source.exists() and not _GLOB.isdisjoint(str(source))
    return is_glob and _matches(file, source.absolute())


def _matches(file: Path, pattern: Path) -> bool:
    """Return whether a glob, with ``**`` for any folders, matches a path."""
    if "**" in pattern.parts:
        stem = Path(*pattern.parts[: pattern.parts.index("**")])
        return stem.resolve() in file.parents and file.match(pattern.name)
    # Folders may be links, the last part is what the output is named.
    return file.match(pattern.name) and file.parent.match(str(pattern.parent.resolve()))


def separator_of(path: Path) -> str:
    """Return the separator of a delimited file by its suffix."""
    return "\t" if path.suffix.lower() == ".tsv" else ","
