"""Lines as rows of a SQLite file: how it is opened, and how lines are written and read."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shoal_engine.ledger.budgets import Amounts
from shoal_engine.ledger.entries import Entry, Mark

_APPLICATION = 0x5348_4F4C
"""Marks the file as one of ours: SHOL."""
VERSION = 1
_WAIT_SECONDS = 60.0
_TABLE = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY, time TEXT NOT NULL, policy TEXT NOT NULL, dataset TEXT NOT NULL, unit TEXT NOT NULL,
    events TEXT NOT NULL, cost TEXT NOT NULL, spent TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL
) STRICT"""
_FIELDS = ("number", "time", "policy", "dataset", "unit", "events", "cost", "spent", "previous", "hash")
_TEXTS = ("time", "policy", "dataset", "unit", "events", "previous", "hash")


def connect(path: Path, *, options: str = "mode=rw") -> sqlite3.Connection:
    """Open a file that is there; none is made where there is none."""
    address = f"{path.absolute().as_uri()}?{options}"
    connection = sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)
    try:
        # As FULL, but also durable where somebody took the file out of the mode with a write-ahead log.
        connection.execute("PRAGMA synchronous = EXTRA")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def is_ours(path: Path) -> bool:
    """Tell whether a file is marked as a ledger of this version, without touching it.

    SQLite is told that the file cannot change, so it takes no lock and makes no file beside it. It is not opened as a
    plain file: to close one would drop the locks that other threads of this process hold on it through SQLite.
    """
    try:
        with contextlib.closing(connect(path, options="mode=ro&immutable=1")) as connection:
            names = ("application_id", "user_version")
            return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names] == [_APPLICATION, VERSION]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            return False
        raise


def fill(path: Path, first: Entry) -> None:
    """Make a ledger of an empty file."""
    with contextlib.closing(connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(_TABLE)
        insert(connection, first)
        # Readers then never wait for writers. Last, so that what is above is in the file itself, not in its log.
        connection.execute("PRAGMA journal_mode = WAL")


def insert(connection: sqlite3.Connection, entry: Entry) -> None:
    """Add a line."""
    told = asdict(entry) | {name: " ".join(map(str, getattr(entry, name))) for name in ("cost", "spent")}
    places = ", ".join(f":{name}" for name in _FIELDS)
    connection.execute(f"INSERT INTO entries VALUES ({places})", told)


def lines(connection: sqlite3.Connection) -> Iterator[Entry]:
    """Yield every line, the first one first."""
    return _select(connection, "ORDER BY number")


def newest(connection: sqlite3.Connection) -> list[Entry]:
    """Return the last line and the one before it, as far as there are any."""
    return list(_select(connection, "ORDER BY number DESC LIMIT 2"))


def holds(connection: sqlite3.Connection, mark: Mark) -> bool:
    """Tell whether a line is there, by its hash."""
    return any(entry.mark == mark for entry in _select(connection, "WHERE number = ?", mark.number))


def _select(connection: sqlite3.Connection, which: str, *values: int) -> Iterator[Entry]:
    for row in connection.execute(f"SELECT {', '.join(_FIELDS)} FROM entries {which}", values):
        told: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
        if type(told["number"]) is not int or any(type(told[name]) is not str for name in _TEXTS):
            msg = "the fields of a line are not of their types"
            raise sqlite3.DatabaseError(msg)
        told["cost"], told["spent"] = _amounts(told["cost"]), _amounts(told["spent"])
        yield Entry(**told)


def _amounts(text: object) -> Amounts:
    """Read two whole numbers, which are kept as text, as they may be larger than 64 bits."""
    try:
        first, second = map(int, str(text).split())
    except ValueError:
        msg = "the amounts of a line cannot be read"
        raise sqlite3.DatabaseError(msg) from None
    return first, second
