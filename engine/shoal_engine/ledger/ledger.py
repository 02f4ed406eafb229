"""The ledger itself: a SQLite file to which lines are added, durably, one at a time, by any number of processes.

What is detected, and what is not: a line that was changed, removed, added or moved breaks the chain of hashes, which
`check` walks; the last line is checked before each debit. Whoever can write the file can rebuild the whole chain, or
put back an older copy: that is told only by what is kept elsewhere, a receipt, or an anchor file on another disk or
account, which holds the newest line. A copy of both put back together is told by nobody but the holder of a receipt.
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
from typing import Any

from shoal_engine.errors import BudgetExhausted, LedgerError
from shoal_engine.ledger.budgets import UNIT, Amounts, Budget, cost_of
from shoal_engine.ledger.entries import NOTHING, Entry, Receipt

_APPLICATION = 0x5348_4F4C
"""Marks the file as one of ours: SHOL."""
_VERSION = 1
_WAIT_SECONDS = 60.0
_TABLE = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY, time TEXT NOT NULL, policy TEXT NOT NULL, dataset TEXT NOT NULL, unit TEXT NOT NULL,
    events TEXT NOT NULL, cost TEXT NOT NULL, spent TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL
) STRICT"""
_FIELDS = ("number", "time", "policy", "dataset", "unit", "events", "cost", "spent", "previous", "hash")


class Ledger:
    """A budget for the data about some people, and what was spent of it.

    Parameters
    ----------
    path : path
        An existing ledger; `create` makes one.
    anchor : path, optional
        A file, best kept elsewhere, that holds the newest line: an older copy of the ledger is refused then.

    Raises
    ------
    LedgerError
        The file is not there, is no ledger, is damaged, or is older than its anchor.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = Ledger.create(folder.name + "/budget.db", Budget.of(epsilon="1"), unit="patient")
    >>> receipt = ledger.debit(Fraction(1, 4), Fraction(0), events="{}", dataset="visits", policy="")
    >>> receipt.number, ledger.remaining
    (1, (Fraction(3, 4), Fraction(0, 1)))
    >>> folder.cleanup()
    """

    def __init__(self, path: str | Path, *, anchor: str | Path | None = None) -> None:
        self.path = Path(path)
        self._anchor = None if anchor is None else Path(anchor)
        if not self.path.is_file():
            msg = f"there is no ledger at {str(self.path)!r}; make one with Ledger.create or `shoal ledger init`"
            raise LedgerError(msg)
        with self._connected() as connection:
            marks = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
            if marks != [_APPLICATION, _VERSION]:
                msg = f"{str(self.path)!r} is no ledger of version {_VERSION}; give the ledger's own file"
                raise LedgerError(msg)
            first = next(_entries(connection, "WHERE number = 0"), None)
            if first is None or not (first.is_sealed and first.follows(None)):
                how = "its first line is missing or was changed"
                raise self._damaged(how)
            self._last(connection)
        opened = json.loads(first.events)
        self.budget = Budget(opened["filter"], _amounts(" ".join(opened["limits"])))
        self.unit = first.unit

    @classmethod
    def create(cls, path: str | Path, budget: Budget, *, unit: str, anchor: str | Path | None = None) -> "Ledger":
        """Make a ledger that only its owner can read.

        Raises
        ------
        LedgerError
            The file is there already, or cannot be written.
        """
        path = Path(path)
        opening = {"filter": budget.filter, "limits": [str(limit) for limit in budget.limits]}
        first = Entry(0, _now(), "", "", unit, json.dumps(opening, sort_keys=True), (0, 0), (0, 0), NOTHING).sealed()
        try:
            # Made beside and renamed, so that no half of a ledger is ever found under its name.
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            msg = f"no ledger can be made at {str(path)!r}: {error.strerror}"
            raise LedgerError(msg) from None
        try:
            connection = sqlite3.connect(draft, isolation_level=None)
            with contextlib.closing(connection):
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
                connection.execute(_TABLE)
                _insert(connection, first)
            os.link(draft, path)
            _sync_folder(path.parent)
        except FileExistsError:
            msg = f"there is a file at {str(path)!r} already; a ledger is never written over, choose another name"
            raise LedgerError(msg) from None
        except (OSError, sqlite3.Error) as error:
            msg = f"no ledger can be made at {str(path)!r}: {error}"
            raise LedgerError(msg) from None
        finally:
            draft.unlink(missing_ok=True)
        made = cls(path)
        made._anchor = None if anchor is None else Path(anchor)
        made._keep_anchor(first)
        return made

    def debit(self, first: Fraction, delta: Fraction, *, events: str, dataset: str, policy: str) -> Receipt:
        """Charge a cost: when this returns it is on the disk, and noise may be drawn.

        Parameters
        ----------
        first, delta : Fraction
            Epsilon, or rho in a ledger of filter zcdp, and delta; rounded up to units of 2**-64.
        events : str
            What will be done, as JSON.
        dataset, policy : str
            What the data and the promise are known by.

        Raises
        ------
        BudgetExhausted
            The budget does not hold as much; nothing was charged.
        LedgerError
            The ledger is damaged, older than its anchor, or cannot be written; nothing was charged.
        NumberError
            The cost is negative, or nothing.
        """
        cost = cost_of(first, delta)
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            last = self._last(connection)
            if not self.budget.admits(last.spent, cost):
                connection.execute("ROLLBACK")
                left = _less(self.budget.limits, last.spent)
                msg = (
                    f"the budget is exhausted: asked for {self.budget.told(cost)}, and there is left "
                    f"{self.budget.told(left)}; ask for less, nothing was charged"
                )
                raise BudgetExhausted(msg, asked=_fractions(cost), remaining=_fractions(left))
            spent = (last.spent[0] + cost[0], last.spent[1] + cost[1])
            entry = Entry(last.number + 1, _now(), policy, dataset, self.unit, events, cost, spent, last.hash).sealed()
            _insert(connection, entry)
            connection.execute("COMMIT")
        self._keep_anchor(entry)
        return Receipt(str(self.path), entry.number, entry.hash)

    @property
    def spent(self) -> tuple[Fraction, Fraction]:
        """Return what was spent: epsilon or rho, and delta."""
        with self._connected() as connection:
            return _fractions(self._last(connection).spent)

    @property
    def remaining(self) -> tuple[Fraction, Fraction]:
        """Return what is left: epsilon or rho, and delta."""
        with self._connected() as connection:
            return _fractions(_less(self.budget.limits, self._last(connection).spent))

    def entries(self) -> list[Entry]:
        """Return every line, the one that opened the ledger first."""
        with self._connected() as connection:
            return list(_entries(connection))

    def check(self, *receipts: Receipt) -> int:
        """Walk the whole chain, and look for what receipts prove; return the number of lines.

        Raises
        ------
        LedgerError
            A line was changed, removed, added or moved, or the ledger is older than its anchor or a receipt.
        """
        before: Entry | None = None
        held: dict[int, str] = {}
        for entry in self.entries():
            if not (entry.is_sealed and entry.follows(before)):
                how = f"line {entry.number} was changed, or a line before it removed, added or moved"
                raise self._damaged(how)
            before, held[entry.number] = entry, entry.hash
        for receipt in receipts:
            if held.get(receipt.number) != receipt.hash:
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

    def _last(self, connection: sqlite3.Connection) -> Entry:
        """Return the last line, checked against itself, the line before it, and the anchor."""
        *before, last = reversed(list(_entries(connection, "ORDER BY number DESC LIMIT 2", order="")))
        if not (last.is_sealed and last.follows(before[0] if before else None)):
            how = "its last line was changed, or one before it removed"
            raise self._damaged(how)
        if self._anchor is not None and self._anchor.exists():
            number, _, kept = self._anchor.read_text(encoding="utf-8").strip().partition(" ")
            found = next(_entries(connection, "WHERE number = ?", (number,)), None)
            if found is None or found.hash != kept:
                how = f"it does not hold line {number} that its anchor proves; is it an older copy?"
                raise self._damaged(how)
        return last

    def _keep_anchor(self, entry: Entry) -> None:
        """Write the newest line into the anchor, whole or not at all."""
        if self._anchor is None:
            return
        draft = self._anchor.with_name(f".{self._anchor.name}.{os.getpid()}")
        with draft.open("w", encoding="utf-8") as file:
            file.write(f"{entry.number} {entry.hash}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._anchor)

    @contextlib.contextmanager
    def _connected(self) -> Generator[sqlite3.Connection]:
        """Open the file for one purpose; what SQLite complains of is an error of the ledger."""
        try:
            connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)
            with contextlib.closing(connection):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
        except sqlite3.Error as error:
            msg = f"the ledger at {str(self.path)!r} cannot be read or written: {error}; nothing was charged"
            raise LedgerError(msg) from None

    def _damaged(self, how: str) -> LedgerError:
        return LedgerError(
            f"the ledger at {str(self.path)!r} was tampered with or is damaged: {how}; nothing was charged"
        )


