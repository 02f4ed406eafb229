"""Shapes of texts: regular expressions matched on the distinct values of a column."""

from typing import Any

import polars as pl

from shoal.profile.vocabulary import plain, vocabulary

NULL_TEXTS = (
    *("NA", "N/A", "n/a", "na", "#N/A", "<NA>", "NULL", "Null", "null", "(null)", "None", "none", "NaN", "nan", "NIL"),
    *(
        "?",
        "-",
        "--",
        ".",
        "..",
        "*",
        "missing",
        "Missing",
        "MISSING",
        "unknown",
        "k.A.",
        "k. A.",
        "s/d",
        "n.d.",
        "\\N",
    ),
)
"""Texts that usually stand for a missing value."""
_DAY = r"(0?[1-9]|[12]\d|3[01])"
_YEAR = r"(\d{4}|['’]?\d{2})"
_CLOCK = r"([T ,]+\d{1,2}[:.h]\d{2}.*)?"
_MONTH_WORD = r"\p{L}{3,}"
_NAMED_DAY = r"\d{1,2}(\.|st|nd|rd|th|er|º|ª|-(го|е))?"
_OF = r"[ \-./_,]*((de|of|di|del|d['’]|m\.|ta['’]|i) ?)?"

SHAPES: dict[str, tuple[str, str]] = {
    "email": ("@", r"^[^@\s]+@[^@\s]+\.\p{L}{2,}$"),
    "email_inside": ("@", r"[\w.+\-]+@[\w\-]+\.[A-Za-z]{2,}"),
    "user_name": ("@", r"^@[\w.\-]{2,}$"),
    "date": ("9", r"^[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ].*)?$"),
    "date_other": (
        "9",
        rf"^({_DAY} ?[./\- ] ?{_DAY} ?[./\- ] ?(\d{{4}}|\d{{2}})\.?|\d{{4}}[./]\d{{1,2}}[./]{_DAY}\.?|"
        rf"\d{{4}}\. {_DAY}\. {_DAY}\.?|\d{{4}}年\d{{1,2}}月\d{{1,2}}日){_CLOCK}$",
    ),
    "date_digits": ("9", r"^(1[89]|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d{6})?$"),
    "date_named": (
        "9",
        rf"^(\p{{L}}+\.?,? )?({_NAMED_DAY}{_OF}{_MONTH_WORD}\.?{_OF}{_YEAR}(( г| р|\. gada)\.?)?|"
        rf"{_MONTH_WORD}\.?[ \-]{_NAMED_DAY},?[ \-]{_YEAR}|"
        rf"\d{{4}}\.?[ \-./]?( ?m\. |gada )?{_OF}{_MONTH_WORD}\.?[ \-./]{_NAMED_DAY}( d\.?)?){_CLOCK}$",
    ),
    "month": (
        "9",
        r"^((0?[1-9]|1[0-2])[./\-][12]\d{3}|[12]\d{3}[./\-](0?[1-9]|1[0-2])|[12]\d{3}-?[QqTt][1-4]|"
        r"[QqTt][1-4][ /\-]?[12]\d{3})$",
    ),
    "month_named": ("9", rf"^({_MONTH_WORD}\.?{_OF}{_YEAR}|\d{{4}}[ \-./]{_MONTH_WORD})$"),
    "week": ("9", r"^[12]\d{3}-?W(0[1-9]|[1-4]\d|5[0-3])(-?[1-7])?$"),
    "time": ("9", r"^([01]?\d|2[0-4]):[0-5]\d(:[0-5]\d([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?([Zz]|[+\-]\d{2}:?\d{2})?$"),
    "ssn": ("9", r"^\d{3}-\d{2}-\d{4}$"),
    "nino": ("9", r"^[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-Da-d]$"),
    "url": (".", r"^(https?://|www\.)\S+$"),
    "ip": (".", r"^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$"),
    "ipv6": (":", r"^([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}$|^([0-9A-Fa-f]{0,4}:){1,7}:([0-9A-Fa-f:.]{0,40})$"),
    "mac": ("x", r"^([0-9A-Fa-f]{2}[:\-]){5}[0-9A-Fa-f]{2}$|^([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}$"),
    "phone": (
        "9",
        r"^(\+\d[\d ().\-/]{6,20}\d|00\d[\d ().\-/]{6,20}\d|\(\+?\d{2,5}\) ?\d{2,8}([ \-.]\d{2,6})*|"
        r"\d{2,5}[ \-./]\d{2,4}[ \-.]\d{2,6}([ \-.]\d{2,4})*|0\d{1,5}[ \-/]{1,3}\d{4,9})$",
    ),
    "phone_digits": ("9", r"^0\d{7,11}$"),
    "iban": ("9", r"^[A-Z]{2}\d{2} ?([A-Z0-9]{4} ?){2,7}[A-Z0-9]{0,4}$"),
    "card": ("9", r"^\d([ \-]?\d){12,18}$"),
    "uuid": ("-", r"^\{?[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\}?$"),
    "national_id": ("9", r"^[A-Z]{0,6}[ .\-/]?\d[A-Z0-9 .\-/+]{6,20}$"),
    "vehicle": ("9", r"^([A-HJ-NPR-Z][A-HJ-NPR-Z0-9]|\d[A-HJ-NPR-Z])[A-HJ-NPR-Z0-9]{11}\d{4}$"),
    "plate": (
        "9",
        r"^([A-ZÄÖÜ]{1,3}[ \-][A-Z]{1,2}[ \-]?\d{1,4}[EH]?|[A-Z]{2}\d{2} ?[A-Z]{3}|[A-Z]{2}[ \-]?\d{3}[ \-]?[A-Z]{2}|"
        r"\d{4} ?[BCDFGHJKLMNPRSTVWXYZ]{3}|\d{2} ?[A-Z]{1,3} ?\d{2,4}|[АВЕКМНОРСТУХ]\d{3}[АВЕКМНОРСТУХ]{2} ?\d{2,3})$",
    ),
    "point": ("9", r"^[(\[]?\s*[-+]?\d{1,3}\.\d+\s*[,;/ ]\s*[-+]?\d{1,3}\.\d+\s*[)\]]?$"),
    "geometry": (
        "x",
        r"(?i)^\s*(SRID=\d+;)?\s*(MULTI)?(POINT|LINESTRING|POLYGON|GEOMETRYCOLLECTION)\s?(Z|M|ZM)?\s*\(|"
        r'"coordinates"\s*:|^0[01]0[0-9A-F]{6,}0000[0-9A-F]{24,}$',
    ),
    "degrees": ("9", r"\d{1,3}\s*°\s*\d{1,2}|^\d{1,3}[ :]\d{1,2}([.,' :]\d+(\.\d+)?)?['\"]*\s?[NSEWO]\b"),
    "plus_code": ("+", r"^[23456789CFGHJMPQRVWX]{4,8}\+[23456789CFGHJMPQRVWX]{2,3}$"),
    "fraction": ("9", r"^[+-]?(\d[\d.,' ]*)?[.,]\d+$"),
    "zip": ("9", r"^\d{5}(-\d{4})?$"),
    "postcode": (
        "9",
        r"^([A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}|\d{4} ?[A-Z]{2}|[A-Z]\d[A-Z][ \-]?\d[A-Z]\d|\d{2}-\d{3}|"
        r"\d{4}-\d{3}|\d{3} \d{2}|〒?\d{3}-\d{4}|\d{5}-\d{3}|[A-Z]\d[\dW] ?[A-Z\d]{4}|[A-Z]{1,3}-?\d{4,5}|AD\d{3})$",
    ),
    "person": (
        "x",
        r"^(\p{L}{1,4}\. ?)*\p{Lu}[\p{L}'’\-]+,? (((v[oa]n|de[rnl]?|d[aoeiu]s?|la|le|ter|zu|af|av|bin|al|el) )*"
        r"\p{Lu}[\p{L}'’.\-]* ?){1,4}$",
    ),
}
"""Character that every value of the shape has (9: any digit, x: no test), and its regular expression."""

