"""Declarations of a file and its columns together: the sections `[file]` and `[column.NAME]` of a TOML file."""

import codecs
import re
import tomllib
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from shoal_engine.errors import PolicyError
from shoal_engine.policy_values import PolicyValue

ColumnType: TypeAlias = Literal["text", "integer", "decimal", "float", "boolean", "date", "datetime", "time"]
TimeUnit: TypeAlias = Literal["d", "h", "m", "s", "ms", "us", "ns"]
Sign: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1)]

_NUMBERS = ("integer", "decimal", "float")
_TIMES = ("date", "datetime", "time")
_DIRECTIVE = re.compile(r"%[-_0]?(\.?\d*[A-Za-z%])")
_EXAMPLES = {
    "file": "[file] with encoding = 'cp1252', separator = ';', nulls = ['NA', '-9']",
    "column": "[column.dob] with type = 'date', format = '%d.%m.%Y'",
}


class ColumnFormat(PolicyValue, frozen=True):
    """Meaning of the texts of one column.

    Attributes
    ----------
    type : str
        text, integer, decimal, float, boolean, date, datetime or time. Only text keeps every character.
    format : str, optional
        Format of a date, datetime or time, in the directives of strptime: ``"%d.%m.%Y"``. Default: ISO 8601.
    pivot : int, optional
        The earliest year that a year of two digits may stand for: with 1930, 30 is 1930 and 29 is 2029. Needed where
        the format has ``%y``.
    unit : str, optional
        The texts are integers of d, h, m, s, ms, us or ns since 1970 began, or since midnight for a time.
    zone : str, optional
        Time zone of a datetime, such as Europe/Berlin. An offset in the text takes precedence.
    decimal_sign : str
        Between the whole part of a number and its fraction.
    thousands_sign : str
        Between groups of digits; a sign that is not part of a number is ignored.
    scale : int, optional
        Digits after the sign of a decimal; needed there.
    true, false : sequence of str
        Texts of a boolean.
    nulls : sequence of str
        Texts that stand for null in this column, in addition to those of the file.

    Examples
    --------
    >>> ColumnFormat(type="date", format="%d.%m.%y", pivot=1930).pivot
    1930
    """

    type: ColumnType
    format: Annotated[str, Meta(min_length=1)] | None = None
    pivot: Annotated[int, Meta(ge=1, le=9900)] | None = None
    unit: TimeUnit | None = None
    zone: str | None = None
    decimal_sign: Literal[".", ","] = "."
    thousands_sign: Literal["", ".", ",", "'", " ", "\u00a0", "\u2009", "\u202f", "\u2019", "_"] = ""
    scale: Annotated[int, Meta(ge=0, le=37)] | None = None
    true: Sequence[str] = ("true",)
    false: Sequence[str] = ("false",)
    nulls: Sequence[str] = ()

    def _check(self) -> None:
        """Check that each field belongs to the type."""
        self._check_numbers()
        self._check_times()
        if self.type == "boolean" and (set(self.true) & set(self.false) or not self.true or not self.false):
            msg = "a boolean needs texts for `true` and others for `false`, for example true = ['yes'], false = ['no']"
            raise PolicyError(msg)
        if self.type != "boolean" and ((self.true, self.false) != (("true",), ("false",))):
            msg = f"`true` and `false` are texts of a boolean, and the type is {self.type}"
            raise PolicyError(msg)

    def _check_numbers(self) -> None:
        """Check signs and scale."""
        if self.type not in _NUMBERS and (self.decimal_sign, self.thousands_sign) != (".", ""):
            msg = f"`decimal_sign` and `thousands_sign` are for numbers, and the type is {self.type}"
            raise PolicyError(msg)
        if self.decimal_sign == self.thousands_sign:
            msg = f"`thousands_sign` is the decimal sign {self.decimal_sign!r}; declare both, as decimal_sign = ','"
            raise PolicyError(msg)
        if (self.type == "decimal") != (self.scale is not None):
            msg = "type = 'decimal' needs `scale`, its digits after the sign, and no other type has one; scale = 2"
            raise PolicyError(msg)

    def _check_times(self) -> None:
        """Check format, pivot, unit and zone."""
        for name in ("format", "unit"):
            if getattr(self, name) is not None and self.type not in _TIMES:
                msg = f"`{name}` is for date, datetime and time, and the type is {self.type}"
                raise PolicyError(msg)
        if self.format is not None and self.unit is not None:
            msg = "texts have a `format`, or are numbers of a `unit`; declare one of them"
            raise PolicyError(msg)
        named = _DIRECTIVE.findall(self.format or "")
        if self.format is not None and not named:
            msg = "`format` has no directive; write one such as '%d.%m.%Y', '%H:%M' or '%Y-%m-%d %H:%M:%S'"
            raise PolicyError(msg)
        if ({"y", "D", "x", "c"} & set(named)) and self.pivot is None:
            msg = "the format has a year of two digits; say with `pivot` the earliest year there is, as pivot = 1930"
            raise PolicyError(msg)
        if self.pivot is not None and "y" not in named:
            msg = "`pivot` is for years of two digits, and the format has no %y; leave it out"
            raise PolicyError(msg)
        if self.zone is None:
            return
        if self.type != "datetime":
            msg = f"`zone` is for datetime, and the type is {self.type}"
            raise PolicyError(msg)
        if self.zone not in zoneinfo.available_timezones():
            msg = f"there is no time zone {self.zone!r}; name one such as UTC or Europe/Berlin"
            raise PolicyError(msg)


