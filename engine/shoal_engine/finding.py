"""One finding: what is true of a release, for which share of its rows, and what to do about it."""

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

Severity: TypeAlias = Literal["high", "medium", "note"]
"""high and medium await a decision; a note only informs."""

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


class Finding(Struct, frozen=True, kw_only=True):
    """Something that a release does not protect.

    Attributes
    ----------
    code : str
        One of `shoal_engine.finding.CODES`.
    severity : "high" | "medium" | "note"
    share : float or None
        Share of the released rows that it concerns, above 0; None where it is not about rows.
    columns : tuple of str
        Columns that it is about, the worst first.
    text : str
        What is true, in one sentence; no cell value.
    remedy : str
        What to do, in one sentence.
    accepted : str or None
        Reason for which a person accepted it; None while nobody has.

    Examples
    --------
    >>> finding = Finding(
    ...     code="kept-unique",
    ...     severity="high",
    ...     share=0.25,
    ...     columns=("cost",),
    ...     text="25.0 % of rows are unique on the kept column cost.",
    ...     remedy="Generalize or drop cost.",
    ... )
    >>> finding.is_open
    True
    """

    code: str
    severity: Severity
    share: float | None = None
    columns: tuple[str, ...] = ()
    text: str
    remedy: str
    accepted: str | None = None

    def __post_init__(self) -> None:
        """Check that the code exists."""
        if self.code not in CODES:
            raise ValueError(unknown_code(self.code))

    @property
    def is_open(self) -> bool:
        """Return whether the finding awaits a decision."""
        return self.severity != "note" and self.accepted is None


def accept_findings(findings: Iterable[Finding], reasons: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the findings, those accepted by code with their reason."""
    return tuple(msgspec.structs.replace(finding, accepted=reasons.get(finding.code)) for finding in findings)


def open_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that await a decision."""
    return tuple(finding for finding in findings if finding.is_open)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by severity and share, the worst first."""
    rank = {"high": 0, "medium": 1, "note": 2}
    return tuple(sorted(findings, key=lambda finding: (rank[finding.severity], -(finding.share or 0.0))))