DATES = ("date", "date_other", "date_digits", "date_named")
_NEEDS_MONTH = ("date_named", "month_named")
_MOST_MONTHS = 0.5
_CHECKED_MONTHS = 200
"""Maximum number of distinct values whose month is looked up."""
_WORD = r"(\p{L}[\p{L}\p{M}]{2,})"


def counted(values: pl.Series) -> pl.DataFrame:
    """Count distinct values, as text without surrounding blanks: columns `text` and `rows`."""
    counts = values.alias("text").value_counts(name="rows")
    return counts.select(pl.col("text").cast(pl.String).str.strip_chars(), pl.col("rows").cast(pl.Float64))


def shape_shares(values: pl.Series) -> dict[str, float]:
    """Return, for each shape, the share of values that have it.

    Parameters
    ----------
    values : pl.Series
        Text or integers, without nulls, at least one. A card number must also pass its check digit, and a named
        month must be one of some language.
    """
    return shares_of(counted(values))


def shares_of(counts: pl.DataFrame) -> dict[str, float]:
    """Return the share of each shape among counted texts."""
    found = flagged(counts)
    rows = float(counts.get_column("rows").sum())
    tried = [shape for shape in SHAPES if shape in found.columns]
    sums = found.select((pl.col(shape) * pl.col("rows")).sum() / rows for shape in tried).row(0) if tried else ()
    return dict.fromkeys(SHAPES, 0.0) | dict(zip(tried, sums, strict=True))


