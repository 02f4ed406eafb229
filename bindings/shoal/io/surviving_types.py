r"""Detection of undeclared numbers and dates: columns of text whose every value survives a round trip.

A text survives a type if writing the value that it is read as gives the text again, character by character: ``30``
is an integer, ``042``, ``+5`` and ``1_000`` are not; ``2.5`` is a float, ``250.10`` and ``1E3`` are not. So equal
values are equal texts, and no type merges values that differ in the file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import polars as pl

_SAMPLE = 2000
"""Values of a column from which candidate types are chosen."""
_MOSTLY = 0.5
"""A column with a larger share of values that look like numbers or dates is worth a remark if it stays text."""
_LARGEST_EXACT = 1 << 53
"""Larger integers are not exact as floats."""
_DAY = r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d{2})"
_LOOKS = {
    "number": r"^\s*[+-]?(?:\d[\d.,'_\s]*|[.,]\d+)(?:[eE][+-]?\d+)?\s*$",
    "datetime": rf"^\s*(?:{_DAY})[T ]\s*\d{{1,2}}:\d{{2}}.*$",
    "date": rf"^\s*(?:{_DAY})\s*$",
    "time": r"^\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*$",
}
_DATE = r"\d{4}-\d{2}-\d{2}"


@dataclass(frozen=True, slots=True)
class Remark:
    """A column that looks like numbers or dates and stays text.

    Attributes
    ----------
    column : str
    looks_like : str
        number, date, datetime or time.
    in_the_way : int
        Number of values that would not survive.
    values : int
        Number of values of the column, without null.
    """

    column: str
    looks_like: str
    in_the_way: int
    values: int


@dataclass(frozen=True, slots=True)
class Surviving:
    """Detected types of a table of text.

    Attributes
    ----------
    types : mapping of str to expression
        Expressions for the columns that do not stay text.
    remarks : tuple of Remark
    rows : int
    """

    types: Mapping[str, pl.Expr]
    remarks: tuple[Remark, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A candidate type: which texts survive it, and the expression that converts them."""

    looks: str
    fits: Callable[[pl.Series], pl.Series]
    read: Callable[[pl.Expr], pl.Expr]


@dataclass(slots=True)
class _Column:
    """Counts of one column so far."""

    name: str
    values: int = 0
    looks: str = ""
    candidates: dict[str, _Candidate] | None = None
    misfits: dict[str, int] = field(default_factory=dict)

    def see(self, column: pl.Series) -> None:
        """Count the values that do not survive each candidate type."""
        known = column.drop_nulls()
        if not len(known):
            return
        self.values += len(known)
        if self.candidates is None:
            sample = known.head(_SAMPLE)
            shares = {look: sample.str.contains(pattern).mean() for look, pattern in _LOOKS.items()}
            self.looks = next((look for look, share in shares.items() if (share or 0) > _MOSTLY), "")  # pyright: ignore[reportOperatorIssue]
            offered = _candidates(sample)
            # A type that no value of the sample survives is still counted where the column looks like it.
            self.candidates = {
                name: one for name, one in offered.items() if one.looks == self.looks or one.fits(sample).any()
            }
            self.misfits = dict.fromkeys(self.candidates, 0)
        whole = False
        for name, candidate in self.candidates.items():
            if whole and candidate.looks == "number":
                # Integers have no point, and all but the largest are exact as floats.
                missed = len(known) if name == "float" else int((known.cast(pl.Int64).abs() > _LARGEST_EXACT).sum())
            else:
                missed = len(known) - int(candidate.fits(known).sum())
            whole |= name == "integer" and not missed
            self.misfits[name] += missed
        self._narrow()

    def _narrow(self) -> None:
        """Keep the types that all values survive, or the one that most do if the column looks like it."""
        assert self.candidates is not None
        kept = [name for name, missed in self.misfits.items() if not missed]
        if not kept:
            likely = [name for name in self.misfits if self.candidates[name].looks == self.looks]
            kept = sorted(likely, key=lambda name: self.misfits[name])[:1]
        self.candidates = {name: self.candidates[name] for name in kept}
        self.misfits = {name: self.misfits[name] for name in kept}

    def reading(self) -> "Callable[[pl.Expr], pl.Expr] | None":
        """Return the conversion of the column, or None if it stays text."""
        for name, candidate in (self.candidates or {}).items():
            if not self.misfits[name]:
                return candidate.read
        return None

    def remark(self) -> Remark | None:
        """Return the remark on a column that looks typed and stays text, or None."""
        if not self.looks or self.reading() is not None or not self.misfits:
            return None
        return Remark(self.name, self.looks, min(self.misfits.values()), self.values)


def surviving_types(batches: Iterable[pl.DataFrame], columns: Sequence[str], n_threads: int) -> Surviving:
    """Find the types that every value of a column survives, batch by batch.

    Parameters
    ----------
    batches : iterable of pl.DataFrame
        Text, null where there is no value.
    columns : sequence of str
        Columns to examine.
    n_threads : int
    """
    seen = [_Column(name) for name in columns]
    rows = 0
    with ThreadPoolExecutor(n_threads) as pool:
        for batch in batches:
            rows += batch.height
            parts = [batch.get_column(column.name) for column in seen]
            list(pool.map(_Column.see, seen, parts))
    types: dict[str, pl.Expr] = {}
    for column in seen:
        reading = column.reading()
        if reading is not None:
            types[column.name] = reading(pl.col(column.name)).alias(column.name)
    remarks = [column.remark() for column in seen]
    return Surviving(types, tuple(one for one in remarks if one is not None), rows)


