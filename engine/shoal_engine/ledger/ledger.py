"""The ledger itself: a SQLite file to which lines are added, durably, one at a time, by any number of processes.

Detected and undetected changes: a line that was changed, removed, added or moved breaks the chain of hashes, which is
walked when a ledger is opened and by `check`; before each debit the last line is checked, and that the file still holds
its first line and the newest that was seen. Whoever can write the file can rebuild the whole chain, or put back an
older copy before it is opened: that is detected only by evidence kept elsewhere, a receipt, or an anchor file on
another disk or account, which holds the newest line. A copy of both put back together is detected by nobody but the
holder of a receipt, and an anchor only moves with debits that name it.

Versions: lines of version 3 hold exact fractions, the columns of the unit as a list, which tables count as neighbors,
the distribution of the noise, a fingerprint of the data and a label for people; those of version 2 have no label, and
the first debit of their ledger makes room for it. A ledger of version 1 can be read, shown, checked and exported;
before anything is charged to it, `Ledger.upgrade` adds a line with what its lines lack. Lines that are there and their
hashes stay as they are.
"""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Literal, NoReturn

from shoal_engine.differential.exact_numbers import Exact
from shoal_engine.differential.named_choices import DistributionName, Neighbors, check_choice
from shoal_engine.errors import BudgetExhausted, LedgerError, PolicyError
from shoal_engine.html_tables import html_summary
from shoal_engine.ledger import rows
from shoal_engine.ledger.anchor import Anchor
from shoal_engine.ledger.budgets import Amounts, Budget, added, cost_of, write_amount
from shoal_engine.ledger.creation import make
from shoal_engine.ledger.entries import (
    NOTHING,
    Entry,
    Mark,
    Receipt,
    Unit,
    describe_unit,
    json_of,
    read_unit,
    text_of,
    unit_of,
    write_unit,
)

_LINES_SHOWN = 10
"""Lines that a notebook shows."""


