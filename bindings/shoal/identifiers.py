"""`safe_harbor`: columns that hold what the HIPAA Safe Harbor rule says must go."""

import re
from collections.abc import Iterator

import polars as pl

from shoal import _look_patterns as patterns
from shoal._look_columns import SHAPED_ROWS
from shoal._safe_harbor_rules import BY_NAME, BY_SHAPE, RESTRICTED_ZIP3
from shoal.frames import IntoFrame, into_lazy
from shoal.observing import collected

_SCHEMA = {
    "column": pl.String,
    "identifier": pl.String,
    "paragraph": pl.String,
    "evidence": pl.String,
    "share": pl.Float64,
}
_OLDEST = 89
"""Years; who is older falls into one category."""
_TOP_AGE = r"(?i)^\s*90\s*(\+|(or|and)\s+(older|over|above|more))\s*$"
"""The one category that the rule leaves to all who are older."""
_NAME_AGE = re.compile(r"_age(?=_)")
_NUMBERED = ("zip", "card")
"""Shapes that any number may have: the column's name has to say so too."""


def safe_harbor(frame: IntoFrame) -> pl.DataFrame:
    """Find columns that hold identifiers of the HIPAA Safe Harbor rule, by name and by content.

    Parameters
    ----------
    frame : frame, table or path
        Text is examined on at most 20,000 evenly spread values a column, dates, ages and ZIP codes on all.

    Returns
    -------
    pl.DataFrame
        One row for each finding, in the order of the columns: `column`, `identifier`, `paragraph` of 45 CFR
        164.514(b)(2)(i), `evidence` in words, and `share` of the values, null where only the name speaks. Never a
        value. An empty frame means that nothing was found, not that nothing is there: names in free text, photographs
        and fingerprints have no pattern.

    Raises
    ------
    InputError
        The table cannot be read, or has no rows.

    References
    ----------
    45 CFR 164.514(b)(2)(i). Office for Civil Rights (2012), Guidance regarding methods for de-identification of
    protected health information: the 17 restricted ZIP codes, by the census of 2000.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> visits = pl.DataFrame({"zip": ["02138", "03601"], "age": [34, 91], "cost": [10.5, 3.0]})
    >>> shoal.safe_harbor(visits).select("column", "paragraph", "share").rows()
    [('zip', '(B)', 1.0), ('age', '(C)', 0.5)]
    """
    table = collected(into_lazy(frame), [])
    found = [finding for column in table.get_columns() for finding in _findings(column)]
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


def _findings(column: pl.Series) -> Iterator[tuple[str, str, str, str, float | None]]:
    """Yield what one column gives away, each paragraph once."""
    values = column.drop_nulls()
    if not len(values):
        return
    name = patterns.tokens(column.name)
    told: set[str] = set()
    for identifier, paragraph, evidence, share in (*_by_content(name, values), *_by_name(name, values)):
        if paragraph not in told:
            told.add(paragraph)
            yield column.name, identifier, paragraph, evidence, share


def _by_content(name: str, values: pl.Series) -> Iterator[tuple[str, str, str, float | None]]:
    """Yield what types, sizes and shapes of values show."""
    dtype = values.dtype
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        share = _finer_than_years(values)
        if share:
            yield "dates", "(C)", "dates finer than the year", share
        return
    if _NAME_AGE.search(name) and (dtype.is_numeric() or _is_text(dtype)):
        text = values.cast(pl.String)
        older = text.str.extract(r"^\s*(\d+)").cast(pl.Float64, strict=False) > _OLDEST
        share = _mean(older & ~text.str.contains(_TOP_AGE))
        if share:
            yield "ages", "(C)", f"ages above {_OLDEST}", share
    if not (dtype.is_integer() or _is_text(dtype)):
        return
    if patterns.NAME_ZIP.search(name):
        yield from _zip_codes(values)
    step = -(-len(values) // SHAPED_ROWS)
    shares = patterns.shape_shares(values.gather_every(step).cast(pl.String).rename("value"))
    # Dates and social security numbers have the shape of telephone numbers too.
    shares["phone"] -= shares["date"] + shares["date_other"] + shares["ssn"]
    for shape, (identifier, paragraph, least) in BY_SHAPE.items():
        if shares[shape] >= least and (shape not in _NUMBERED or _is_text(dtype)):
            yield identifier, paragraph, f"values have the shape of {identifier}", shares[shape]


def _by_name(name: str, values: pl.Series) -> Iterator[tuple[str, str, str, float | None]]:
    """Yield what the words of a column's name say."""
    if values.dtype == pl.Boolean or patterns.NAME_OF_OTHERS.search(name):
        return
    for pattern, identifier, paragraph in BY_NAME:
        if pattern.search(name):
            yield identifier, paragraph, f"the column's name speaks of {identifier}", None


def _zip_codes(values: pl.Series) -> Iterator[tuple[str, str, str, float | None]]:
    """Yield ZIP codes finer than three digits, or of the areas where three are too many."""
    digits = values.cast(pl.String).str.replace_all(r"\D", "")
    if values.dtype.is_integer():
        # Numbers of more than three digits have lost their leading zeros.
        digits = pl.select(pl.when(digits.str.len_chars() > 3).then(digits.str.zfill(5)).otherwise(digits)).to_series()
    finer = _mean(digits.str.len_chars() > 3)
    if finer:
        yield "geography", "(B)", "ZIP codes finer than three digits", finer
        return
    few = _mean(digits.str.zfill(3).is_in(RESTRICTED_ZIP3))
    if few:
        yield "geography", "(B)", "ZIP codes of areas with 20,000 people or fewer, which become 000", few


def _finer_than_years(values: pl.Series) -> float:
    """Return the share of dates, unless all are the first of January: those stand for years."""
    return 0.0 if bool(((values.dt.month() == 1) & (values.dt.day() == 1)).all()) else 1.0


def _mean(told: pl.Series) -> float:
    """Return the share of true values; what cannot be told is not true."""
    return float(told.fill_null(value=False).sum()) / len(told)


def _is_text(dtype: pl.DataType) -> bool:
    return dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)
