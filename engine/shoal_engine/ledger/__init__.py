"""A ledger: what was promised of a data set, what was spent of it, and nothing that could be given back."""

from shoal_engine.ledger.budgets import Budget
from shoal_engine.ledger.entries import Entry, Receipt
from shoal_engine.ledger.ledger import Ledger

__all__ = ["Budget", "Entry", "Ledger", "Receipt"]
