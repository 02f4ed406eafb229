"""`safe_harbor`: columns with identifiers that the HIPAA Safe Harbor rule requires to remove."""

from collections.abc import Iterator

import polars as pl

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.observing import collected
from shoal.profile import safe_harbor_labels as labels
from shoal.profile import shapes
from shoal.profile.columns import SHAPED_ROWS, gather, is_text
from shoal.profile.rules import contradicts_name
from shoal.profile.safe_harbor_rules import BY_SHAPE, RESTRICTED_ZIP3, by_name
from shoal.profile.vocabulary import concepts_of, known_share

_SCHEMA = {
    "column": pl.String,
    "identifier": pl.String,
    "paragraph": pl.String,
    "evidence": pl.String,
    "share": pl.Float64,
}
_NUMBERED = ("zip", "card", "date_digits", "month")
"""Shapes that any number may have: only text with them is evidence."""
_CALENDAR = ("months", "weekdays")
_KNOWN_VALUES = 300
_NEARLY_ALL = 0.95


def safe_harbor(frame: IntoFrame) -> pl.DataFrame:
    """Find columns that hold identifiers of the HIPAA Safe Harbor rule, by name and by content.

    Labels of a release are read as the values that they cover: intervals, sets, redacted codes, and bounds.

    Parameters
    ----------
    frame : frame, table or path
        Text is examined on at most 20,000 evenly spread values per column; dates, ages and ZIP codes on all.

    Returns
    -------
    pl.DataFrame
        One row for each finding, in the order of the columns: `column`, `identifier`, `paragraph` of 45 CFR
        164.514(b)(2)(i), `evidence` in words, and `share` of the values, null if only the name matches. No
        values. An empty frame means that nothing was detected, not that nothing is there: names in free text, photos
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
    >>> visits = pl.DataFrame({"zip": ["02138", "03601"], "age": ["34", "[90, 92]"], "cost": [10.5, 3.0]})
    >>> shoal.safe_harbor(visits).select("column", "paragraph", "share").rows()
    [('zip', '(B)', 1.0), ('age', '(C)', 0.5)]
    """
    table = collected(into_lazy(frame), [])
    found = [finding for column in table.get_columns() for finding in _findings(column)]
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


def _findings(column: pl.Series) -> Iterator[tuple[str, str, str, str, float | None]]:
    """Yield the findings of one column, each paragraph once."""
    values = column.drop_nulls()
    if is_text(values.dtype):
        values = values.cast(pl.String)
        if bool((values == labels.EVERYTHING).all()):
            return
    if not len(values):
        return
    reported: set[str] = set()
    for identifier, paragraph, evidence, share in (*_by_content(values), *_by_name(column)):
        if paragraph not in reported:
            reported.add(paragraph)
            yield column.name, identifier, paragraph, evidence, share


def _by_content(values: pl.Series) -> Iterator[tuple[str, str, str, float | None]]:
    """Yield findings from types, sizes and shapes of values."""
    dtype, concepts = values.dtype, concepts_of(values.name)
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        share = _finer_than_years(values)
        if share:
            yield "dates", "(C)", "dates finer than the year", share
        return
    if not (dtype.is_numeric() or dtype == pl.String):
        return
    if "age" in concepts:
        share = labels.share_above_89(values)
        if share:
            yield "ages", "(C)", f"ages above {labels.OLDEST}", share
    if not (dtype.is_integer() or dtype == pl.String):
        return
    if "postcode" in concepts:
        yield from _zip_codes(values)
    yield from _by_shape(values)


def _by_shape(values: pl.Series) -> Iterator[tuple[str, str, str, float | None]]:
    """Yield findings from the shapes of values and of parts of labels."""
    counts = shapes.counted(values.gather_every(-(-len(values) // SHAPED_ROWS)))
    shares = labels.shape_shares(counts)
    # Thresholds are relative to informative labels; the reported share is relative to all.
    informative = labels.informative_share(counts)
    # Dates and social security numbers have the shape of telephone numbers too.
    shares["phone"] -= sum(shares[shape] for shape in (*shapes.DATES, "ssn"))
    if labels.only_years(counts):
        shares["date"] = 0.0
    for shape, (identifier, paragraph, least) in BY_SHAPE.items():
        if shares[shape] >= least * informative and (shape not in _NUMBERED or values.dtype == pl.String):
            yield identifier, paragraph, f"values have the shape of {identifier}", shares[shape]
    if values.dtype == pl.String and counts.height <= _KNOWN_VALUES:
        pairs = list(labels.parts(counts).select("text", "rows").iter_rows())
        pairs = [(text, rows) for text, rows in pairs if text != labels.EVERYTHING]
        for concept in _CALENDAR:
            share = known_share(pairs, concept) * informative
            if share >= _NEARLY_ALL * informative:
                yield "dates", "(C)", f"values are {concept}", share


def _by_name(column: pl.Series) -> Iterator[tuple[str, str, str, float | None]]:
    """Yield findings from the words of a column's name, unless its values contradict it."""
    found = by_name(column.name)
    if not found or column.dtype == pl.Boolean or contradicts_name(gather(column)):
        return
    for identifier, paragraph in found:
        yield identifier, paragraph, f"the column's name suggests {identifier}", None


def _zip_codes(values: pl.Series) -> Iterator[tuple[str, str, str, float | None]]:
    """Yield findings on ZIP codes: more than three digits, or three digits of a restricted area."""
    codes = labels.parts(shapes.counted(values))
    digits = pl.col("text").str.replace_all(r"\D", "")
    if values.dtype.is_integer():
        # Numbers of more than three digits have lost their leading zeros.
        digits = pl.when(digits.str.len_chars() > 3).then(digits.str.zfill(5)).otherwise(digits)
    codes = codes.with_columns(
        # Digits after a masking character are not the first ones of the code.
        finer=(digits.str.len_chars() > 3) | pl.col("text").str.contains(r"^[*#xX.]+.*\d"),
        few=(digits.str.len_chars() > 0) & digits.str.zfill(3).is_in(RESTRICTED_ZIP3),
    )
    finer, few = labels.share_of(codes, "finer"), labels.share_of(codes, "few")
    if finer:
        yield "geography", "(B)", "ZIP codes finer than three digits", finer
    elif few:
        yield "geography", "(B)", "ZIP codes of areas with 20,000 people or fewer, which become 000", few


def _finer_than_years(values: pl.Series) -> float:
    """Return 1, or 0 if all dates are the first of January, which stand for years."""
    return 0.0 if bool(((values.dt.month() == 1) & (values.dt.day() == 1)).all()) else 1.0