class Ledger:
    """A privacy budget for data about people, and its charges.

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
        self.path = Path(path) if _is_path(path) else Path()
        self._anchor = None if anchor is None else Anchor(anchor)
        self._first: Mark | None = None
        self._seen: Mark | None = None
        if not _is_path(path) or not os.path.isfile(path):
            msg = f"there is no ledger at {str(self.path)!r}; make one with Ledger.create or `shoal ledger init`"
            raise LedgerError(msg)
        with self._sqlite_errors():
            version = rows.version_of(self.path)
        if version is None:
            msg = f"{str(self.path)!r} is no ledger of version {rows.VERSION} or before; give the ledger's own file"
            raise LedgerError(msg)
        self.version = version
        with self._transaction() as (connection, last):
            first = declared = None
            for line in self._walked(connection):
                first = first or line
                # The line that opened the ledger, or the one that upgraded it.
                if declared is None and line.version >= rows.DECLARED:
                    declared = line
        assert first is not None
        try:
            self.budget = Budget.opened(first.events, first.version)
            self.unit: Unit = read_unit((declared or first).unit, (declared or first).version)
        except ValueError:
            how = "its first line sets no budget, or no unit"
            raise self._damaged(how) from None
        self.neighbors: str | None = None if declared is None else declared.neighbors
        self._unit_text = (declared or first).unit
        self._first, self._seen = first.mark, last.mark

    @classmethod
    def create(
        cls,
        path: str | Path,
        budget: Budget,
        *,
        unit: str | Sequence[str] | None,
        neighbors: Neighbors = "add-remove",
        anchor: str | Path | None = None,
    ) -> "Ledger":
        """Make a ledger that only its owner can read, and its anchor.

        Parameters
        ----------
        path : path
        budget : Budget
        unit : str, sequence of str or None
            The columns that identify whom the budget protects. None, or the text ``"row"``, protects single rows; a
            column of that name is given as ``["row"]``.
        neighbors : "add-remove" | "change-one"
            Tables that count as neighbors in everything that is charged.
        anchor : path, optional

        Raises
        ------
        InputError
            The unit is no text.
        LedgerError
            The ledger or the anchor is there already, or cannot be written.
        PolicyError
            The neighbors are not known, or the unit names no column, or one twice.
        """
        check_choice(neighbors, Neighbors, name="neighbors")
        if not (isinstance(budget, Budget) and _is_path(path)):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = "a ledger is made at a path, of a Budget; give for example Budget.of(epsilon='10')"
            raise LedgerError(msg)
        text, nothing = write_unit(unit_of(unit)), (Fraction(0), Fraction(0))
        first = Entry(0, _now(), "", "", text, budget.opening(), nothing, nothing, NOTHING, neighbors=neighbors)
        make(Path(path), first.sealed(), None if anchor is None else Anchor(anchor))
        return cls(path, anchor=anchor)

    @classmethod
    def upgrade(
        cls,
        path: str | Path,
        *,
        unit: str | Sequence[str] | None,
        neighbors: Neighbors,
        anchor: str | Path | None = None,
    ) -> "Ledger":
        """Add to a ledger of version 1 a line with what its lines lack; existing lines stay as they are.

        Parameters
        ----------
        path, anchor : path
        unit : str, sequence of str or None
            As for `create`; the unit of the ledger must be these names with commas between them, or row.
        neighbors : "add-remove" | "change-one"
            Neighbors under which everything was charged so far; only you can know them.

        Raises
        ------
        LedgerError
            As for opening and debiting, or the ledger is of this version already.
        PolicyError
            The unit is not the one that the ledger names, or the neighbors are not known.
        """
        check_choice(neighbors, Neighbors, name="neighbors")
        columns, old = unit_of(unit), cls(path, anchor=anchor)
        if old.version >= rows.DECLARED:
            msg = f"the ledger at {str(old.path)!r} is of version {old.version} already; charge it as it is"
            raise LedgerError(msg)
        if old._unit_text != ("row" if columns is None else ",".join(columns)):
            declared = describe_unit(columns)
            msg = f"the ledger protects {old._unit_text!r}, and {declared} is declared; name the unit that it protects"
            raise PolicyError(msg)
        if old._anchor is not None:
            old._anchor.check_writable()
        nothing = (Fraction(0), Fraction(0))
        with old._transaction("IMMEDIATE") as (connection, last):
            told = (
                last.number + 1,
                _now(),
                "",
                "",
                write_unit(columns),
                '{"upgraded":3}',
                nothing,
                last.spent,
                last.hash,
            )
            entry = Entry(*told, neighbors=neighbors).sealed()
            rows.upgrade(connection)
            rows.insert(connection, entry)
            old._commit(connection)
            old._seen = entry.mark
            old._renew_anchor(connection, entry)
        return cls(path, anchor=anchor)

    def check_protects(self, unit: Sequence[str] | None, neighbors: str) -> None:
        """Check that a release has the ledger's unit and neighbors.

        Raises
        ------
        PolicyError
            It protects another unit, or by other neighbors; or the ledger is of version 1, which has neither.
        """
        columns: Unit = None if unit is None else tuple(unit)
        if self.version < rows.DECLARED:
            msg = (
                f"the ledger at {str(self.path)!r} is of version {self.version}, which does not say what counts as "
                "neighbors; add that by `Ledger.upgrade` or `shoal ledger upgrade` before anything is charged to it"
            )
            raise PolicyError(msg)
        if columns != self.unit:
            msg = (
                f"the ledger protects {describe_unit(self.unit)} as its unit, and {describe_unit(columns)} is asked "
                "for; use the ledger of this unit"
            )
            raise PolicyError(msg)
        if neighbors != self.neighbors:
            msg = (
                f"the ledger adds up releases that are private under {self.neighbors}, and this one is private under "
                f"{neighbors}, which is another promise; ask with neighbors={self.neighbors!r}, or use a ledger of "
                f"{neighbors}"
            )
            raise PolicyError(msg)

    def debit(
        self,
        first: Exact,
        delta: Exact = 0,
        *,
        events: str,
        dataset: str,
        policy: str,
        neighbors: Neighbors | None = None,
        distribution: DistributionName | None = None,
        fingerprint: str = "",
        label: str = "",
    ) -> Receipt:
        """Charge a cost: when this returns it is on the disk and in the anchor, and noise may be drawn.

        Parameters
        ----------
        first, delta : number
            Epsilon, or rho in a ledger of filter zcdp, and delta; exact, but floats are rounded toward more.
        events : str
            What will be done, as JSON.
        dataset, policy : str
            Names of the data and of the promise.
        neighbors : "add-remove" | "change-one", optional
            Neighbors under which the cost holds. Default: the ledger's.
        distribution : "laplace" | "gaussian", optional
            Distribution of the noise.
        fingerprint : str, optional
            Fingerprint of the data; it should disclose nothing else about them.
        label : str, optional
            Question or purpose, for people who read the ledger; it should disclose nothing about the data.

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
        PolicyError
            The cost holds under other neighbors, the distribution is not known, or the ledger is of version 1.
        """
        if neighbors is not None:
            check_choice(neighbors, Neighbors, name="neighbors")
        if distribution is not None:
            check_choice(distribution, DistributionName, name="distribution")
        cost, events = cost_of(first, delta), json_of(events)
        dataset, policy = text_of(dataset, name="dataset"), text_of(policy, name="policy")
        fingerprint, label = text_of(fingerprint, name="fingerprint"), text_of(label, name="label")
        self.check_protects(self.unit, neighbors or self.neighbors or "")
        if self._anchor is not None:
            self._anchor.check_writable()
        with self._transaction("IMMEDIATE") as (connection, last):
            if not self.budget.admits(last.spent, cost):
                self._refuse(cost, _less(self.budget.limits, last.spent))
            spent = added(last.spent, cost)
            told = (last.number + 1, _now(), policy, dataset, self._unit_text, events, cost, spent, last.hash)
            entry = Entry(
                *told, neighbors=self.neighbors or "", law=distribution or "", fingerprint=fingerprint, label=label
            ).sealed()
            rows.upgrade(connection)
            rows.insert(connection, entry)
            self._commit(connection)
            self._seen, self.version = entry.mark, rows.VERSION
            self._renew_anchor(connection, entry)
        return Receipt(str(self.path), entry.number, entry.hash)

    @property
    def spent(self) -> tuple[Fraction, Fraction]:
        """Return the spent budget: epsilon or rho, and delta."""
        with self._transaction() as (_, last):
            return last.spent

    @property
    def remaining(self) -> tuple[Fraction, Fraction]:
        """Return the remaining budget: epsilon or rho, and delta."""
        with self._transaction() as (_, last):
            return _less(self.budget.limits, last.spent)

    def entries(self) -> list[Entry]:
        """Return every line, the one that opened the ledger first; the chain is walked."""
        with self._transaction() as (connection, _):
            return list(self._walked(connection))

    def check(self, *receipts: Receipt) -> int:
        """Walk the whole chain, and look for the lines of the anchor and the receipts; return the number of lines.

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
        """Return all lines as JSON; amounts are ratios in text, of lines of version 1 integers of units of 2**-64."""
        lines = [
            asdict(entry)
            | {name: [write_amount(one, entry.version) for one in getattr(entry, name)] for name in ("cost", "spent")}
            for entry in self.entries()
        ]
        return json.dumps({"unit_of_amounts_in_version_1": "2**-64", "entries": lines}, indent=1)

    def _repr_html_(self) -> str:
        """Return budget and newest lines as HTML for notebooks."""
        lines = self.entries()
        spent, limits = lines[-1].spent, self.budget.limits
        shown = lines[1:][-_LINES_SHOWN:]
        rows = [[str(one.number), one.time, one.label or one.dataset, self.budget.told(one.cost)] for one in shown]
        told = f"spent {self.budget.told(spent)} of {self.budget.told(limits)}"
        more = [f"{len(lines) - 1 - len(shown):,} earlier lines are not shown."] if len(shown) < len(lines) - 1 else []
        return html_summary(f"Ledger: {told}", ["line", "time (UTC)", "question", "cost"], rows, more, texts=4)

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
        writes = kind == "IMMEDIATE"
        with (
            self._sqlite_errors(),
            contextlib.closing(rows.connect(self.path)) if writes else rows.reading(self.path) as connection,
        ):
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
        raise BudgetExhausted(msg, asked=cost, remaining=left)

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
        """Raise errors of SQLite, before anything is committed, as errors of the ledger."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            what = "see to its permissions and its disk"
            if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                what = "somebody else holds it; wait for them and ask again"
            msg = f"the ledger at {str(self.path)!r} cannot be read or written: {error}; nothing was charged, {what}"
            raise LedgerError(msg) from None
        except (UnicodeError, OverflowError, RecursionError):
            # Of bytes that SQLite itself does not look at, such as the text of its own tables.
            how = "it holds what is no text, or no number"
            raise self._damaged(how) from None

    def _damaged(self, how: str) -> LedgerError:
        return LedgerError(
            f"the ledger at {str(self.path)!r} was tampered with or is damaged: {how}; nothing was charged, put back "
            "its newest copy and check it against receipts"
        )


def _less(limits: Amounts, spent: Amounts) -> Amounts:
    return limits[0] - spent[0], limits[1] - spent[1]


def _is_path(path: object) -> bool:
    return isinstance(path, str | Path) and "\0" not in str(path)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
