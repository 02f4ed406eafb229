"""What a column looks like, and the role that this suggests."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from shoal import _look_patterns as patterns

Role = Literal["identifier", "quasi_identifier", "sensitive", "insensitive"]
Hint = Literal["", "zip", "date", "date_text"]

SHAPED_ROWS = 20_000
"""Values of a column that are held against the patterns."""
_MOSTLY = 0.8
_NEARLY_ALL = 0.95
_FREE_TEXT_LENGTH = 40
_FEW_ROWS = 20
"""Below this many values, distinctness says nothing."""
_IDENTIFYING_SHAPES = {
    "email": "e-mail addresses",
    "uuid": "UUIDs",
    "ssn": "social security numbers",
    "iban": "IBANs",
    "card": "card numbers with a valid check digit",
    "ip": "IP addresses",
    "phone": "phone numbers",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a column; shares are of its values, nulls left out.

    Attributes
    ----------
    distinctness : float or None
        Distinct values / rows, a null counted as a value; None where values cannot be compared.
    separation : float or None
        Share of the pairs of rows that the column tells apart.
    nulls : float
        Share of the rows without a value.
    values : int
        Rows with a value.
    distinct : int
        Distinct values, a null not counted.
    shapes : dict of str to float
        Share of each of `patterns.SHAPES`; empty for columns that are not text or whole numbers.
    length : float
        Mean number of characters; 0 for columns that are not text.
    """

    name: str
    dtype: pl.DataType
    distinctness: float | None
    separation: float | None
    nulls: float
    values: int
    distinct: int
    shapes: dict[str, float]
    length: float

    @property
    def is_text(self) -> bool:
        """Return whether values are text."""
        return self.dtype == pl.String or isinstance(self.dtype, pl.Categorical | pl.Enum)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A guessed role, why, and what a policy should know of the column."""

    role: Role
    reason: str
    hint: Hint = ""


def gather(column: pl.Series) -> Evidence:
    """Return what can be seen in one column of at least one row."""
    rows, nulls = len(column), column.null_count()
    distinctness = separation = None
    distinct = 0
    if not (column.dtype.is_nested() or isinstance(column.dtype, pl.Object | pl.Null)):
        counts = column.unique_counts().cast(pl.Float64)
        distinctness = len(counts) / rows
        pairs = rows * (rows - 1.0)
        separation = 1.0 - float((counts * (counts - 1.0)).sum()) / pairs if rows > 1 else 0.0
        distinct = len(counts) - (nulls > 0)
    shapes: dict[str, float] = {}
    length = 0.0
    if rows > nulls and (column.dtype.is_integer() or _is_text(column.dtype)):
        step = -(-(rows - nulls) // SHAPED_ROWS)
        text = column.drop_nulls().gather_every(step).cast(pl.String)
        shapes = patterns.shape_shares(text)
        if _is_text(column.dtype):
            length = float(text.to_frame().select(pl.first().str.len_chars().mean()).item())
    return Evidence(
        name=column.name,
        dtype=column.dtype,
        distinctness=distinctness,
        separation=separation,
        nulls=nulls / rows,
        values=rows - nulls,
        distinct=distinct,
        shapes=shapes,
        length=length,
    )


def judge(seen: Evidence) -> Verdict:
    """Return the role that name, shapes and distinctness suggest, in this order."""
    if seen.values == 0:
        return Verdict("insensitive", "holds nothing but nulls")
    if seen.distinctness is None or seen.dtype == pl.Binary:
        return Verdict("identifier", "values of this type cannot be judged or generalized: dropped")
    for rule in (_by_identifying_shape, _by_name, _by_date, _by_zip, _by_known_fact, _by_content):
        verdict = rule(seen)
        if verdict is not None:
            return verdict
    return Verdict("insensitive", "nothing points at a person: check that nobody else knows these values")


def _is_text(dtype: pl.DataType) -> bool:
    return dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)


def _by_identifying_shape(seen: Evidence) -> Verdict | None:
    """Judge values that are made to reach or name one person."""
    if max(seen.shapes.get("date", 0.0), seen.shapes.get("date_other", 0.0)) >= _MOSTLY:
        return None
    for shape, what in _IDENTIFYING_SHAPES.items():
        share = seen.shapes.get(shape, 0.0)
        if share >= _MOSTLY:
            return Verdict("identifier", f"values look like {what}")
    if seen.shapes.get("email_inside", 0.0) > 0.0:
        return Verdict("identifier", "e-mail addresses occur in the values")
    return None


def _by_name(seen: Evidence) -> Verdict | None:
    """Judge by the words in the column's name: sensitive before identifying."""
    name = patterns.tokens(seen.name)
    identifying = seen.dtype != pl.Boolean and not patterns.NAME_OF_OTHERS.search(name)
    is_key = identifying and patterns.NAME_KEY.search(name)
    if patterns.NAME_SENSITIVE.search(name) and not (is_key and _tells_apart(seen)):
        return Verdict("sensitive", "the column's name speaks of something people keep to themselves")
    # A name holds a date only by accident (birth_name): types and shapes of dates come later.
    if identifying and not seen.dtype.is_temporal() and patterns.NAME_IDENTIFIER.search(name):
        return Verdict("identifier", "the column's name speaks of a person or a way to reach one")
    if is_key and not seen.dtype.is_float() and not seen.dtype.is_temporal():
        return Verdict("identifier", "the column's name speaks of a key: it links rows to other tables")
    return None


