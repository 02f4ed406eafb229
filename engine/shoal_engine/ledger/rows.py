"""Lines as rows of a SQLite file: how it is opened, and how lines are written and read."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shoal_engine.ledger.budgets import Amounts, read_amount, write_amount
from shoal_engine.ledger.entries import Entry, Mark

_APPLICATION = 0x5348_4F4C
"""Marks the file as one of ours: SHOL."""
VERSION = 3
DECLARED = 2
"""Lines since this version say unit and neighbors exactly, so their ledger can be charged."""
_VERSIONS = (1, 2, 3)
_WAIT_SECONDS = 60.0
_TABLE = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY, time TEXT NOT NULL, policy TEXT NOT NULL, dataset TEXT NOT NULL, unit TEXT NOT NULL,
    events TEXT NOT NULL, cost TEXT NOT NULL, spent TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL
) STRICT"""
_ADDED = ("neighbors TEXT NOT NULL DEFAULT ''", "law TEXT NOT NULL DEFAULT ''", "fingerprint TEXT NOT NULL DEFAULT ''")
"""Columns since version 2, of lines that were written before empty; with that of the line's version."""
_LABEL_COLUMN = "label TEXT NOT NULL DEFAULT ''"
"""Column since version 3, of lines that were written before empty."""
_VERSION_COLUMN = "version INTEGER NOT NULL DEFAULT 1"
_TEXTS = ("time", "policy", "dataset", "unit", "events", "previous", "hash")
_FIRST = ("number", "time", "policy", "dataset", "unit", "events", "cost", "spent", "previous", "hash")
_SECOND = (*_FIRST, "neighbors", "law", "fingerprint", "version")
_FIELDS = {1: _FIRST, 2: _SECOND, 3: (*_SECOND, "label")}


def connect(path: Path, *, options: str = "mode=rw") -> sqlite3.Connection:
    """Open an existing file, without creating one."""
    address = f"{path.absolute().as_uri()}?{options}"
    connection = sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)
    try:
        # As FULL, but also durable where somebody took the file out of the mode with a write-ahead log.
        connection.execute("PRAGMA synchronous = EXTRA")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def reading(path: Path) -> Generator[sqlite3.Connection]:
    """Open a file to be read, also one that cannot be written, or whose folder cannot.

    SQLite wants to make files next to a file with a write-ahead log. Where it cannot, and there is no log, the file is
    opened as immutable; where there is one, both are copied and the copies opened.
    """
    if os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK):
        with contextlib.closing(connect(path)) as connection:
            yield connection
        return
    log = path.with_name(path.name + "-wal")
    if not (log.exists() and log.stat().st_size):
        with contextlib.closing(connect(path, options="mode=ro&immutable=1")) as connection:
            yield connection
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(path, copy)
        shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
        with contextlib.closing(connect(copy)) as connection:
            yield connection


def version_of(path: Path) -> int | None:
    """Return the version that marks a file as a ledger, without touching it; None if it is unknown.

    SQLite opens the file as immutable, so it takes no lock and makes no other file. It is not opened as a
    plain file: to close one would drop the locks that other threads of this process hold on it through SQLite. A
    writer that was killed while its log was copied into the file leaves it half copied, which looks like damage until
    it is opened with its log: so that is done then.
    """
    try:
        with contextlib.closing(connect(path, options="mode=ro&immutable=1")) as connection:
            return _marked(connection)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            return None
        if error.sqlite_errorcode != sqlite3.SQLITE_CORRUPT or not path.with_name(path.name + "-wal").exists():
            raise
    with reading(path) as connection:
        return _marked(connection)


def _marked(connection: sqlite3.Connection) -> int | None:
    """Return the version that a file is marked with."""
    application, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    return version if application == _APPLICATION and version in _VERSIONS else None


def fill(path: Path, first: Entry) -> None:
    """Make a ledger of an empty file."""
    with contextlib.closing(connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(_TABLE)
        _add_columns(connection, 1)
        insert(connection, first)
        # Readers then never wait for writers. Last, so that what is above is in the file itself, not in its log.
        connection.execute("PRAGMA journal_mode = WAL")


def upgrade(connection: sqlite3.Connection) -> None:
    """Make room for the fields of this version's lines, where they are missing; within the transaction that is open."""
    marked = _marked(connection)
    if marked is None or marked == VERSION:
        return
    _add_columns(connection, marked)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _add_columns(connection: sqlite3.Connection, version: int) -> None:
    """Add the columns that a table of some version lacks."""
    added = (*_ADDED, _VERSION_COLUMN, _LABEL_COLUMN) if version == 1 else (_LABEL_COLUMN,)
    for column in added:
        connection.execute(f"ALTER TABLE entries ADD COLUMN {column}")


def insert(connection: sqlite3.Connection, entry: Entry) -> None:
    """Add a line."""
    told = asdict(entry)
    told |= {name: " ".join(write_amount(one, entry.version) for one in told[name]) for name in ("cost", "spent")}
    names = _FIELDS[VERSION]
    places = ", ".join(f":{name}" for name in names)
    connection.execute(f"INSERT INTO entries ({', '.join(names)}) VALUES ({places})", told)


def lines(connection: sqlite3.Connection) -> Iterator[Entry]:
    """Yield every line, the first one first."""
    return _select(connection, "ORDER BY number")


def newest(connection: sqlite3.Connection) -> list[Entry]:
    """Return the last line and the one before it, as far as there are any."""
    return list(_select(connection, "ORDER BY number DESC LIMIT 2"))


def holds(connection: sqlite3.Connection, mark: Mark) -> bool:
    """Return whether a line is there, by its hash."""
    return any(entry.mark == mark for entry in _select(connection, "WHERE number = ?", mark.number))


def _select(connection: sqlite3.Connection, which: str, *values: int) -> Iterator[Entry]:
    marked = _marked(connection)
    if marked is None:
        msg = "the file is no longer marked as a ledger"
        raise sqlite3.DatabaseError(msg)
    names = _FIELDS[marked]
    for row in connection.execute(f"SELECT {', '.join(names)} FROM entries {which}", values):
        told: dict[str, Any] = {"version": 1} | dict(zip(names, row, strict=True))
        texts = (*_TEXTS, *(name for name in ("neighbors", "law", "fingerprint", "label") if name in names))
        if any(type(told[name]) is not str for name in texts) or any(
            type(told[name]) is not int for name in ("number", "version")
        ):
            msg = "the fields of a line are not of their types"
            raise sqlite3.DatabaseError(msg)
        told["cost"], told["spent"] = (_amounts(told[name], told["version"]) for name in ("cost", "spent"))
        yield Entry(**told)


def _amounts(text: object, version: int) -> Amounts:
    """Read two amounts, which are kept as text, as they may be larger than 64 bits."""
    try:
        first, second = (read_amount(part, version) for part in str(text).split(" "))
    except ValueError:
        msg = "the amounts of a line cannot be read"
        raise sqlite3.DatabaseError(msg) from None
    return first, second
