"""Values of a sensitive column that are several to a diversity model and one to a reader."""

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from shoal_engine.finding import Finding, Severity
from shoal_engine.tables.value_texts import plain_number

_BLANKS = re.compile(r"\s+")


def look_alike_findings(column: str, rows_of_value: Mapping[str, int]) -> list[Finding]:
    """Return what is to be said of values that differ only in blanks, case or Unicode form, or as written numbers.

    Parameters
    ----------
    column : str
        A column that a model of diversity binds.
    rows_of_value : mapping of str to int
        Rows that hold each of its values.

    Examples
    --------
    >>> [finding.severity for finding in look_alike_findings("dx", {"HIV": 3, "hiv ": 2, "flu": 5})]
    ['medium']
    >>> look_alike_findings("dx", {"HIV": 3, "flu": 5})
    []
    """
    rows = sum(rows_of_value.values())
    read_as = {value: as_read(value) for value in rows_of_value}
    alike = _sharing(read_as)
    found: list[Finding] = []
    if alike:
        share = sum(rows_of_value[value] for value in alike) / rows
        text = (
            f"{share:.1%} of rows hold values of {column} that differ from others only in blanks, case or Unicode form"
            "; its models count them as distinct."
        )
        remedy = f"Make the values of {column} uniform before the release, so that they are counted once."
        found.append(_finding(column, "medium", share, text, remedy))
    numbers = _sharing({value: _as_number(read) for value, read in read_as.items() if value not in alike})
    if numbers:
        share = sum(rows_of_value[value] for value in numbers) / rows
        text = (
            f"{share:.1%} of rows hold values of {column} that are one number, written in several ways; its models "
            "count them as distinct."
        )
        remedy = f"Declare [column.{column}] as a number if it is one; codes stay as they are."
        found.append(_finding(column, "note", share, text, remedy))
    return found


def as_read(value: str) -> str:
    """Return a value as a reader takes it: without case, in one Unicode form, with single blanks inside.

    Examples
    --------
    >>> as_read(" CAFÉ  au lait ") == as_read("Café au lait")
    True
    """
    # Folding case may undo the normal form, so it is brought about twice.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
    return _BLANKS.sub(" ", folded).strip()


def _sharing(read_as: Mapping[str, str]) -> set[str]:
    """Return the values that another value is read like."""
    first: dict[str, str] = {}
    sharing: set[str] = set()
    for value, read in read_as.items():
        other = first.setdefault(read, value)
        if other != value:
            sharing |= {value, other}
    return sharing


def _as_number(text: str) -> str:
    """Return one text for all ways to write a number; other texts as they are."""
    if not text[-1:].isdigit():
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return plain_number(number) if abs(number.adjusted()) < 64 else text


def _finding(column: str, severity: Severity, share: float, text: str, remedy: str) -> Finding:
    return Finding(
        code="look-alike-values",
        severity=severity,
        share=share,
        columns=(column,),
        text=text,
        remedy=remedy,
    )
