"""Small odd files: what each is, and what reading it gives: rows, or words of the message that refuses it.

Cells that may never appear in a message hold ``c4n``.
"""

import bz2
import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa


class Odd(NamedTuple):
    """One file, with its name and how it is declared; `rows` as read, or `refused` by words of the message."""

    name: str
    content: bytes
    rows: list[tuple[Any, ...]] | None = None
    refused: tuple[str, ...] = ()
    file: Mapping[str, Any] = MappingProxyType({})
    columns: Mapping[str, Any] = MappingProxyType({})
    header: tuple[str, ...] = ("age", "dx")


_PLAIN = b"age,dx\n30,c4n1\n31,c4n2\n"
_ROWS = [(30, "c4n1"), (31, "c4n2")]
_WIDE = tuple(f"column_{i}_{'x' * 150}" for i in range(1300))


def _zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("in.csv", _PLAIN)
    return stream.getvalue()


def _parquet() -> bytes:
    stream = io.BytesIO()
    pl.DataFrame({"age": [30], "dx": ["c4n"]}).write_parquet(stream)
    return stream.getvalue()


def _zstd() -> bytes:
    return pa.Codec("zstd").compress(_PLAIN, asbytes=True)


_EURO = "age;ort\n30;Köln\n31;Zürich\n"
_EURO_ROWS = [(30, "Köln"), (31, "Zürich")]
_EURO_HEADER = ("age", "ort")

