"""Meaning of a column's texts: numbers, dates, times, yes and no, or themselves."""

import re
import zoneinfo
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from shoal_engine.declarations.policy_values import PolicyValue
from shoal_engine.errors import PolicyError

ColumnType: TypeAlias = Literal["text", "integer", "decimal", "float", "boolean", "date", "datetime", "time"]
TimeUnit: TypeAlias = Literal["d", "h", "m", "s", "ms", "us", "ns"]

_NUMBERS = ("integer", "decimal", "float")
_TIMES = ("date", "datetime", "time")
_DIRECTIVE = re.compile(r"%[-_0]?(\.?\d*[A-Za-z%])")


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
