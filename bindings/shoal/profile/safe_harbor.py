"""`safe_harbor`: columns with identifiers that the HIPAA Safe Harbor rule requires to remove."""

import re
from collections.abc import Iterator

import polars as pl

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.observing import collected
from shoal.profile import shapes
from shoal.profile.columns import SHAPED_ROWS, gather, is_text
from shoal.profile.rules import contradicts_name
from shoal.profile.vocabulary import concepts_of, known_share, words_of

EVERYTHING = "*"
OLDEST = 89
"""Age in years; older people belong in one category."""
_LABEL = r"^[\[({].*[\])}]$"
_TOP_AGE = r"(?i)^\s*(90\s*(\+|(or|and)\s+(older|over|above|more))|(>=|≥)\s*90|>\s*89)\s*$"
"""The single category of the rule for all older people."""
_OPEN_TOP = r"^\[90, ?(\d+\)|\*[\])]|inf\)|∞\))$"
_FIRST_OF_YEAR, _LAST_OF_YEAR = r"^\d{4}-01-01([T ]00:00(:00(\.0+)?)?)?$", r"^\d{4}-12-31([T ].*)?$"
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


def _words(*alternatives: str) -> re.Pattern[str]:
    """Return the pattern of any of these words in a name with underscores around words."""
    return re.compile("_(" + "|".join(alternatives) + ")(?=_)")


RESTRICTED_ZIP3 = [
    *["036", "059", "063", "102", "203", "556", "692", "790", "821"],
    *["823", "830", "831", "878", "879", "884", "890", "893"],
]
"""Areas of 20,000 people or fewer by the census of 2000, as the guidance of 2012 lists them."""

BY_SHAPE = {
    "email": ("e-mail addresses", "(F)", 0.01),
    "email_inside": ("e-mail addresses", "(F)", 0.01),
    "ssn": ("social security numbers", "(G)", 0.01),
    "ip": ("IP addresses", "(O)", 0.01),
    "ipv6": ("IP addresses", "(O)", 0.01),
    "mac": ("device identifiers", "(M)", 0.01),
    "date": ("dates", "(C)", 0.01),
    "date_other": ("dates", "(C)", 0.01),
    "date_named": ("dates", "(C)", 0.01),
    "month": ("dates", "(C)", 0.1),
    "month_named": ("dates", "(C)", 0.1),
    "week": ("dates", "(C)", 0.1),
    "date_digits": ("dates", "(C)", 0.8),
    "phone": ("telephone or fax numbers", "(D)/(E)", 0.1),
    "iban": ("account numbers", "(J)", 0.1),
    "card": ("account numbers", "(J)", 0.8),
    "vehicle": ("vehicle identifiers", "(L)", 0.8),
    "url": ("web addresses", "(N)", 0.01),
    "uuid": ("other unique numbers or codes", "(R)", 0.8),
    "point": ("geography", "(B)", 0.1),
    "geometry": ("geography", "(B)", 0.01),
    "degrees": ("geography", "(B)", 0.1),
    "zip": ("geography", "(B)", 0.95),
    "person": ("names", "(A)", 0.8),
}
"""Identifier and paragraph of each shape in `shapes.SHAPES`, and the minimum share of values for a finding.

One percent is more than an accident, except for shapes that other values also have.
"""

_BY_NAME = [
    (_words("street|city|town|county|district|municipality|lat|lon"), "geography", "(B)"),
    (_words("fax|telefax"), "fax numbers", "(E)"),
    (_words("ssn|social_security"), "social security numbers", "(G)"),
    (_words("mrn|medical_record"), "medical record numbers", "(H)"),
    (_words("beneficiary|member_id"), "health plan numbers", "(I)"),
    (_words("licen[cs]e|passport|certificate"), "certificate or license numbers", "(K)"),
    (_words("vin|number_?plate|vehicle"), "vehicle identifiers", "(L)"),
    (_words("serial|device"), "device identifiers", "(M)"),
    (_words("url|website|homepage"), "web addresses", "(N)"),
    (_words("ip|ip_address"), "IP addresses", "(O)"),
    (_words("fingerprint|voice|biometric|retina"), "biometric identifiers", "(P)"),
    (_words("photo|image|portrait"), "photographs", "(Q)"),
]
_BY_CONCEPT = {
    "name": ("names", "(A)"),
    "first_name": ("names", "(A)"),
    "surname": ("names", "(A)"),
    "address": ("geography", "(B)"),
    "city": ("geography", "(B)"),
    "coordinates": ("geography", "(B)"),
    "birth_date": ("dates", "(C)"),
    "phone": ("telephone numbers", "(D)"),
    "email": ("e-mail addresses", "(F)"),
    "patient_number": ("medical record numbers", "(H)"),
    "insurance_number": ("health plan numbers", "(I)"),
    "account": ("account numbers", "(J)"),
    "id_number": ("other unique numbers or codes", "(R)"),
}


def by_name(name: str) -> list[tuple[str, str]]:
    """Return the identifiers and paragraphs that a column's name suggests, in any known language."""
    key = "_" + "_".join(words_of(name)) + "_"
    found = [(identifier, paragraph) for pattern, identifier, paragraph in _BY_NAME if pattern.search(key)]
    concepts = concepts_of(name)
    if "thing" not in concepts:
        found += [finding for concept, finding in _BY_CONCEPT.items() if concept in concepts]
    if ("geography", "(B)") in found:
        found = [finding for finding in found if finding != ("names", "(A)") or concepts & {"first_name", "surname"}]
    if ("fax numbers", "(E)") in found:
        found = [finding for finding in found if finding[1] != "(D)"]
    return found


