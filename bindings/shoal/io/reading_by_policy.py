"""Tables read for a policy: declared types, numbers and dates where roles need them, remarks on the rest."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.reading import Guess, Reading, declared_frame, read_path
from shoal.io.surviving_types import Remark
from shoal_engine.anonymity.policy.hierarchies import Dates, Intervals
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.declarations import Declarations
from shoal_engine.finding import Finding

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.roles import QuasiIdentifier

_DECLARED = {
    "number": "type = 'float' (with decimal_sign = ',' if so) or type = 'integer'",
    "date": "type = 'date' with its format, such as '%d.%m.%Y'",
    "datetime": "type = 'datetime' with its format, such as '%d.%m.%Y %H:%M', or with its zone",
    "time": "type = 'time' with its format, such as '%H:%M'",
}


def read_by_policy(frame: IntoFrame, policy: Policy, *, population: bool = False) -> Reading:
    """Read a table as its policy declares; a role that needs numbers or dates counts as a declaration.

    Parameters
    ----------
    frame : frame, table or path
    policy : Policy
    population : bool
        Whether it is the population table, which need not have all columns.

    Raises
    ------
    ColumnError, InputError
        As for `shoal.read_table`.
    """
    declared = policy.declarations
    if isinstance(frame, str | Path):
        return read_path(
            frame,
            declared if not population else _of_quasi_identifiers(policy),
            wanted=_wanted(policy),
            only=policy.columns.keys(),
        )
    return declared_frame(into_lazy(frame), declared if not population else _of_quasi_identifiers(policy))


def text_findings(remarks: Iterable[Remark], policy: Policy) -> list[Finding]:
    """Return a note for each column of the policy that looks like numbers or dates and was read as text.

    Counts below k are not shown.
    """
    found: list[Finding] = []
    for one in remarks:
        if one.column not in policy.quasi_identifiers and one.column not in policy.sensitive:
            continue
        few = one.in_the_way < policy.k
        count = f"fewer than {policy.k}" if few else f"{one.in_the_way:,}"
        text = (
            f"{one.column} looks like a {one.looks_like} and is read as text: {count} of its values would not "
            "survive the way back."
        )
        remedy = (
            f"Declare it under [column.{one.column}]: {_DECLARED[one.looks_like]}; or type = 'text' if it is right."
        )
        found.append(
            Finding(code="read-as-text", severity="note", share=None, columns=(one.column,), text=text, remedy=remedy)
        )
    return found


def _wanted(policy: Policy) -> dict[str, Guess]:
    """Return the quasi-identifiers whose role needs numbers or dates."""
    found: dict[str, Guess] = {}
    for name, role in policy.quasi_identifiers.items():
        kind = _kind_of(role)
        if kind is not None:
            found[name] = kind
    return found


def _kind_of(role: "QuasiIdentifier") -> Guess | None:
    """Return the type that a role needs, or None."""
    if role.kind == "number" or isinstance(role.hierarchy, Intervals) or role.output == "mean":
        return "number"
    if role.kind == "date" or isinstance(role.hierarchy, Dates):
        return "date"
    if role.transform is not None and type(role.transform).__name__ != "PostRandomize":
        return "number"
    return None


def _of_quasi_identifiers(policy: Policy) -> Declarations:
    """Return the declarations of quasi-identifiers, which a population also has."""
    columns = {name: one for name, one in policy.column.items() if name in policy.quasi_identifiers}
    return Declarations(policy.file, columns)
