"""Reading of a table for its profile: unusual encodings and separators of delimited files are detected and reported."""

from pathlib import Path

import polars as pl

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import UNREADABLE
from shoal.profile.vocabulary import concepts_of
from shoal_engine.declarations import Declarations, FileFormat
from shoal_engine.errors import InputError

_ENCODINGS = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "latin-1")
"""Western and Central European, Cyrillic, Greek, Turkish and Baltic encodings; the last one decodes any bytes."""
_BLOCK = 1 << 20


def opened(frame: IntoFrame) -> tuple[pl.LazyFrame, FileFormat]:
    """Return a lazy frame and the file format to declare for it.

    Raises
    ------
    InputError
        The table cannot be read.
    """
    if not isinstance(frame, (str, Path)) or str(frame) == "-":
        # Standard input is read once.
        return into_lazy(frame), FileFormat()
    try:
        lazy = into_lazy(frame)
    except InputError:
        found = _in_another_encoding(frame)
        if found is None:
            raise
        return found
    return lazy, FileFormat(separator=_unusual_separator(frame, FileFormat()))


def _in_another_encoding(path: str | Path) -> tuple[pl.LazyFrame, FileFormat] | None:
    """Return a delimited file that is not UTF-8, with its likeliest encoding, or None."""
    from shoal.io.reading import read_path

    if _is_utf8(path):
        return None
    best: tuple[int, pl.LazyFrame, FileFormat] | None = None
    for encoding in _ENCODINGS:
        declared = FileFormat(encoding=encoding)
        try:
            lazy = read_path(path, Declarations(declared)).frame
            lazy.head(1).collect()
        except (InputError, *UNREADABLE):
            continue
        # The likeliest encoding makes most column names known words.
        known = sum(bool(concepts_of(name)) for name in lazy.collect_schema().names())
        if best is None or known > best[0]:
            separator = _unusual_separator(path, declared)
            best = known, lazy, FileFormat(encoding=encoding, separator=separator)
    return None if best is None else best[1:]


def _is_utf8(path: str | Path) -> bool:
    """Return whether the first file is UTF-8 text or not delimited text at all."""
    import codecs

    from shoal.io.files import format_of, sources

    file = sources(path)[0]
    if format_of(file) != "csv" or not file.is_file():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.open("rb") as stream:
        try:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _unusual_separator(path: str | Path, declared: FileFormat) -> str | None:
    """Return the separator of a delimited file, or None for a comma, or a tab in a .tsv file."""
    from shoal.io.delimited import open_delimited
    from shoal.io.files import format_of, sources

    file = sources(path)[0]
    if format_of(file) != "csv":
        return None
    separator = open_delimited(file, declared, total=True).header.dialect.separator
    usual = separator == "," or (separator == "\t" and ".tsv" in file.name)
    return None if usual else separator