class FileFormat(PolicyValue, frozen=True):
    r"""Format of a delimited file; undeclared parts are taken from the file's name and first lines.

    Attributes
    ----------
    encoding : str, optional
        Such as utf-8, cp1252 or utf-16. Default: UTF-8, or as a byte order mark says.
    separator : str, optional
        One character; a tab for .tsv, else the one of comma, semicolon, tab and bar that parts the header.
    quote : str
        The character around values that hold separators or line ends; empty for no quoting.
    nulls : sequence of str
        Texts that stand for null in every column, in addition to an empty value: ``["NA", "?", "-9"]``.
    comment : str, optional
        Lines that begin with it are passed over.
    skip : int
        Lines to pass over before the header.
    header : bool
        Whether the first line names the columns; without it they are named by `unnamed`.
    unnamed : str
        What columns without a name are called, followed by their place: ``unnamed_1``. With ``"drop"`` they are
        left out.

    Examples
    --------
    >>> FileFormat(encoding="cp1252", separator=";", nulls=["NA", "-9"]).nulls
    ('NA', '-9')
    """

    encoding: str | None = None
    separator: Sign | None = None
    quote: Annotated[str, Meta(max_length=1)] = '"'
    nulls: Sequence[str] = ()
    comment: Annotated[str, Meta(min_length=1)] | None = None
    skip: Annotated[int, Meta(ge=0)] = 0
    header: bool = True
    unnamed: Annotated[str, Meta(min_length=1)] = "unnamed_"

    def _check(self) -> None:
        """Check that the encoding is known, and that no character has two meanings."""
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                msg = f"there is no encoding {self.encoding!r}; name one such as utf-8, cp1252, latin-1 or utf-16"
                raise PolicyError(msg) from None
        for sign, name in ((self.separator, "separator"), (self.quote, "quote")):
            if sign and (sign in "\r\n\0" or not sign.isascii()):
                msg = f"`{name}` is one ASCII character that ends no line, for example ';' or '\\t'"
                raise PolicyError(msg)
        if self.quote and self.quote == self.separator:
            msg = "`separator` and `quote` are one character; leave `quote` empty if the file quotes nothing"
            raise PolicyError(msg)
        if "" in self.nulls:
            msg = "an empty value is null by itself; leave it out of `nulls`"
            raise PolicyError(msg)


