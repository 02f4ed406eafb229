"""Charge a ledger for a release: open the ledger, and state the cost in the ledger's own measure."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from shoal_engine.errors import PolicyError

if TYPE_CHECKING:
    from shoal_engine.differential.events import Event
    from shoal_engine.ledger import Ledger

LedgerOrPath: TypeAlias = Union["Ledger", str, Path, None]
"""A ledger, or its path; None, said on purpose, charges nothing."""


def open_ledger(ledger: LedgerOrPath) -> "Ledger | None":
    """Return the ledger to charge, or None.

    Raises
    ------
    LedgerError
        The file is not a ledger, or is damaged.
    PolicyError
        The argument is neither a ledger nor a path.
    """
    if isinstance(ledger, str | Path):
        from shoal_engine.ledger import Ledger

        return Ledger(ledger)
    if ledger is not None and not hasattr(ledger, "debit"):
        msg = f"a ledger is a Ledger or the path of one, not a {type(ledger).__name__}; None charges nothing"
        raise PolicyError(msg)
    return ledger


def ledger_cost(
    ledger: "Ledger", event: "Event", epsilon: Fraction | None, delta: Fraction
) -> tuple[Fraction, Fraction]:
    """Return the cost of an event in a ledger's own measure: epsilon or rho, and delta.

    Raises
    ------
    PolicyError
        The ledger adds up epsilons, and the event has none.
    """
    from shoal_engine.differential.accounting.concentrated import delta_of, rho_of

    if ledger.budget.filter == "zcdp":
        return rho_of(event), delta_of(event)
    if epsilon is None:
        msg = "the ledger adds up epsilons, and a rho is asked for; give an epsilon, or use a ledger of rhos"
        raise PolicyError(msg)
    return epsilon, delta
