"""Proposed declarations of text columns: type, format and nulls, with the share of values that fit."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from shoal.io.declared_types import typed, without_nulls
from shoal.profile.shapes import NULL_TEXTS, counted
from shoal.profile.vocabulary import concepts_of
from shoal_engine.declarations import ColumnFormat

_NULL_NUMBERS = ("-1", "-7", "-8", "-9", "-77", "-88", "-99", "-999", "-9999", "99", "999", "9999", "99999")
_PROBED = 5_000
"""Distinct texts on which formats are tried; the proposed one is checked on all."""
_COUNTED = 100_000
"""Distinct values up to which all rows are counted at once."""
_LEAST_FIT = 0.9
_MISSING = "numbers far from all others may stand for missing values: decide"
_NO_VALUE = "words that may stand for missing values: decide"
_CODES = frozenset({"health", "medication", "postcode", "phone", "id_number", "patient_number", "account"})
"""Concepts of columns whose digits are codes, not numbers."""
_MEASURES = frozenset({"income", "amount", "body", "age", "pay_rate", "coordinates"})
_YEARS_BACK = 99
_DAYS = (
    *("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y"),
    *("%B %d, %Y",),
)
_CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%I:%M %p", "%I:%M:%S %p")
_SIGNS = (
    *((".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (",", "\u00a0"), (",", "\u202f"), (".", " ")),
    *((".", "'"), (".", "\u2019")),
)
"""Decimal sign and thousands sign."""
_HAS_CLOCK = r"\d:\d\d"
_NUMBER = r"^[+-]?(\d[\d.,' \x{00a0}\x{202f}]*|[.,]\d+)([eE][+-]?\d+)?$"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed declaration of a column.

    Attributes
    ----------
    column : str
    fields : dict
        Entries of the section ``[column.NAME]``.
    fit : float
        Share of the values, without null, that fit.
    note : str
        Open question for a person to decide; empty if there is no doubt.
    """

    column: str
    fields: dict[str, Any]
    fit: float
    note: str = ""

    @property
    def is_sure(self) -> bool:
        """Return whether every value fits without doubt."""
        return self.fit == 1.0 and not self.note


def propose(column: pl.Series, distinct: int) -> Proposal | None:
    """Return the proposed declaration of a column, or None if it needs no declaration.

    Parameters
    ----------
    column : pl.Series
        Column of a table as read: text that stayed text, or integers that may hold codes for missing values.
    distinct : int
        Number of its distinct values; if very large, a part is examined.
    """
    if column.dtype.is_integer():
        return _missing_codes(column)
    if column.dtype != pl.String:
        return None
    known = column.drop_nulls()
    found = _of_text(column.name, counted(known if distinct <= _COUNTED else known.head(_PROBED)))
    if found is None or distinct <= _COUNTED:
        return found
    rest = known.filter(~known.is_in(found.fields.get("nulls", [])))
    return replace(found, fit=_fit(counted(rest), ColumnFormat(**found.fields)))