ODD: dict[str, Odd] = {
    "plain": Odd("a.csv", _PLAIN, _ROWS),
    "no line end at the end": Odd("a.csv", _PLAIN.rstrip(b"\n"), _ROWS),
    "windows line ends": Odd("a.csv", _PLAIN.replace(b"\n", b"\r\n"), _ROWS),
    "carriage returns only": Odd("a.csv", _PLAIN.replace(b"\n", b"\r"), _ROWS),
    "byte order mark": Odd("a.csv", b"\xef\xbb\xbf" + _PLAIN, _ROWS),
    "byte order mark and quotes": Odd("a.csv", b'\xef\xbb\xbf"age","dx"\n30,c4n1\n31,c4n2\n', _ROWS),
    "utf-16 with mark": Odd("a.csv", _EURO.encode("utf-16"), _EURO_ROWS, header=_EURO_HEADER),
    "utf-16 big with mark": Odd("a.csv", ("\ufeff" + _EURO).encode("utf-16-be"), _EURO_ROWS, header=_EURO_HEADER),
    "utf-32 with mark": Odd("a.csv", _EURO.encode("utf-32"), _EURO_ROWS, header=_EURO_HEADER),
    "utf-16 without mark": Odd("a.csv", _EURO.encode("utf-16-le"), refused=("NUL", "utf-16")),
    "utf-16 declared": Odd(
        "a.csv", _EURO.encode("utf-16-le"), _EURO_ROWS, file={"encoding": "utf-16-le"}, header=_EURO_HEADER
    ),
    "cp1252": Odd("a.csv", _EURO.encode("cp1252"), refused=("line 2", "not UTF-8", "encoding")),
    "cp1252 declared": Odd(
        "a.csv", _EURO.encode("cp1252"), _EURO_ROWS, file={"encoding": "cp1252"}, header=_EURO_HEADER
    ),
    "utf-8 declared as ascii text": Odd("a.csv", _PLAIN, _ROWS, file={"encoding": "ascii"}),
    "another encoding declared": Odd("a.csv", b"a\n\x81\n", refused=("cp1252",), file={"encoding": "cp1252"}),
    "cut within a character": Odd("a.csv", b"age,dx\n30,c4n\xc3", refused=("line 2", "UTF-8")),
    "semicolons": Odd("a.csv", _PLAIN.replace(b",", b";"), _ROWS),
    "tabs": Odd("a.csv", _PLAIN.replace(b",", b"\t"), _ROWS),
    "bars": Odd("a.csv", _PLAIN.replace(b",", b"|"), _ROWS),
    "carets declared": Odd("a.csv", _PLAIN.replace(b",", b"^"), _ROWS, file={"separator": "^"}),
    "tsv with commas in its header": Odd(
        "a.tsv",
        b"age, in years\tdx, main, first\n30\tc4n1\n",
        [(30, "c4n1")],
        header=("age, in years", "dx, main, first"),
    ),
    "more commas than semicolons in the header": Odd(
        "a.csv",
        b"age;income, gross, EUR;dx\n30;1;c4n\n31;2;c4n\n",
        [(30, 1, "c4n"), (31, 2, "c4n")],
        header=("age", "income, gross, EUR", "dx"),
    ),
    "separators in quoted names": Odd(
        "a.csv", b'"age; in; years",dx\n30,c4n1\n', [(30, "c4n1")], header=("age; in; years", "dx")
    ),
    "line end in a quoted name": Odd(
        "a.csv", b'"age\nin years",dx\n30,c4n1\n', [(30, "c4n1")], header=("age\nin years", "dx")
    ),
    "quoted separators and line ends": Odd(
        "a.csv", b'age,dx\n30,"c4n,1"\n31,"c4n\n2"\n', [(30, "c4n,1"), (31, "c4n\n2")]
    ),
    "quoted windows line ends": Odd("a.csv", b'age,dx\r\n30,"c4n\r\n1"\r\n', [(30, "c4n\r\n1")]),
    "doubled quotes": Odd("a.csv", b'age,dx\n30,"c4n ""one"""\n', [(30, 'c4n "one"')]),
    "everything quoted": Odd("a.csv", b'"age","dx"\n"30","c4n1"\n"31","c4n2"\n', _ROWS),
    "quotes within a value": Odd("a.csv", b'age,dx\n30,5" c4n\n31,6" c4n\n', [(30, '5" c4n'), (31, '6" c4n')]),
    "quote that nothing closes": Odd("a.csv", b'age,dx\n30,c4n\n31,"c4n\n32,c4n\n', refused=("line 3", "quote")),
    "text after a closing quote": Odd("a.csv", b'age,dx\n30,"c4n"x\n', refused=("line 2", "quote")),
    "no quotes declared": Odd("a.csv", b'age,dx\n30,"c4n\n', [(30, '"c4n')], file={"quote": ""}),
    "single quotes declared": Odd("a.csv", b"age,dx\n30,'c4n,1'\n", [(30, "c4n,1")], file={"quote": "'"}),
    "blank lines": Odd("a.csv", b"age,dx\n\n30,c4n1\n\n31,c4n2\n\n\n", _ROWS),
    "blank windows lines": Odd("a.csv", b"age,dx\r\n\r\n30,c4n1\r\n\r\n31,c4n2\r\n\r\n", _ROWS),
    "blank lines before the header": Odd("a.csv", b"\n\nage,dx\n30,c4n1\n31,c4n2\n", _ROWS),
    "blank lines in one column": Odd("a.csv", b"dx\nc4n1\n\nc4n2\n\n", [("c4n1",), ("c4n2",)], header=("dx",)),
    "rows of separators": Odd("a.csv", b"age,dx\n30,c4n1\n,\n31,c4n2\n,\n", _ROWS),
    "empty values": Odd("a.csv", b"age,dx\n30,\n,c4n2\n", [(30, None), (None, "c4n2")]),
    "separator at the end of the header": Odd("a.csv", b"age,dx,\n30,c4n1\n31,c4n2\n", refused=("3 names", "2 values")),
    "separator at the end of rows": Odd("a.csv", b"age,dx\n30,c4n1,\n31,c4n2,\n", refused=("2 names", "3 values")),
    "separators at the end of all lines": Odd(
        "a.csv", b"age,dx,\n30,c4n1,\n", [(30, "c4n1", None)], header=("age", "dx", "unnamed_3")
    ),
    "header one name short": Odd(
        "a.csv",
        b'"age" "dx"\n"1" 30 "c4n1"\n"2" 31 "c4n2"\n',
        [(1, 30, "c4n1"), (2, 31, "c4n2")],
        file={"separator": " "},
        header=("unnamed_1", "age", "dx"),
    ),
    "header one name short, dropped": Odd(
        "a.csv", b"age,dx\nr1,30,c4n1\nr2,31,c4n2\n", _ROWS, file={"unnamed": "drop"}
    ),
    "index without a name": Odd(
        "a.csv",
        b",age,dx\n0,30,c4n1\n1,31,c4n2\n",
        [(0, 30, "c4n1"), (1, 31, "c4n2")],
        header=("unnamed_1", "age", "dx"),
    ),
    "index without a name, dropped": Odd("a.csv", b",age,dx\n0,30,c4n1\n1,31,c4n2\n", _ROWS, file={"unnamed": "drop"}),
    "two columns without a name": Odd(
        "a.csv",
        b",age,,dx\n0,30,5,c4n1\n",
        [(0, 30, 5, "c4n1")],
        header=("i1", "age", "i3", "dx"),
        file={"unnamed": "i"},
    ),
    "a name like those that are given": Odd("a.csv", b",unnamed_1\n0,c4n\n", refused=("unnamed_1", "`unnamed`")),
    "a name twice": Odd("a.csv", b"age,dx,age\n30,c4n,30\n", refused=("'age'", "more than once")),
    "a name like a duplicate": Odd(
        "a.csv", b"age,age_duplicated_0\n30,c4n\n", [(30, "c4n")], header=("age", "age_duplicated_0")
    ),
    "a name that stands for all": Odd("a.csv", b"*,dx\n30,c4n\n", refused=("'*'", "rename")),
    "a short row": Odd("a.csv", b"age,sex,dx\n30,m,c4n\n31,c4n\n32,f,c4n\n", refused=("line 3", "2 values", "3 names")),
    "a long row": Odd("a.csv", b"age,dx\n30,c4n\n31,c4n,c4n\n32,c4n\n", refused=("line 3", "3 values", "2 names")),
    "a short row after a quoted line end": Odd(
        "a.csv", b'age,sex,dx\n30,"m\nn",c4n\n31,c4n\n32,f,c4n\n', refused=("line 4", "2 values")
    ),
    "a short and a long row": Odd("a.csv", b"age,sex,dx\n30,m\n31,f,c4n,c4n\n", refused=("line 2", "2 values")),
    "a cut last line": Odd("a.csv", b"age,sex,dx\n30,m,c4n\n31,f", refused=("last line", "truncated")),
    "comment lines, not declared": Odd("a.csv", b"# export\n# more\n" + _PLAIN, refused=("line 3", "comment")),
    "comment lines": Odd("a.csv", b"# export\n#, more\n" + _PLAIN + b"# end\n", _ROWS, file={"comment": "#"}),
    "comment lines with quotes": Odd("a.csv", b'# an "export\n' + _PLAIN, _ROWS, file={"comment": "#"}),
    "longer comment sign": Odd("a.csv", b"// export\n" + _PLAIN, _ROWS, file={"comment": "//"}),
    "lines to skip": Odd("a.csv", b"a report\nof today, now\n" + _PLAIN, _ROWS, file={"skip": 2}),
    "no header": Odd("a.csv", b"30,c4n1\n31,c4n2\n", _ROWS, file={"header": False}, header=("unnamed_1", "unnamed_2")),
    "header only": Odd("a.csv", b"age,dx\n", []),
    "header only, no line end": Odd("a.csv", b"age,dx", []),
    "empty": Odd("a.csv", b"", refused=("empty",)),
    "blank": Odd("a.csv", b"\n \n\n", refused=("empty",)),
    "comments only": Odd("a.csv", b"# a\n# b\n", refused=("no line that names columns",), file={"comment": "#"}),
    "NUL byte": Odd("a.csv", b"age,dx\n30,c4n1\n31,c4\0n\n", refused=("line 3", "NUL")),
    "a very long line": Odd("a.csv", b"age,dx\n30," + b"c4n" * 300_000 + b"\n", [(30, "c4n" * 300_000)]),
    "a very long quoted line": Odd("a.csv", b'age,dx\n30,"' + b"c4n," * 300_000 + b'"\n', [(30, "c4n," * 300_000)]),
    "a very wide header": Odd(
        "a.csv",
        ",".join(_WIDE).encode() + b"\n" + b"1," * (len(_WIDE) - 1) + b"1\n",
        [(1,) * len(_WIDE)],
        header=_WIDE,
    ),
    "gzip": Odd("a.csv.gz", gzip.compress(_PLAIN), _ROWS),
    "gzip of tabs": Odd(
        "a.tsv.gz", gzip.compress(b"age, y\tdx, m\n30\tc4n1\n"), [(30, "c4n1")], header=("age, y", "dx, m")
    ),
    "gzip under another name": Odd("a.csv", gzip.compress(_PLAIN), _ROWS),
    "damaged gzip": Odd("a.csv.gz", gzip.compress(_PLAIN * 99)[:-12], refused=("gzip", "whole")),
    "bzip2": Odd("a.csv.bz2", bz2.compress(_PLAIN), _ROWS),
    "zstandard": Odd("a.csv.zst", _zstd(), _ROWS),
    "Parquet under another name": Odd("a.csv", _parquet(), refused=("Parquet",)),
    "a workbook or archive": Odd("a.csv", _zipped(), refused=("ZIP", "Excel")),
    "HTML": Odd("a.csv", b"<!DOCTYPE html>\n<html><body>c4n, c4n</body></html>\n", refused=("HTML",)),
    "JSON": Odd("a.csv", json.dumps([{"age": 30, "dx": "c4n"}]).encode(), refused=("JSON",)),
    "declared nulls": Odd(
        "a.csv",
        b"age,dx\n30,NA\n?,c4n\n-9,c4n\n",
        [(30, None), (None, "c4n"), (None, "c4n")],
        file={"nulls": ["NA", "?", "-9"]},
    ),
    "declared nulls of a column": Odd(
        "a.csv",
        b"age,dx\n-9,-9\n30,c4n\n",
        [(None, "-9"), (30, "c4n")],
        columns={"age": {"type": "integer", "nulls": ["-9"]}},
    ),
    "codes": Odd("a.csv", b"age,dx\n042.0,1E3\n250.10,1000\n", [("042.0", "1E3"), ("250.10", "1000")]),
    "signs and zeros": Odd("a.csv", b"age,dx\n+5,-0\n007,1_000\n", [("+5", "-0"), ("007", "1_000")]),
    "one letter among numbers": Odd("a.csv", b"age;dx\n34;c4n\n4e;c4n\n", [("34", "c4n"), ("4e", "c4n")]),
    "decimal commas": Odd(
        "a.csv",
        b"age;dx\n1.234,50;c4n\n-0,5;c4n\n",
        [(1234.5, "c4n"), (-0.5, "c4n")],
        columns={"age": {"type": "float", "decimal_sign": ",", "thousands_sign": "."}},
    ),
    "a text that is not of its type": Odd(
        "a.csv", b"age,dx\n30,c4n\nc4n9,c4n\n", refused=("line 3", "'age'", "integer"), columns={"age": "integer"}
    ),
    "a text that is not of its type, on a later line": Odd(
        "a.csv", b'age,dx\n30,"c4n\nn"\n\nc4n9,c4n\n', refused=("line 5", "'age'"), columns={"age": "integer"}
    ),
    "a declared column that is not there": Odd("a.csv", _PLAIN, refused=("'agee'", "'age'"), columns={"agee": "text"}),
}
