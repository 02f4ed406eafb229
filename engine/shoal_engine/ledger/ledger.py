"""The ledger itself: a SQLite file to which lines are added, durably, one at a time, by any number of processes.

What is detected, and what is not: a line that was changed, removed, added or moved breaks the chain of hashes, which is
walked when a ledger is opened and by `check`; before each debit the last line is checked, and that the file still holds
its first line and the newest that was seen. Whoever can write the file can rebuild the whole chain, or put back an
older copy before it is opened: that is told only by what is kept elsewhere, a receipt, or an anchor file on another
disk or account, which holds the newest line. A copy of both put back together is told by nobody but the holder of a
receipt, and an anchor only moves with debits that name it.
"""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Literal, NoReturn

from shoal_engine.differential.exact_numbers import Exact
from shoal_engine.errors import BudgetExhausted, LedgerError
from shoal_engine.ledger import rows
from shoal_engine.ledger.anchor import Anchor
from shoal_engine.ledger.budgets import UNIT, Amounts, Budget, cost_of
from shoal_engine.ledger.entries import NOTHING, Entry, Mark, Receipt, json_of, text_of
from shoal_engine.ledger.making import make


class Ledger:
    """A budget for the data about some people, and what was spent of it.

    Every line is read when a ledger is opened, in about 13 microseconds each; a debit reads a few, however many there
    are.

    Parameters
    ----------
    path : path
        An existing ledger; `create` makes one.
    anchor : path, optional
        A file, best kept elsewhere, that holds the newest line: an older copy of the ledger is refused then. It has to
        be there; `create` makes it with the ledger.

    Raises
    ------
    LedgerError
        The file is not there, is no ledger, is damaged, or is older than its anchor; or the anchor is missing or
        cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = Ledger.create(folder.name + "/budget.db", Budget.of(epsilon="1"), unit="patient")
    >>> receipt = ledger.debit("1/4", events="{}", dataset="visits", policy="")
    >>> receipt.number, ledger.remaining
    (1, (Fraction(3, 4), Fraction(0, 1)))
    >>> folder.cleanup()
    """

    def __init__(self, path: str | Path, *, anchor: str | Path | None = None) -> None:
        self.path = Path(path)
        self._anchor = None if anchor is None else Anchor(anchor)
        self._first: Mark | None = None
        self._seen: Mark | None = None
        if not os.path.isfile(path):
            msg = f"there is no ledger at {str(self.path)!r}; make one with Ledger.create or `shoal ledger init`"
            raise LedgerError(msg)
        with self._sqlite_errors():
            ours = rows.is_ours(self.path)
        if not ours:
            msg = f"{str(self.path)!r} is no ledger of version {rows.VERSION}; give the ledger's own file"
            raise LedgerError(msg)
        with self._transaction() as (connection, last):
            lines = self._walked(connection)
            first = next(lines)
            for _ in lines:
                pass
        try:
            self.budget = Budget.opened(first.events)
        except ValueError:
            how = "its first line sets no budget"
            raise self._damaged(how) from None
        self.unit = first.unit
        self._first, self._seen = first.mark, last.mark

    @classmethod
    def create(cls, path: str | Path, budget: Budget, *, unit: str, anchor: str | Path | None = None) -> "Ledger":
        """Make a ledger that only its owner can read, and its anchor.

        Raises
        ------
        InputError
            The unit is no text.
        LedgerError
            The ledger or the anchor is there already, or cannot be written.
        """
        unit = text_of(unit, name="unit")
        first = Entry(0, _now(), "", "", unit, budget.opening(), (0, 0), (0, 0), NOTHING).sealed()
        make(Path(path), first, None if anchor is None else Anchor(anchor))
        return cls(path, anchor=anchor)

    def debit(self, first: Exact, delta: Exact = 0, *, events: str, dataset: str, policy: str) -> Receipt:
        """Charge a cost: when this returns it is on the disk and in the anchor, and noise may be drawn.

        Parameters
        ----------
        first, delta : number
            Epsilon, or rho in a ledger of filter zcdp, and delta; rounded up to units of 2**-64, floats toward more.
        events : str
            What will be done, as JSON.
        dataset, policy : str
            What the data and the promise are known by.

        Raises
        ------
        BudgetExhausted
            The budget does not hold as much; nothing was charged.
        InputError
            The events are no JSON, or a name is no text; nothing was charged.
        LedgerError
            The ledger is damaged, swapped, older than its anchor, or cannot be written. The message says whether
            something was charged; draw no noise in any case.
        NumberError
            The cost cannot be read exactly, is negative, or nothing.
        """
        cost, events = cost_of(first, delta), json_of(events)
        dataset, policy = text_of(dataset, name="dataset"), text_of(policy, name="policy")
        if self._anchor is not None:
            self._anchor.check_writable()
        with self._transaction("IMMEDIATE") as (connection, last):
            if not self.budget.admits(last.spent, cost):
                self._refuse(cost, _less(self.budget.limits, last.spent))
            spent = (last.spent[0] + cost[0], last.spent[1] + cost[1])
            entry = Entry(last.number + 1, _now(), policy, dataset, self.unit, events, cost, spent, last.hash).sealed()
            rows.insert(connection, entry)
            self._commit(connection)
            self._seen = entry.mark
            self._renew_anchor(connection, entry)
        return Receipt(str(self.path), entry.number, entry.hash)

    @property
    def spent(self) -> tuple[Fraction, Fraction]:
        """Return what was spent: epsilon or rho, and delta."""
        with self._transaction() as (_, last):
            return _fractions(last.spent)

    @property
    def remaining(self) -> tuple[Fraction, Fraction]:
        """Return what is left: epsilon or rho, and delta."""
        with self._transaction() as (_, last):
            return _fractions(_less(self.budget.limits, last.spent))

    def entries(self) -> list[Entry]:
        """Return every line, the one that opened the ledger first; the chain is walked."""
        with self._transaction() as (connection, _):
            return list(self._walked(connection))

    def check(self, *receipts: Receipt) -> int:
        """Walk the whole chain, and look for what the anchor and receipts prove; return the number of lines.

        Raises
        ------
        LedgerError
            A line was changed, removed, added or moved, the file was swapped, or the ledger is older than its anchor
            or a receipt.
        """
        held = [entry.hash for entry in self.entries()]
        for receipt in receipts:
            if not 0 <= receipt.number < len(held) or held[receipt.number] != receipt.hash:
                how = f"it does not hold line {receipt.number} that a receipt proves; is it an older copy?"
                raise self._damaged(how)
        return len(held)

    def export(self) -> str:
        """Return all lines as JSON, amounts as whole numbers of units of 2**-64 in text."""
        lines = [
            asdict(entry) | {"cost": [*map(str, entry.cost)], "spent": [*map(str, entry.spent)]}
            for entry in self.entries()
        ]
        return json.dumps({"unit_of_amounts": "2**-64", "entries": lines}, indent=1)

    @contextlib.contextmanager
    def _transaction(
        self, kind: Literal["DEFERRED", "IMMEDIATE"] = "DEFERRED"
    ) -> Generator[tuple[sqlite3.Connection, Entry]]:
        """Open the file and give its last line, once it is known to be the ledger that was opened, and no older.

        Whatever is not committed when the block ends is rolled back.
        """
        # Before the lines are read, as lines are only added: one that comes meanwhile is no line that was lost.
        proven = None if self._anchor is None else self._anchor.read()
        first, seen = self._first, self._seen
        with self._sqlite_errors(), contextlib.closing(rows.connect(self.path)) as connection:
            connection.execute(f"BEGIN {kind}")
            last, *before = rows.newest(connection) or [None]
            if last is None or not (last.is_sealed and last.follows(before[0] if before else None)):
                how = "its last line was changed, or one before it removed"
                raise self._damaged(how)
            if proven is not None and not rows.holds(connection, proven):
                how = f"it does not hold line {proven.number} that its anchor proves; is it older, or another ledger?"
                raise self._damaged(how)
            if first is not None and not rows.holds(connection, first):
                how = "its first line is not the one that was opened; was it swapped for another ledger?"
                raise self._damaged(how)
            if seen is not None and not rows.holds(connection, seen):
                how = f"it no longer holds line {seen.number}, which was there; is it an older copy?"
                raise self._damaged(how)
            yield connection, last

    def _walked(self, connection: sqlite3.Connection) -> Iterator[Entry]:
        """Yield every line, each once it is known to continue the one before."""
        before: Entry | None = None
        for entry in rows.lines(connection):
            if not (entry.is_sealed and entry.follows(before)):
                how = f"line {entry.number} was changed, or a line before it removed, added or moved"
                raise self._damaged(how)
            before = entry
            yield entry

    def _refuse(self, cost: Amounts, left: Amounts) -> NoReturn:
        asked, remaining = self.budget.told(cost), self.budget.told(left)
        msg = f"the budget is exhausted: asked for {asked}, and there is left {remaining}"
        msg += "; ask for less, nothing was charged"
        raise BudgetExhausted(msg, asked=_fractions(cost), remaining=_fractions(left))

    def _commit(self, connection: sqlite3.Connection) -> None:
        """Put the new line on the disk; where that fails it may be there, or may appear after a crash."""
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            msg = (
                f"a debit from {str(self.path)!r} could not be finished: {error}; whether it was charged is not known, "
                "so draw no noise, see to the disk, and look at the lines with `shoal ledger show`"
            )
            raise LedgerError(msg) from None

    def _renew_anchor(self, connection: sqlite3.Connection, entry: Entry) -> None:
        """Put the newest line into the anchor, under the ledger's lock; `anchor` says why in this order."""
        if self._anchor is None:
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            if not rows.holds(connection, entry.mark):
                msg = "the ledger no longer holds the line"
                raise sqlite3.DatabaseError(msg)
            self._anchor.write(rows.newest(connection)[0].mark)
            connection.execute("ROLLBACK")
        except (OSError, sqlite3.Error) as error:
            msg = (
                f"line {entry.number} was charged to {str(self.path)!r}, but its anchor {str(self._anchor.path)!r} "
                f"could not be renewed: {error}; draw no noise for it, see to the anchor's disk, and ask again"
            )
            raise LedgerError(msg) from None

    @contextlib.contextmanager
    def _sqlite_errors(self) -> Generator[None]:
        """Tell what SQLite complains of, before anything is committed, as an error of the ledger."""
        try:
            yield
        except sqlite3.Error as error:
            msg = (
                f"the ledger at {str(self.path)!r} cannot be read or written: {error}; nothing was charged, see to its "
                "permissions and its disk"
            )
            raise LedgerError(msg) from None

    def _damaged(self, how: str) -> LedgerError:
        return LedgerError(
            f"the ledger at {str(self.path)!r} was tampered with or is damaged: {how}; nothing was charged, put back "
            "its newest copy and check it against receipts"
        )


def _less(limits: Amounts, spent: Amounts) -> Amounts:
    return limits[0] - spent[0], limits[1] - spent[1]


def _fractions(amounts: Amounts) -> tuple[Fraction, Fraction]:
    return amounts[0] * UNIT, amounts[1] * UNIT


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
