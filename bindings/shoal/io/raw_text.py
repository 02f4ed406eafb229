"""Bytes of a delimited file: decompressed, decoded to UTF-8, and refused if not text."""

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shoal_engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shoal_engine.declarations import FileFormat

BLOCK_BYTES = 1 << 23
"""Bytes read at a time."""
_HEAD_BYTES = 1 << 16
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2"}
_NO_TEXT = {
    b"PAR1": "Parquet; name it .parquet",
    b"ARROW1": "Arrow IPC; name it .arrow",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
    b"%PDF": "PDF; get the table as CSV",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
}
_MARKUP = (b"<!doctype", b"<html", b"<?xml")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class RawText:
    """The text of one file, in UTF-8 and with lines that end in a line feed.

    Attributes
    ----------
    path : Path
    content : bytes, optional
        The text as UTF-8 with line feeds; None if the file already is.
    """

    path: Path
    content: bytes | None = None

    @property
    def name(self) -> str:
        """Return the file's name, for messages."""
        return self.path.name

    def head(self, n_bytes: int) -> bytes:
        """Return the first bytes."""
        with self.open() as stream:
            return stream.read(n_bytes)

    def open(self) -> BinaryIO:
        """Open the text as bytes."""
        import io

        return io.BytesIO(self.content) if self.content is not None else self.path.open("rb")

    def blocks(self) -> "Iterator[bytes]":
        """Yield the text in blocks."""
        with self.open() as stream:
            while block := stream.read(BLOCK_BYTES):
                yield block


def raw_text(path: Path, declared: "FileFormat") -> RawText:
    """Return the text of a file; kept in memory only if the file is not plain UTF-8.

    Raises
    ------
    InputError
        The file is empty, not text, or not in the declared encoding.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    content: bytes | None = None
    if any(head.startswith(mark) for mark in _COMPRESSED):
        content = _decompressed(path)
        head = content[:_HEAD_BYTES]
    _check_is_text(path, head)
    encoding = declared.encoding or next((name for mark, name in _MARKS.items() if head.startswith(mark)), "utf-8")
    if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig", "ascii"):
        content = _decoded(path, path.read_bytes() if content is None else content, encoding)
    if b"\n" not in (content if content is not None else head) and b"\r" in head:
        whole = path.read_bytes() if content is None else content
        if b"\n" not in whole:
            content = whole.replace(b"\r", b"\n")
    return RawText(path, content)


def _check_is_text(path: Path, head: bytes) -> None:
    """Raise InputError if the first bytes are not of delimited text."""
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        msg = f"{path.name!r} is empty: there is no header line and no row; it may be truncated"
        raise InputError(msg)
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    found = next((what for mark, what in _NO_TEXT.items() if head.startswith(mark)), "")
    if start[:16].lower().startswith(_MARKUP):
        found = "HTML or XML: a page, perhaps an error page, in place of the table; get the table as CSV"
    elif start[:1] in (b"{", b"[") and b'"' in start[:64] and start.rstrip()[-1:] in b"}],":
        found = "JSON; turn it into CSV or Parquet"
    if found:
        msg = f"{path.name!r} is no delimited text, whatever its name says: it is {found}"
        raise InputError(msg)


def _decompressed(path: Path) -> bytes:
    """Return the content of a compressed file."""
    import bz2
    import gzip
    import zlib

    import pyarrow as pa

    content = path.read_bytes()
    kind = next(name for mark, name in _COMPRESSED.items() if content.startswith(mark))
    try:
        if kind == "gzip":
            return gzip.decompress(content)
        if kind == "bzip2":
            return bz2.decompress(content)
        with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
            return stream.read()
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException):
        msg = f"{path.name!r} is a damaged {kind} file: it cannot be unpacked to its end; get it whole"
        raise InputError(msg) from None


def _decoded(path: Path, content: bytes, encoding: str) -> bytes:
    """Return text of another encoding in UTF-8."""
    try:
        return content.decode(encoding).removeprefix("\ufeff").encode()
    except (UnicodeError, LookupError):
        msg = f"{path.name!r} is no text in {encoding}; declare the encoding that it has, as encoding = 'cp1252'"
        raise InputError(msg) from None
