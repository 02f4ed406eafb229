"""Declarations of a file and its columns together: the sections `[file]` and `[column.NAME]` of a TOML file."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from shoal_engine.declarations.column_format import ColumnFormat
from shoal_engine.declarations.file_format import FileFormat
from shoal_engine.errors import PolicyError

_EXAMPLES = {
    "file": "[file] with encoding = 'cp1252', separator = ';', nulls = ['NA', '-9']",
    "column": "[column.dob] with type = 'date', format = '%d.%m.%Y'",
}


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