def _by_date(seen: Evidence) -> Verdict | None:
    """Judge dates, as a type or as text."""
    born = patterns.NAME_BIRTH.search(patterns.tokens(seen.name))
    what = "a date of birth" if born else "a date: others may know when it was"
    if seen.dtype == pl.Date or isinstance(seen.dtype, pl.Datetime):
        return Verdict("quasi_identifier", what, "date")
    if seen.shapes.get("date", 0.0) >= _MOSTLY:
        return Verdict("quasi_identifier", f"{what}, kept as text: better parsed first", "date_text")
    if seen.shapes.get("date_other", 0.0) >= _MOSTLY:
        return Verdict("quasi_identifier", f"{what}, kept as text: better parsed first")
    return None


def _by_zip(seen: Evidence) -> Verdict | None:
    """Judge ZIP codes: by name, or text of five digits throughout."""
    hint: Hint = "zip" if seen.is_text else ""
    if patterns.NAME_ZIP.search(patterns.tokens(seen.name)):
        return Verdict("quasi_identifier", "the column's name speaks of ZIP codes", hint)
    if seen.is_text and seen.shapes.get("zip", 0.0) >= _NEARLY_ALL:
        return Verdict("quasi_identifier", "values look like ZIP codes", hint)
    return None


def _by_known_fact(seen: Evidence) -> Verdict | None:
    """Judge by words for what neighbors, colleagues and registers know."""
    if patterns.NAME_QUASI.search(patterns.tokens(seen.name)):
        return Verdict("quasi_identifier", "the column's name speaks of something that others know")
    return None


def _by_content(seen: Evidence) -> Verdict | None:
    """Judge columns whose name says nothing: people's names, free text, and values that hardly repeat."""
    if seen.is_text and seen.shapes.get("person", 0.0) >= _MOSTLY and seen.distinct > seen.values * 0.05:
        return Verdict("identifier", "values look like people's names")
    if seen.is_text and seen.length > _FREE_TEXT_LENGTH and seen.distinct * 2 > seen.values:
        return Verdict("identifier", "free text: nobody can tell what it gives away")
    counted = patterns.NAME_AMOUNT.search(patterns.tokens(seen.name))
    if (seen.is_text or seen.dtype.is_integer()) and not counted and _tells_apart(seen):
        return Verdict("identifier", "nearly every value is distinct")
    if _tells_apart(seen):
        reason = "a measured quantity, nearly every value distinct: a quasi-identifier if others know it"
        return Verdict("insensitive", reason)
    return None


def _tells_apart(seen: Evidence) -> bool:
    """Return whether hardly any two rows share a value."""
    return seen.values >= _FEW_ROWS and seen.distinct >= _NEARLY_ALL * seen.values