def parts(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the parts of counted labels: `label` (index), `text` of one part, and `rows` of its label.

    Examples
    --------
    >>> parts(pl.DataFrame({"text": ["[30, 34]", "{a, b}", "c"], "rows": [2.0, 1.0, 1.0]}))["text"].to_list()
    ['30', '34', 'a', 'b', 'c']
    """
    inside = pl.col("text").str.strip_chars("[](){}").str.split(", ")
    listed = pl.when(pl.col("text").str.contains(_LABEL)).then(inside).otherwise(pl.concat_list("text"))
    return counts.select("rows", text=listed).with_row_index("label").explode("text")


def share_of(labels: pl.DataFrame, flag: str) -> float:
    """Return the share of rows whose label has a part that is flagged."""
    by_label = labels.group_by("label").agg(pl.col("rows").first(), pl.col(flag).any())
    return float(by_label.select((pl.col(flag) * pl.col("rows")).sum() / pl.col("rows").sum()).item())


def informative_share(counts: pl.DataFrame) -> float:
    """Return the share of rows whose label is not the root `*`."""
    rows = pl.col("rows")
    informative = (pl.col("text") != EVERYTHING) * rows
    return float(counts.select(informative.sum() / rows.sum()).item())


def shape_shares(counts: pl.DataFrame) -> dict[str, float]:
    """Return, for each shape, the share of rows with a label that contains it."""
    if not counts.get_column("text").str.contains(_LABEL).any():
        return shapes.shares_of(counts)
    listed = parts(counts)
    flags = shapes.flagged(listed)
    return {shape: share_of(flags, shape) if shape in flags.columns else 0.0 for shape in shapes.SHAPES}


def only_years(counts: pl.DataFrame) -> bool:
    """Return whether every date is the first or last day of a year, which stand for years."""
    texts = parts(counts).get_column("text")
    dates = texts.filter(texts.str.contains(shapes.SHAPES["date"][1]))
    ends = dates.str.contains(_FIRST_OF_YEAR) | dates.str.contains(_LAST_OF_YEAR)
    return bool(len(dates)) and bool(ends.all())


def share_above_89(values: pl.Series) -> float:
    """Return the share of ages, or labels of ages, above 89.

    A half-open interval such as ``[85, 90)`` does not include 90; one label may stand for 90 and older.
    """
    if values.dtype != pl.String:
        return float((values > OLDEST).sum()) / len(values)
    counts = shapes.counted(values)
    text = pl.col("text")
    numbers = text.str.extract_all(r"\d+(\.\d+)?").cast(pl.List(pl.Float64))
    # Only one label may begin at 90: two would distinguish older people.
    tops = counts.filter(numbers.list.min() > OLDEST).height
    open_top = text.str.contains(_OPEN_TOP) if tops == 1 else pl.lit(value=False)
    without_end = text.str.ends_with(")") & (numbers.list.last() == OLDEST + 1) & (numbers.list.len() == 2)
    older = numbers.list.max() > pl.when(without_end).then(OLDEST + 1).otherwise(OLDEST)
    flag = (older & ~text.str.contains(_TOP_AGE) & ~open_top).fill_null(value=False)
    return float(counts.select((flag * pl.col("rows")).sum() / pl.col("rows").sum()).item())


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
        if bool((values == EVERYTHING).all()):
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
        share = share_above_89(values)
        if share:
            yield "ages", "(C)", f"ages above {OLDEST}", share
    if not (dtype.is_integer() or dtype == pl.String):
        return
    if "postcode" in concepts:
        yield from _zip_codes(values)
    yield from _by_shape(values)


def _by_shape(values: pl.Series) -> Iterator[tuple[str, str, str, float | None]]:
    """Yield findings from the shapes of values and of parts of labels."""
    counts = shapes.counted(values.gather_every(-(-len(values) // SHAPED_ROWS)))
    shares = shape_shares(counts)
    # Thresholds are relative to informative labels; the reported share is relative to all.
    informative = informative_share(counts)
    # Dates and social security numbers have the shape of telephone numbers too.
    shares["phone"] -= sum(shares[shape] for shape in (*shapes.DATES, "ssn"))
    if only_years(counts):
        shares["date"] = 0.0
    for shape, (identifier, paragraph, least) in BY_SHAPE.items():
        if shares[shape] >= least * informative and (shape not in _NUMBERED or values.dtype == pl.String):
            yield identifier, paragraph, f"values have the shape of {identifier}", shares[shape]
    if values.dtype == pl.String and counts.height <= _KNOWN_VALUES:
        pairs = list(parts(counts).select("text", "rows").iter_rows())
        pairs = [(text, rows) for text, rows in pairs if text != EVERYTHING]
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
    codes = parts(shapes.counted(values))
    digits = pl.col("text").str.replace_all(r"\D", "")
    if values.dtype.is_integer():
        # Numbers of more than three digits have lost their leading zeros.
        digits = pl.when(digits.str.len_chars() > 3).then(digits.str.zfill(5)).otherwise(digits)
    codes = codes.with_columns(
        # Digits after a masking character are not the first ones of the code.
        finer=(digits.str.len_chars() > 3) | pl.col("text").str.contains(r"^[*#xX.]+.*\d"),
        few=(digits.str.len_chars() > 0) & digits.str.zfill(3).is_in(RESTRICTED_ZIP3),
    )
    finer, few = share_of(codes, "finer"), share_of(codes, "few")
    if finer:
        yield "geography", "(B)", "ZIP codes finer than three digits", finer
    elif few:
        yield "geography", "(B)", "ZIP codes of areas with 20,000 people or fewer, which become 000", few


def _finer_than_years(values: pl.Series) -> float:
    """Return 1, or 0 if all dates are the first of January, which stand for years."""
    return 0.0 if bool(((values.dt.month() == 1) & (values.dt.day() == 1)).all()) else 1.0
