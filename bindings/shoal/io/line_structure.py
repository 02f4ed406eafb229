"""Check of the lines of a delimited file: number of values, quotes and encoding, with line numbers."""

import codecs
import contextlib
import csv
import io
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from shoal_engine.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from shoal.io.raw_text import RawText
    from shoal_engine.declarations import FileFormat

_CR, _LF = 13, 10


@dataclass(frozen=True, slots=True)
class Dialect:
    """Separator, quote character and comment prefix of a delimited file."""

    separator: str
    quote: str
    comment: str | None

    @classmethod
    def of(cls, declared: "FileFormat", separator: str) -> "Dialect":
        """Return the dialect of a declared format whose separator is known."""
        return cls(separator, declared.quote, declared.comment)

    def records(self, lines: Iterator[str], *, strict: bool = False) -> "csv._reader":
        """Return a reader of records; comment lines are skipped."""
        options = {"delimiter": self.separator, "strict": strict}
        quoting = {"quotechar": self.quote} if self.quote else {"quoting": csv.QUOTE_NONE}
        return csv.reader(lines, **options, **quoting)  # pyright: ignore[reportArgumentType]

    def uncommented(self, lines: Iterator[str]) -> Iterator[str]:
        """Replace comment lines by blank ones, so that line numbers stay the same."""
        comment = self.comment
        return lines if comment is None else ("\n" if line.startswith(comment) else line for line in lines)


@dataclass(frozen=True, slots=True)
class Structure:
    """Structure of the lines after the header.

    Attributes
    ----------
    records : int, optional
        Number of records that are not empty; None if quoted empty values leave it open.
    hollow : bool
        Some lines are blank or only separators; they are not rows.
    widths : (n,) int64
        Number of values of each non-empty record whose number differs from the header's.
    lines : (n,) int64
        Their line numbers, counted from 1.
    ends_open : bool
        The last line has no end.
    last_line : int
    odd_quotes : bool
        Quotes occur inside unquoted values, which readers parse differently.
    """

    records: int | None
    hollow: bool
    widths: "npt.NDArray[np.int64]"
    lines: "npt.NDArray[np.int64]"
    ends_open: bool
    last_line: int
    odd_quotes: bool = False