def flagged(counts: pl.DataFrame) -> pl.DataFrame:
    """Return counted texts with a boolean column for each shape that may occur."""
    text = pl.col("text")
    signs = sorted({sign for sign, _ in SHAPES.values()} - {"x", "9"})
    asked = [text.str.contains(sign, literal=True).any().alias(sign) for sign in signs]
    seen: dict[str, Any] = counts.select(*asked, text.str.contains(r"\d").any().alias("9")).row(0, named=True)
    seen["x"] = True
    tried = {shape: pattern for shape, (sign, pattern) in SHAPES.items() if seen[sign]}
    found = counts.with_columns(text.str.contains(pattern).alias(shape) for shape, pattern in tried.items())
    if "card" in tried and found.get_column("card").any():
        found = found.with_columns(pl.col("card") & passes_luhn(text))
    for shape in _NEEDS_MONTH:
        if shape in tried and found.get_column(shape).any():
            texts = found.filter(shape).get_column("text")
            found = found.with_columns(pl.col(shape) & (_month_share(texts) > _MOST_MONTHS))
    return found


def _month_share(texts: pl.Series) -> float:
    """Return the share of texts that contain the name of a month."""
    known = vocabulary("months")
    some = texts.gather_every(-(-len(texts) // _CHECKED_MONTHS))
    words = [[plain(word) for word in row] for row in some.str.extract_all(_WORD).to_list()]
    return sum(any(word in known for word in row) for row in words) / len(words)


def passes_luhn(text: pl.Expr) -> pl.Expr:
    """Return whether the digits pass the Luhn check of ISO/IEC 7812-1, annex B."""
    backwards = text.str.replace_all(r"\D", "").str.reverse()
    digits = [backwards.str.slice(i, 1).cast(pl.Int32, strict=False).fill_null(0) for i in range(19)]
    doubled = [digit * 2 - 9 * (digit > 4).cast(pl.Int32) if i % 2 else digit for i, digit in enumerate(digits)]
    return pl.sum_horizontal(doubled) % 10 == 0