def _candidates(sample: pl.Series) -> dict[str, _Candidate]:
    """Return the candidate types, narrowest first; dates and times have the format of the first value."""
    first = str(sample[0])
    found = {
        "integer": _Candidate("number", _is_integer, lambda text: text.cast(pl.Int64)),
        "float": _Candidate("number", _is_repr, lambda text: text.cast(pl.Float64)),
        "short float": _Candidate("number", _is_short, lambda text: text.cast(pl.Float64)),
        "date": _Candidate("date", _matches_date, lambda text: text.str.to_date("%Y-%m-%d")),
    }
    if len(first) > len("2024-01-05T10:00") - 1:
        found["datetime"] = _datetime_like(first)
    found["time"] = _time_like(first)
    return found


def _is_integer(text: pl.Series) -> pl.Series:
    """Return which texts are integers that survive."""
    return _same(text.cast(pl.Int64, strict=False).cast(pl.String), text)


def _is_repr(text: pl.Series) -> pl.Series:
    """Return which texts are floats that survive, including 2.0."""
    number = text.cast(pl.Float64, strict=False)
    return (_same(number.cast(pl.String), text) & _keeps_sign(number)) | _is_small(text)


def _is_short(text: pl.Series) -> pl.Series:
    """Return which texts are floats that survive if integers are written without a point: 2, not 2.0."""
    number = text.cast(pl.Float64, strict=False)
    short = number.cast(pl.String).str.strip_suffix(".0")
    return (_same(short, text) & _keeps_sign(number)) | _is_small(text)


def _keeps_sign(number: pl.Series) -> pl.Series:
    """Return which numbers are finite and not negative zero, which equals 0 but is another text."""
    return number.is_finite().fill_null(value=False) & ~((number == 0) & (1 / number < 0)).fill_null(value=False)


def _is_small(text: pl.Series) -> pl.Series:
    """Return which texts are numbers with an exponent as Python writes them: 1e-07."""
    with_exponent = text.str.contains(r"^-?\d(?:\.\d+)?e[+-]\d{2,3}$")
    if not with_exponent.any():
        return with_exponent
    written = {value: repr(float(value)) == value for value in text.filter(with_exponent).unique().to_list()}
    kept = text.replace_strict(list(written), list(written.values()), default=False, return_dtype=pl.Boolean)
    return with_exponent & kept


def _same(written: pl.Series, text: pl.Series) -> pl.Series:
    """Return where two texts are equal; False for null."""
    return (written == text).fill_null(value=False)


def _matches_date(text: pl.Series) -> pl.Series:
    """Return which texts are valid dates in ISO 8601."""
    return text.str.contains(rf"^{_DATE}$") & text.str.to_date("%Y-%m-%d", strict=False).dt.year().is_between(
        1, 9999
    ).fill_null(value=False)


def _datetime_like(first: str) -> _Candidate:
    """Return the candidate for datetimes written like the first one: same precision, same separator."""
    between, rest = first[10:11], first[11:]
    zone = "UTC" if rest.endswith("Z") else None
    clock, pattern = _clock(rest.removesuffix("Z"))
    pattern = rf"^{_DATE}{'T' if between == 'T' else ' '}{pattern}{'Z' if zone else ''}$"
    form = f"%Y-%m-%d{between}{clock}"
    unit = "ns" if "9f" in clock else "us"

    def read(text: pl.Expr) -> pl.Expr:
        found = text.str.strip_suffix("Z") if zone else text
        point = found.str.to_datetime(form, time_unit=unit, strict=False)
        return point.dt.replace_time_zone(zone) if zone else point

    def fits(text: pl.Series) -> pl.Series:
        if between not in ("T", " ") or not between:
            return pl.repeat(False, len(text), dtype=pl.Boolean, eager=True)  # noqa: FBT003
        year = text.to_frame("x").select(read(pl.col("x")).dt.year().is_between(1, 9999)).to_series()
        return text.str.contains(pattern) & year.fill_null(value=False)

    return _Candidate("datetime", fits, read)


def _time_like(first: str) -> _Candidate:
    """Return the candidate for times of day written like the first one."""
    clock, pattern = _clock(first)

    def read(text: pl.Expr) -> pl.Expr:
        return text.str.to_time(clock, strict=False)

    def fits(text: pl.Series) -> pl.Series:
        known = text.to_frame("x").select(read(pl.col("x")).is_not_null()).to_series()
        return text.str.contains(rf"^{pattern}$") & known

    return _Candidate("time", fits, read)


def _clock(text: str) -> tuple[str, str]:
    """Return the format and the pattern of times of day written like `text`."""
    whole, _, fraction = text.partition(".")
    if whole.count(":") < 2:
        return "%H:%M", r"\d{2}:\d{2}"
    digits = len(fraction) if len(fraction) in (3, 6, 9) else 0
    if not digits:
        return "%H:%M:%S", r"\d{2}:\d{2}:\d{2}"
    return f"%H:%M:%S%.{digits}f", rf"\d{{2}}:\d{{2}}:\d{{2}}\.\d{{{digits}}}"