@dataclass(frozen=True, slots=True)
class Declarations:
    """Format of a file, and meaning of the texts of its columns.

    Attributes
    ----------
    file : FileFormat
    columns : mapping of str to ColumnFormat
        Columns that are not named are read as text, or as what every value of them says and keeps.
    """

    file: FileFormat = field(default_factory=FileFormat)
    columns: Mapping[str, ColumnFormat] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check both parts and freeze the mapping."""
        object.__setattr__(self, "file", file_format(self.file))
        object.__setattr__(self, "columns", MappingProxyType(column_formats(self.columns)))

    @classmethod
    def load(cls, path: str | Path) -> "Declarations":
        """Read the sections ``[file]`` and ``[column.NAME]`` of a TOML file; a policy's other sections are ignored.

        Raises
        ------
        PolicyError
            The file cannot be read, is not TOML, or declares what there is not.
        """
        try:
            document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not TOML in UTF-8"
            msg = f"declarations `{path}` cannot be read: {reason}"
            raise PolicyError(msg) from None
        if not {"file", "column"} & document.keys():
            msg = f"`{path}` declares nothing; write {_EXAMPLES['file']}, or {_EXAMPLES['column']}"
            raise PolicyError(msg)
        return cls(document.get("file", {}), document.get("column", {}))

    def merged(self, other: "Declarations") -> "Declarations":
        """Return these declarations with those of `other` in their place where there are some."""
        file = self.file if other.file == FileFormat() else other.file
        return Declarations(file, {**self.columns, **other.columns})


def file_format(value: Any) -> FileFormat:
    """Return the file format that a table of TOML, or a value of the class, describes.

    Raises
    ------
    PolicyError
        A key is unknown, or its value out of range.
    """
    return _converted(value, FileFormat, "file")


def column_formats(value: Any) -> dict[str, ColumnFormat]:
    """Return the column formats that tables of TOML, names of types, or values of the class describe, by column.

    Raises
    ------
    PolicyError
        A key is unknown, its value out of range, or a column has no name.

    Examples
    --------
    >>> column_formats({"zip": "text", "dob": {"type": "date", "format": "%d.%m.%Y"}})["zip"].type
    'text'
    """
    if not isinstance(value, Mapping):
        msg = f"`column` must be a table of columns; write {_EXAMPLES['column']}"
        raise PolicyError(msg)
    found: dict[str, ColumnFormat] = {}
    for name, one in value.items():
        if not isinstance(name, str) or not name:
            msg = f"`column` has a column without name; write {_EXAMPLES['column']}"
            raise PolicyError(msg)
        found[name] = _converted({"type": one} if isinstance(one, str) else one, ColumnFormat, f"column.{name}")
    return found


def column_options(options: Iterable[str]) -> dict[str, ColumnFormat]:
    """Return the column formats of command line options ``COL=TYPE`` and ``COL=TYPE:FORMAT``.

    The format of a float is its signs: ``income=float:.,`` has points between thousands and a decimal comma; of an
    integer the sign between thousands, of a decimal its scale. A pivot follows the format: ``dob=date:%d.%m.%y:1930``.

    Raises
    ------
    PolicyError
        An option is not of this form, or declares what there is not.

    Examples
    --------
    >>> column_options(["dob=date:%d.%m.%Y"])["dob"].format
    '%d.%m.%Y'
    """
    found: dict[str, Any] = {}
    for text in options:
        match = re.fullmatch(r"(.+?)=([a-z]+)(?::(.*))?", text, flags=re.DOTALL)
        if match is None:
            msg = f"a type is declared as COL=TYPE or COL=TYPE:FORMAT, for example dob=date:%d.%m.%Y; got {text!r}"
            raise PolicyError(msg)
        name, kind, form = match.groups()
        fields: dict[str, Any] = {"type": kind}
        if form and kind == "decimal" and form.isdigit():
            fields["scale"] = int(form)
        elif form and kind == "integer":
            fields |= {"thousands_sign": form, "decimal_sign": "," if form == "." else "."}
        elif form and kind == "float":
            fields |= {"thousands_sign": form[:-1], "decimal_sign": form[-1]}
        elif form and kind in ("date", "datetime", "time"):
            two_digits = re.fullmatch(r"(.*):(\d{4})", form)
            fields |= {"format": form} if two_digits is None else {"format": two_digits[1], "pivot": int(two_digits[2])}
        elif form:
            msg = f"type {kind} of column {name!r} has no format; declare it as {name}={kind}"
            raise PolicyError(msg)
        found[name] = fields
    return column_formats(found)


def _converted(value: Any, kind: Any, path: str) -> Any:
    """Return `value` as `kind`, or raise PolicyError with the path of the key and an example."""
    try:
        return msgspec.convert(msgspec.to_builtins(value), kind)
    except (msgspec.ValidationError, TypeError) as error:
        found = re.fullmatch(r"(.*?)(?: - at `(?:key in )?\$(.*)`)?", str(error), flags=re.DOTALL)
        reason, tail = found.groups(default="") if found else (str(error), "")
    example = _EXAMPLES[path.split(".")[0]]
    msg = f"`{path}{tail}`: {reason[:1].lower()}{reason[1:]}; write {example}"
    raise PolicyError(msg)
