"""Everything that a report prints, as typed values; the page prints these and nothing else.

A number is stated as it is printed: `Figure.value` is rounded to what `Figure.text` shows. No value of a cell and no
count of people below k is among them.
"""

from typing import Any

import msgspec
from msgspec import Struct

VERSION = 1


class Figure(Struct, frozen=True):
    """A number and how it is printed.

    Attributes
    ----------
    value : int or float, optional
        As printed, percentages as shares; None if there is no such number, or it is not shown.
    text : str
    """

    value: int | float | None
    text: str


class Term(Struct, frozen=True):
    """A heading and its text."""

    term: str
    text: str


class Verdict(Struct, frozen=True):
    """Whether the promises hold, and whether a finding needs a decision."""

    open: bool
    title: str
    text: str


class ReportedFinding(Struct, frozen=True):
    """A finding, as `shoal_engine.finding.Finding`, with its number on the page."""

    number: int
    code: str
    severity: str
    text: str
    remedy: str
    accepted: str | None = None
    meaning: str = ""


class RiskRow(Struct, frozen=True):
    """A measure of risk before and after, and the limit that the policy declares."""

    measure: str
    before: Figure
    after: Figure
    limit: Figure


class Bar(Struct, frozen=True):
    """A share as a bar: its figure, and its length in percent of that of 100 %."""

    figure: Figure
    length: float


class SizeRow(Struct, frozen=True):
    """People in classes of some sizes, before and after."""

    sizes: str
    before: Bar
    after: Bar


class ColumnRow(Struct, frozen=True):
    """A column: its role, what was done, distinct values before and after, and its loss."""

    name: str
    role: str
    action: str
    distinct: str
    loss: Bar | None = None


class LearnedRow(Struct, frozen=True):
    """One criterion of WP216: what the release states of it, and what an attack measured."""

    criterion: str
    stated: str
    measured: str


class FrontierPoint(Struct, frozen=True):
    """One release that was tried: method, strength, risk and usefulness; `x` and `y` place it in the picture."""

    method: str
    strength: Figure
    risk: Figure
    usefulness: Figure
    chosen: bool
    x: float
    y: float


class Mark(Struct, frozen=True):
    """A text at a place of the picture."""

    text: str
    at: float


class FrontierFacts(Struct, frozen=True):
    """Privacy against usefulness of the releases that were tried."""

    recommendation: str
    strength: str
    usefulness: str
    points: tuple[FrontierPoint, ...]
    methods: tuple[str, ...]
    lines: tuple[Mark, ...]
    x_marks: tuple[Mark, ...]
    y_marks: tuple[Mark, ...]
    description: str


class Charge(Struct, frozen=True):
    """One line of a ledger."""

    number: Figure
    when: str
    label: str
    first: Figure
    delta: Figure


class BudgetFacts(Struct, frozen=True):
    """The charges of a ledger, what they sum to, and the limits."""

    caption: str
    measure: str
    charges: tuple[Charge, ...]
    spent: str
    spent_delta: str


class OtherRelease(Struct, frozen=True):
    """Another release whose certificate was given."""

    input: str
    date: str
    k: Figure
    same_input: str
    output_sha256: str


class PresetRow(Struct, frozen=True):
    """A named rule, and whether the release meets it."""

    name: str
    rule: str
    figure: str
    reached: str
    met: bool | None
    source: str


class Digests(Struct, frozen=True):
    """SHA-256 of policy, input and output."""

    policy_sha256: str
    output_sha256: str
    input_sha256: str | None = None


class ReportFacts(Struct, frozen=True, kw_only=True):
    """Everything that a report prints.

    Attributes
    ----------
    report : int
        Version of this form.
    title, shoal, language : str
        Name of the input, version of shoal, and language of the texts.
    summary : str
        Rows, columns, date and digests in one line.
    verdict : Verdict
    questions : tuple of Term
        Five questions and their answers.
    findings : tuple of ReportedFinding
        Those that need a decision first, then those that were accepted, then notes.
    terms : tuple of Term
        Recipient, purpose, access and reason, as the policy declares them.
    approve : str
        Sentence above the signature.
    risk, class_sizes, columns, learned : tuple
        Rows of the tables; each has a caption in `captions`.
    captions : dict
    removed : str
    frontier, budget : optional
    budget_text : str
        What there is to say if no ledger was given.
    others : tuple of OtherRelease
    presets : tuple of PresetRow
    limits : tuple of str
        What the report does not cover.
    definitions, evidence : tuple of Term
    digests : Digests
    policy : str
        The policy as TOML.
    check : str
        Commands that check the release.
    """

    report: int = VERSION
    title: str
    shoal: str
    language: str = "en"
    summary: str
    verdict: Verdict
    questions: tuple[Term, ...]
    findings: tuple[ReportedFinding, ...]
    terms: tuple[Term, ...]
    approve: str
    risk: tuple[RiskRow, ...]
    class_sizes: tuple[SizeRow, ...]
    columns: tuple[ColumnRow, ...]
    removed: str
    learned: tuple[LearnedRow, ...]
    captions: dict[str, str]
    frontier: FrontierFacts | None = None
    budget: BudgetFacts | None = None
    budget_text: str
    others: tuple[OtherRelease, ...] = ()
    presets: tuple[PresetRow, ...] = ()
    limits: tuple[str, ...]
    definitions: tuple[Term, ...]
    evidence: tuple[Term, ...]
    digests: Digests
    policy: str
    check: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as the JSON reads."""
        return msgspec.to_builtins(self)

    def to_json(self) -> str:
        """Return indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"


def facts_schema() -> dict[str, Any]:
    """Return the JSON schema of a report's facts.

    Examples
    --------
    >>> "verdict" in facts_schema()["$defs"]["ReportFacts"]["required"]
    True
    """
    return msgspec.json.schema(ReportFacts)
