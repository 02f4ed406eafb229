"""Every code of a finding, with its meaning: a policy accepts a finding by its code."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType

CODES: Mapping[str, str] = MappingProxyType(
    {
        "kept-unique": "rows that are unique on the columns that are kept as they are",
        "kept-unique-with-quasi-identifiers": "rows that kept columns make unique within their class",
        "sensitive-unique": "rows that are unique on a sensitive column, which is released as it is",
        "kept-determines-quasi-identifier": "a kept column that states a quasi-identifier more exactly than its label",
        "repeated-identifier": "rows that share an identifier, where every row is counted as somebody else",
        "units-not-counted": "a table that does not hold the unit of its policy: rows are counted, not units",
        "one-sensitive-value": "rows in classes with a single value of a sensitive column that no model binds",
        "read-as-text": "columns that look like numbers or dates and were read as text",
        "look-alike-values": "values that a diversity model counts as several and a reader sees as one",
    }
)
"""Meaning of each code, as a noun phrase."""

EXAMPLE = '[accept] with kept-unique = "the costs are public"'


def unknown_code(code: str) -> str:
    """Return the message for a code that does not exist.

    Examples
    --------
    >>> unknown_code("kept-uniqe")[:63]
    'there is no finding `kept-uniqe`; did you mean `kept-unique`? T'
    """
    close = difflib.get_close_matches(code, CODES, n=1)
    hint = f"did you mean `{close[0]}`? " if close else ""
    return f"there is no finding `{code}`; {hint}The codes are {', '.join(sorted(CODES))}"
