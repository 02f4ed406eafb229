"""A ledger: the privacy budget of a data set and every charge to it, append-only."""

from shoal_engine.ledger.budgets import Budget
from shoal_engine.ledger.entries import Entry, Receipt
from shoal_engine.ledger.ledger import Ledger

__all__ = ["Budget", "Entry", "Ledger", "Receipt"]