@contextlib.contextmanager
def long_values() -> Generator[None]:
    """Let the csv module read values of any length."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


class _Unclear(Exception):  # noqa: N818
    """Quotes occur where they open or close nothing: only a record reader can split the lines."""


def structure_of(text: "RawText", dialect: Dialect, first_line: int, width: int) -> Structure:
    """Count the values of every line after the first `first_line` ones.

    Raises
    ------
    InputError
        The file is not UTF-8, has NUL bytes, or an unclosed quote; the message has the line number.
    """
    if len(dialect.comment or "") > 1:
        return _read_structure(text, dialect, first_line, width)
    try:
        return _scanned_structure(text, dialect, first_line, width)
    except _Unclear:
        return _read_structure(text, dialect, first_line, width)


def _scanned_structure(text: "RawText", dialect: Dialect, first_line: int, width: int) -> Structure:
    """Count separators and line ends outside of quotes, block by block."""
    scan = _Scan(dialect, first_line, width)
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    for block in text.blocks():
        if b"\0" in block:
            raise _nul(text, line + block[: block.index(b"\0")].count(b"\n"))
        try:
            if decoder.getstate()[0] or not block.isascii():
                decoder.decode(block)
        except UnicodeDecodeError as error:
            # Bytes that were kept from the block before hold no line end.
            raise _not_utf8(text, line + error.object[: error.start].count(b"\n")) from None
        scan.see(block)
        line += block.count(b"\n")
    if decoder.getstate()[0]:
        raise _not_utf8(text, line)
    return scan.finish()


class _Scan:
    """Counter of separators and line ends outside quotes, fed with blocks of a file."""

    def __init__(self, dialect: Dialect, first_line: int, width: int) -> None:
        self._separator, self._quote = ord(dialect.separator), dialect.quote.encode()
        self._comment = dialect.comment.encode() if dialect.comment else b""
        self._skip, self._width = first_line, width
        self._rest = b""
        self._line = 1
        self._records = 0
        self._hollow = False
        self._widths: list[npt.NDArray[np.int64]] = []
        self._lines: list[npt.NDArray[np.int64]] = []

    def see(self, block: bytes) -> None:
        """Count the complete records of one more block."""
        whole = self._rest + block
        if self._skip:
            whole = self._past_header(whole)
        end = self._end_of_records(whole)
        if end:
            self._count(np.frombuffer(whole, np.uint8, end), whole)
        self._rest = whole[end:]

    def finish(self) -> Structure:
        """Count a last record without a line end, and return the totals."""
        ends_open = bool(self._rest)
        if self._rest and not self._skip:
            rest = self._rest + b"\n"
            if self._quote and rest.count(self._quote) % 2:
                raise _Unclear
            self._count(np.frombuffer(rest, np.uint8), rest)
        nothing = np.empty(0, np.int64)
        return Structure(
            self._records,
            self._hollow,
            np.concatenate([nothing, *self._widths]),
            np.concatenate([nothing, *self._lines]),
            ends_open,
            self._line - 1,
        )

    def _past_header(self, whole: bytes) -> bytes:
        """Leave out the lines before the first record."""
        at = 0
        while self._skip:
            found = whole.find(b"\n", at)
            if found < 0:
                break
            at = found + 1
            self._skip -= 1
            self._line += 1
        return whole[at:]

    def _end_of_records(self, whole: bytes) -> int:
        """Return the end of the last record in `whole`: after a line end outside quotes."""
        if self._skip:
            return 0
        if not self._quote or self._quote not in whole:
            return whole.rfind(b"\n") + 1
        array = np.frombuffer(whole, np.uint8)
        ends = np.flatnonzero((array == _LF) & ~_inside(array, self._quote[0]))
        if not ends.size and len(whole) > (1 << 26):
            raise _Unclear
        return int(ends[-1]) + 1 if ends.size else 0

    def _count(self, array: "npt.NDArray[np.uint8]", whole: bytes) -> None:
        """Count the values of each record; the bytes end with a record."""
        separators, ends = array == self._separator, array == _LF
        n_lines = int(ends.sum())
        line_of_end = None
        if self._quote and self._quote in whole:
            inside = _inside(array, self._quote[0])
            _check_quotes(array, inside, self._quote[0], self._separator)
            line_of_end = np.cumsum(ends)[ends & ~inside]
            separators &= ~inside
            ends &= ~inside
        at = np.flatnonzero(ends)
        start = np.concatenate([[0], at[:-1] + 1])
        count = np.diff(np.searchsorted(np.flatnonzero(separators), at), prepend=0)
        length = at - start - ((at > start) & (array[at - 1] == _CR))
        line = np.arange(1, at.size + 1) if line_of_end is None else line_of_end
        first = np.concatenate([[1], line[:-1] + 1])
        hollow = length == count
        filled = ~hollow
        if self._comment:
            comment = array[np.minimum(start, array.size - 1)] == self._comment[0]
            if self._quote and self._quote in whole:
                raise _Unclear
            filled &= ~comment
            hollow &= ~comment
        self._hollow |= bool(hollow.any())
        self._records += int(filled.sum())
        wrong = filled & (count != self._width - 1)
        self._widths.append(count[wrong] + 1)
        self._lines.append(first[wrong] + self._line - 1)
        self._line += n_lines


def _inside(array: "npt.NDArray[np.uint8]", quote: int) -> "npt.NDArray[np.bool_]":
    """Return which bytes are inside quotes; a doubled quote closes and opens again."""
    return (np.cumsum(array == quote, dtype=np.uint32) & 1).astype(np.bool_)


def _check_quotes(array: "npt.NDArray[np.uint8]", inside: "npt.NDArray[np.bool_]", quote: int, separator: int) -> None:
    """Raise _Unclear unless quotes open after a separator or line end, and close before one."""
    at = np.flatnonzero(array == quote)
    opens = inside[at]
    before = array[at[opens] - 1]
    begins = (before == separator) | (before == _LF) | (before == quote)
    begins[at[opens] == 0] = True
    after = array[np.minimum(at[~opens] + 1, array.size - 1)]
    ends = (after == separator) | (after == _LF) | (after == _CR) | (after == quote)
    if not (begins.all() and ends.all()):
        raise _Unclear


def _read_structure(text: "RawText", dialect: Dialect, first_line: int, width: int) -> Structure:
    """Count the values of every record with the csv module, for files that a scan cannot split."""
    records, hollow, quoted_nothing = 0, False, False
    widths: list[int] = []
    lines: list[int] = []
    for line, record in numbered_records(text, dialect, first_line):
        if not any(record):
            hollow, quoted_nothing = True, quoted_nothing or bool(record)
            continue
        records += 1
        if len(record) != width:
            widths.append(len(record))
            lines.append(line)
    with text.open() as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - 1))
        ends_open = stream.read(1) != b"\n"
    with text.open() as stream:
        last = sum(1 for _ in stream)
    counted = None if quoted_nothing else records
    return Structure(
        counted, hollow, np.array(widths, np.int64), np.array(lines, np.int64), ends_open, last, odd_quotes=True
    )


def rewritten(text: "RawText", dialect: Dialect, first_line: int, header: Sequence[str]) -> bytes:
    """Return header and records with standard quotes; a quoted empty value becomes null."""
    stream = io.StringIO(newline="")
    options = {"quotechar": dialect.quote} if dialect.quote else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    writer = csv.writer(stream, delimiter=dialect.separator, lineterminator="\n", **options)  # pyright: ignore[reportArgumentType]
    writer.writerow(header)
    writer.writerows(record for _, record in numbered_records(text, dialect, first_line) if any(record))
    return stream.getvalue().encode()


def numbered_records(text: "RawText", dialect: Dialect, first_line: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each record after the first lines, with the number of its first line.

    Raises
    ------
    InputError
        The file is not UTF-8, or a quote opens or closes nothing; the message has the line number.
    """
    line = first_line + 1
    try:
        with long_values(), io.TextIOWrapper(text.open(), encoding="utf-8", newline="") as stream:
            lines = islice(stream, first_line, None)
            reader = dialect.records(dialect.uncommented(lines), strict=True)
            for record in reader:
                yield line, record
                line = first_line + reader.line_num + 1
    except UnicodeDecodeError:
        raise _not_utf8(text, line) from None
    except csv.Error:
        msg = (
            f"line {line} of {text.name!r} opens a quote that nothing closes before a separator or the end: the file "
            'is truncated or damaged; correct it, or declare quote = "" if it quotes nothing'
        )
        raise InputError(msg) from None


def _nul(text: "RawText", line: int) -> InputError:
    msg = (
        f"line {line} of {text.name!r} holds a NUL byte: the file is damaged, or UTF-16 without a byte order mark; "
        "declare that as encoding = 'utf-16-le'"
    )
    return InputError(msg)


def _not_utf8(text: "RawText", line: int) -> InputError:
    msg = (
        f"line {line} of {text.name!r} is not UTF-8; name the encoding of the file, as encoding = 'cp1252' "
        "([file] of a policy or of --declarations FILE, or shoal.read_table(..., file=...))"
    )
    return InputError(msg)