def _entries(
    connection: sqlite3.Connection, which: str = "", values: tuple[Any, ...] = (), *, order: str = " ORDER BY number"
) -> Iterator[Entry]:
    """Yield lines; amounts are kept as text, as they may be larger than 64 bits."""
    query = f"SELECT {', '.join(_FIELDS)} FROM entries {which}{order}"
    for row in connection.execute(query, values):
        told: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
        told["cost"], told["spent"] = _amounts(told["cost"]), _amounts(told["spent"])
        yield Entry(**told)


def _amounts(text: object) -> Amounts:
    """Read two whole numbers."""
    try:
        first, second = map(int, str(text).split())
    except ValueError:
        msg = "the amounts of a line cannot be read"
        raise sqlite3.DatabaseError(msg) from None
    return first, second


def _insert(connection: sqlite3.Connection, entry: Entry) -> None:
    told = asdict(entry) | {name: " ".join(map(str, getattr(entry, name))) for name in ("cost", "spent")}
    places = ", ".join(f":{name}" for name in _FIELDS)
    connection.execute(f"INSERT INTO entries VALUES ({places})", told)


def _less(limits: Amounts, spent: Amounts) -> Amounts:
    return limits[0] - spent[0], limits[1] - spent[1]


def _fractions(amounts: Amounts) -> tuple[Fraction, Fraction]:
    return amounts[0] * UNIT, amounts[1] * UNIT


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _sync_folder(folder: Path) -> None:
    """Make a new name durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