def _of_text(name: str, counts: pl.DataFrame) -> Proposal | None:
    """Return the proposed declaration of counted texts."""
    texts = counts.get_column("text")
    nulls = [text for text in NULL_TEXTS if (texts == text).any()]
    left = counts.filter(~pl.col("text").is_in(nulls))
    if not left.height:
        return None
    fields, note = _form(left.get_column("text").gather_every(-(-left.height // _PROBED)))
    if fields is None or (fields["type"] in ("integer", "float") and concepts_of(name) & _CODES):
        return Proposal(name, {"type": "text", "nulls": nulls}, 1.0, _NO_VALUE) if nulls else None
    if fields == {"type": "integer"} and not nulls:
        # Stored as text although it would survive as a number: a deliberate choice.
        return None
    if fields["type"] in ("integer", "float"):
        codes = _codes_among(left, ColumnFormat(**fields))
        nulls, note = nulls + codes, note or (_MISSING if codes else "")
        if fields == {"type": "float"} and not concepts_of(name) & _MEASURES:
            note = note or "codes would lose zeros: decide"
    elif "pivot" in fields:
        note = note or "the century of two-digit years is a guess: decide"
    fit = _fit(left.filter(~pl.col("text").is_in(nulls)), ColumnFormat(**fields))
    return Proposal(name, fields | ({"nulls": nulls} if nulls else {}), fit, note)


def _missing_codes(column: pl.Series) -> Proposal | None:
    """Return a declaration with the integers outside the range of all others as nulls, such as -9 and 999."""
    if not {str(column.min()), str(column.max())} & set(_NULL_NUMBERS):
        return None
    counts = column.drop_nulls().cast(pl.String).alias("text").value_counts(name="rows")
    nulls = _codes_among(counts, ColumnFormat(type="integer"))
    return Proposal(column.name, {"type": "integer", "nulls": nulls}, 1.0, _MISSING) if nulls else None


def _codes_among(counts: pl.DataFrame, declared: ColumnFormat) -> list[str]:
    """Return the usual codes for missing values that are far from all other numbers."""
    present = [code for code in _NULL_NUMBERS if (counts.get_column("text") == code).any()]
    if not present:
        return []
    others = (
        counts.filter(~pl.col("text").is_in(present)).select(typed(pl.col("text"), declared)).to_series().drop_nulls()
    )
    if not len(others):
        return []
    low, high = float(others.min()), float(others.max())  # pyright: ignore[reportArgumentType]
    return [code for code in present if (int(code) < 0 <= low) or (int(code) >= 99 and 2 * high < int(code))]


def _form(texts: pl.Series) -> tuple[dict[str, Any] | None, str]:
    """Return the declaration that most distinct texts fit, and the open question, if any."""
    plain = texts.str.strip_chars()
    numbers = float(plain.str.contains(_NUMBER).sum()) / len(plain)
    dotted = plain.str.contains(r"^\d{1,4}\.\d{1,2}\.\d{2,4}$").mean()
    if numbers >= _LEAST_FIT and not (isinstance(dotted, float) and dotted > 1 - _LEAST_FIT):
        compact = (
            plain.str.contains(r"^(19|20)\d{6}$").all()
            and _share(plain, ColumnFormat(type="date", format="%Y%m%d")) == 1.0
        )
        return ({"type": "date", "format": "%Y%m%d"}, "") if compact else _number_form(plain)
    tried = [(_share(plain, ColumnFormat(**fields)), fields) for fields in _moments(plain)]
    best = max((share for share, _ in tried), default=0.0)
    if best < 0.5:
        return None, ""
    fitting = [fields for share, fields in tried if share == best]
    both = [fields["format"] for fields in fitting if "format" in fields]
    if len(fitting) > 1 and _day_and_month(both):
        return fitting[0], f"day and month are ambiguous, it may be {both[1]}: decide"
    return fitting[0], "two forms in one column" if best < 1.0 and _several(tried, best) else ""


def _several(tried: Sequence[tuple[float, dict[str, Any]]], best: float) -> bool:
    """Return whether another form fits many of the texts that the best does not."""
    return any(0.0 < share <= 1.0 - best + 1e-9 for share, _ in tried)


def _day_and_month(forms: Sequence[str]) -> bool:
    """Return whether two formats differ only in the order of day and month."""
    return len(forms) > 1 and sorted(forms[0]) == sorted(forms[1])


def _moments(plain: pl.Series) -> Iterator[dict[str, Any]]:
    """Yield candidate declarations of dates and times."""
    if plain.str.contains(r"\d").sum() * 2 < len(plain):
        return
    clock = plain.str.contains(_HAS_CLOCK).sum() * 2 > len(plain)
    if clock:
        yield from ({"type": "time", "format": form} for form in _CLOCKS)
        yield {"type": "datetime"}
    # %Y reads the two digits of 58 as the year 58.
    short = plain.str.contains(r"\d{4}").sum() * 2 < len(plain)
    pivot = dt.datetime.now(dt.UTC).year - _YEARS_BACK
    for day in _DAYS:
        if ("%y" in day) != short:
            continue
        two_digits = {"pivot": pivot} if short else {}
        if clock:
            yield from ({"type": "datetime", "format": f"{day} {form}"} | two_digits for form in _CLOCKS)
        else:
            yield {"type": "date", "format": day} | two_digits


def _number_form(plain: pl.Series) -> tuple[dict[str, Any] | None, str]:
    """Return the declaration of numbers: integers, or floats with their signs; codes stay text."""
    if plain.str.contains(r"^[+-]?0\d").any():
        return None, ""
    for sign, group in _SIGNS:
        signs: dict[str, Any] = {"decimal_sign": sign, "thousands_sign": group}
        if _share(plain, ColumnFormat(type="float", **signs)) < _LEAST_FIT:
            continue
        whole = _share(plain, ColumnFormat(type="integer", **signs)) >= _LEAST_FIT
        threes = plain.str.contains(rf"^\d{{1,3}}([{group or sign}]\d{{3}})+$") | plain.str.contains(r"^\d{1,3}$")
        fields: dict[str, Any] = {"type": "integer" if whole else "float"}
        fields |= {"decimal_sign": sign} if sign != "." or group else {}
        fields |= {"thousands_sign": group} if group else {}
        note = f"the sign {group or sign} may part thousands or a fraction: decide"
        return fields, note if threes.all() and not plain.str.contains(r"^\d+$").all() else ""
    return None, ""


def _share(texts: pl.Series, declared: ColumnFormat) -> float:
    """Return the share of distinct texts that fit a declaration."""
    name = texts.name
    fits = texts.to_frame().select(typed(pl.col(name), declared).is_not_null().sum()).item()
    return float(fits) / len(texts)


def _fit(counts: pl.DataFrame, declared: ColumnFormat) -> float:
    """Return the share of rows whose text fits a declaration."""
    text = without_nulls(pl.col("text"), declared.nulls)
    fits = typed(text, declared).is_not_null() * pl.col("rows")
    return float(counts.select(fits.sum() / pl.col("rows").sum()).item()) if counts.height else 1.0


def described(proposal: Proposal) -> str:
    """Return a one-line description of a declaration, for a terminal.

    Examples
    --------
    >>> described(Proposal("born", {"type": "date", "format": "%d.%m.%Y"}, 1.0))
    "date '%d.%m.%Y'; all values fit"
    """
    fields = dict(proposal.fields)
    parts = [fields.pop("type") + (f" {fields.pop('format')!r}" if "format" in fields else "")]
    parts += [f"{name.replace('_', ' ')} {_shown(value)}" for name, value in fields.items()]
    fit = "all values fit" if proposal.fit == 1.0 else f"{_percent(1.0 - proposal.fit)} of values do not fit"
    return "; ".join([", ".join(parts), fit, *([proposal.note] if proposal.note else [])])


def _shown(value: Any) -> str:
    """Return the display text of a field."""
    return (
        " ".join(map(str, value)) if isinstance(value, list) else repr(value) if isinstance(value, str) else str(value)
    )


def _percent(share: float) -> str:
    """Return a share in percent, never rounded to 0."""
    return "<0.1 %" if share < 0.001 else re.sub(r"%$", " %", f"{share:.1%}")
