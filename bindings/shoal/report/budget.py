"""The privacy budget of a report: the lines of a ledger, their sum and the limits."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.report.facts import BudgetFacts, Charge
from shoal.report.figures import count, exact
from shoal_engine.anonymity.criteria.sentences import NO_BUDGET

if TYPE_CHECKING:
    from shoal_engine.ledger import Ledger

NO_LEDGER = (
    "None spent: this release is protected by k-anonymity, not by noise, and no ledger was named. k-anonymity does not "
    "bound what several releases of the same people reveal together; differential privacy does."
)
_SIGNS: Mapping[str, str] = {"epsilon": "ε", "rho": "ρ"}
_NEIGHBORS: Mapping[str | None, str] = {
    "add-remove": "add or remove one",
    "change-one": "change one",
    None: "neighbors not stated",
}


def budget_of(ledger: "Ledger | str | Path | None") -> tuple[BudgetFacts | None, str, str]:
    """Return the charges of a ledger, the answer to the last of the five questions, and the text of the section.

    Raises
    ------
    LedgerError
        There is no such ledger, or it is damaged.
    """
    if ledger is None:
        return None, NO_BUDGET, NO_LEDGER
    from shoal_engine.ledger import Ledger

    opened = Ledger(ledger) if isinstance(ledger, str | Path) else ledger
    lines = opened.entries()
    sign = _SIGNS[opened.budget.names[0]]
    charged = [line for line in lines if any(line.cost)]
    charges = tuple(
        Charge(count(line.number), line.time[:16].replace("T", " "), _label(line), *map(exact, line.cost))
        for line in charged
    )
    (spent, delta), (limit, most) = lines[-1].spent, opened.budget.limits
    unit = "single rows" if opened.unit is None else ", ".join(opened.unit)
    rule = "basic composition" if opened.budget.filter == "basic" else "zero-concentrated composition"
    facts = BudgetFacts(
        f"Answers about the same people, from ledger {opened.path.name} (unit: {unit}; "
        f"{_NEIGHBORS.get(opened.neighbors, '')}; {rule}; chain of {len(lines):,} hashes intact)",
        sign,
        charges,
        f"{exact(spent).text} of {exact(limit).text}",
        f"{exact(delta).text} of {exact(most).text}",
    )
    entries = "1 entry" if len(charged) == 1 else f"{len(charged):,} entries"
    answer = (
        f"None for these rows. Answers about the same people have spent {sign} {facts.spent} and δ {facts.spent_delta} "
        f"so far (ledger {opened.path.name}, {entries})."
    )
    return facts, answer, ""


def _label(line: object) -> str:
    """Return the label of a line, or the name of its data."""
    label = getattr(line, "label", "")
    return str(label or getattr(line, "dataset", ""))
