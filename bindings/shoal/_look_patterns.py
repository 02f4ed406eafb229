"""What gives a column away: words in its name, and the shapes of its values."""

import re

import polars as pl


def tokens(name: str) -> str:
    """Return a column name as lower-case words between underscores: ``birthDate`` is ``_birth_date_``."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return "_" + re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_") + "_"


def words(*alternatives: str) -> re.Pattern[str]:
    """Return the pattern of any of these words in a name between underscores."""
    return re.compile("_(" + "|".join(alternatives) + ")(?=_)")


NAME_IDENTIFIER = words(
    "name",
    "(?:first|last|full|fore|sur|family|given|maiden|user|nick)_?name",
    "e_?mail|mail",
    "(?:tele)?phone(?:_?n[ro]|_?number)?|mobile|tel|fax|cell",
    "ssn|social_security|tax_?id|passport|driving_licen[cs]e|licen[cs]e|national_id",
    "iban|credit_?card|card(?:_?n[ro]|_?number)?|account(?:_?n[ro]|_?number)?",
    "address|street|url|ip|mac|login|signature|photo|fingerprint|number_?plate",
)
"""The column names a person or a way to reach one."""

NAME_OF_OTHERS = words(
    "(?:city|country|county|state|region|product|drug|company|department|hospital|school|category|type|file|"
    "course|brand|disease|diagnosis|occupation|job)_name"
)
"""A name, but not a person's."""

NAME_KEY = words("id", "uid", "uuid", "guid", "key", "record", "mrn", "serial", "reference", "token")
"""The column numbers its rows or the people in it."""

NAME_SENSITIVE = words(
    "diagnos[ei]s|disease|condition|illness|symptoms?|icd(?:_?\\d+)?|disorder",
    "medication|drug|treatment|therapy|procedure|hiv|genetic|genome|disabilit(?:y|ies)|pregnan(?:t|cy)|mental",
    "income|salary|wages?|earnings|pay|balance|debt|loan|credit_score|wealth|net_worth",
    "religion|faith|politic(?:s|al)|party|vote|union|sexual|orientation",
    "crim(?:e|inal)|conviction|offen[cs]e|arrest|test_result|result|grade|gpa",
)
"""The column tells what people would not have told of them."""

NAME_QUASI = words(
    "age|birth(?:day|date|year)?|born|dob|yob|sex|gender",
    "city|town|county|state|region|country|nationality|native|citizenship|district|municipality|location|lat|lon",
    "race|ethnic(?:ity)?|language|marital|married|household|children|family|relationship",
    "occupation|job|profession|employer|workclass|industry|education|degree|school|height|weight",
)
"""The column tells what neighbors, colleagues and registers know."""

NAME_ZIP = words("zip", "zip_?code", "post(?:al)?(?:_?code)?", "plz")
NAME_BIRTH = words("birth(?:day|date)?", "born", "dob")
NAME_AMOUNT = words("cost|price|amount|total|count|quantity|charge|fee|duration|days|hours|minutes|score|rate")
"""A measured quantity: many distinct values do not make it an identifier."""

SHAPES = {
    "email": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "email_inside": r"[\w.+\-]+@[\w\-]+\.[A-Za-z]{2,}",
    "date": r"^\d{4}-\d{2}-\d{2}([T ].*)?$",
    "date_other": r"^\d{1,2}[./\-]\d{1,2}[./\-]\d{4}$",
    "ssn": r"^\d{3}-\d{2}-\d{4}$",
    "url": r"^(https?://|www\.)\S+$",
    "ip": r"^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$",
    "phone": r"^(\+\d[\d ().\-]{6,18}\d|\(\d{2,5}\) ?\d{2,8}([ \-.]\d{2,6})*|"
    r"\d{2,5}[ \-./]\d{2,4}[ \-.]\d{2,6}([ \-.]\d{2,4})*)$",
    "iban": r"^[A-Z]{2}\d{2} ?([A-Z0-9]{4} ?){2,7}[A-Z0-9]{0,4}$",
    "card": r"^\d([ \-]?\d){12,18}$",
    "uuid": r"^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$",
    "zip": r"^\d{5}(-\d{4})?$",
    "person": r"^\p{Lu}[\p{L}'\u2019\-]+,? (\p{Lu}[\p{L}'\u2019.\-]* ?){1,3}$",
}
"""Regular expressions over a value as text."""


def shape_shares(values: pl.Series) -> dict[str, float]:
    """Return, for each shape, the share of values that have it.

    Parameters
    ----------
    values : pl.Series of String
        Without nulls, at least one. A card number must also pass its check digit.
    """
    text = pl.col(values.name)
    shares = {shape: text.str.contains(pattern) for shape, pattern in SHAPES.items()}
    shares["card"] = shares["card"] & _passes_luhn(text)
    row = values.to_frame().select(share.mean().alias(shape) for shape, share in shares.items()).row(0)
    return dict(zip(shares, row, strict=True))


def _passes_luhn(text: pl.Expr) -> pl.Expr:
    """Return whether the digits pass the check of ISO/IEC 7812-1, annex B."""
    backwards = text.str.replace_all(r"\D", "").str.reverse()
    digits = [backwards.str.slice(i, 1).cast(pl.Int32, strict=False).fill_null(0) for i in range(19)]
    doubled = [digit * 2 - 9 * (digit > 4).cast(pl.Int32) if i % 2 else digit for i, digit in enumerate(digits)]
    return pl.sum_horizontal(doubled) % 10 == 0
