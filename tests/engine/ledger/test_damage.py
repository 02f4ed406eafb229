"""Ledgers that are damaged, half copied, cannot be written, or are held by others."""

import json
import os
import random
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from shoal_cli.commands import main
from shoal_engine.errors import LedgerError
from shoal_engine.ledger import Budget, Ledger, rows

ASKED: dict[str, Any] = {"events": "{}", "dataset": "visits", "policy": "p"}
MUTATIONS = 2000


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger.create(tmp_path / "budget.db", Budget.of(epsilon="10", delta="1e-6"), unit="person")
    for _ in range(3):
        made.debit("1/3", **ASKED)
    return made


def told(path: Path) -> Any:
    """Return all that a ledger says."""
    opened = Ledger(path)
    return opened.unit, opened.neighbors, opened.budget, opened.spent, opened.remaining, opened.check(), opened.export()


def written(path: Path) -> Any:
    """Return what is in the file, in as few steps as it takes."""
    opened = Ledger(path)
    return opened.unit, opened.neighbors, opened.budget, opened.entries()


def test_open__any_changed_byte_is_told_or_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    """Bytes in space that SQLite does not use, and its own counters, may change without any harm."""
    whole, expected = ledger.path.read_bytes(), written(ledger.path)
    path, draw, unharmed = tmp_path / "mutated.db", random.Random(7), 0
    for _ in range(MUTATIONS):
        changed = bytearray(whole)
        # Half of them where lines lie, as most of the file is empty.
        place = draw.randrange(len(whole)) if draw.random() < 0.5 else draw.choice(USED(whole))
        changed[place] = draw.choice([changed[place] ^ (1 << draw.randrange(8)), draw.randrange(256)])
        path.write_bytes(changed)
        try:
            assert written(path) == expected
            unharmed += 1
        except LedgerError:
            continue
        finally:
            for log in tmp_path.glob("mutated.db-*"):
                log.unlink()
    assert 0 < unharmed < MUTATIONS


def USED(whole: bytes) -> list[int]:  # noqa: N802
    return [place for place, byte in enumerate(whole) if byte]


@pytest.mark.parametrize("cut", [0, 1, 15, 16, 99, 100, 2000, 4096, 6000])
def test_open__a_file_that_was_cut(cut: int, ledger: Ledger) -> None:
    ledger.path.write_bytes(ledger.path.read_bytes()[:cut])
    with pytest.raises(LedgerError):
        told(ledger.path)


def test_open__text_of_the_tables_that_is_no_text(ledger: Ledger) -> None:
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole.replace(b"CREATE TABLE entries", b"CREATE TABLE \xff\xfetries"))
    with pytest.raises(LedgerError):
        told(ledger.path)


def test_open__a_checkpoint_that_was_cut_short_loses_nothing(tmp_path: Path) -> None:
    """A writer that is killed while the log is copied leaves a first page that names pages that are not there yet.

    An honest ledger was refused for ever then.
    """
    ledger = Ledger.create(tmp_path / "budget.db", Budget.of(epsilon="100"), unit="person")
    holding = sqlite3.connect(ledger.path)
    holding.execute("BEGIN")
    holding.execute("SELECT count(*) FROM entries").fetchone()
    for _ in range(12):
        ledger.debit("1", events=json.dumps("x" * 900), dataset="", policy="")
    log = (tmp_path / "budget.db-wal").read_bytes()
    # Frames of a log: a header of 24 bytes, of which the first four are the page's number, and a page.
    size = int.from_bytes(log[8:12], "big")
    frames = [log[start : start + 24 + size] for start in range(32, len(log) - 24 - size + 1, 24 + size)]
    first = [frame[24:] for frame in frames if int.from_bytes(frame[:4], "big") == 1][-1]
    torn = tmp_path / "torn.db"
    torn.write_bytes(first + ledger.path.read_bytes()[size:])
    (tmp_path / "torn.db-wal").write_bytes(log)
    holding.close()
    assert int.from_bytes(first[28:32], "big") * size > torn.stat().st_size
    assert Ledger(torn).check() == 13
    assert Ledger(torn).debit("1", **ASKED).number == 13


@pytest.mark.parametrize("logged", [False, True])
def test_read_only__is_shown_and_never_charged(logged: bool, ledger: Ledger, tmp_path: Path, monkeypatch: Any) -> None:  # noqa: FBT001
    holding = sqlite3.connect(ledger.path)
    if logged:
        holding.execute("BEGIN")
        holding.execute("SELECT count(*) FROM entries").fetchone()
        ledger.debit("1", **ASKED)
    copy = tmp_path / "mount" / "budget.db"
    copy.parent.mkdir()
    for file in tmp_path.glob("budget.db*"):
        if file.suffix != ".db-shm":
            shutil.copy(file, copy.parent / file.name)
    holding.close()
    expected = told(ledger.path)
    access, connect = os.access, sqlite3.connect

    def on_a_mount(address: str, **options: Any) -> sqlite3.Connection:
        """Open as SQLite does where nothing can be written."""
        if "/mount/" in address and "immutable=1" not in address:
            if "mode=rw" in address:
                address = address.replace("mode=rw", "mode=ro")
            if not (copy.parent / "budget.db-shm").exists():
                msg = "unable to open database file"
                raise sqlite3.OperationalError(msg)
        return connect(address, **options)

    monkeypatch.setattr(os, "access", lambda path, mode: "mount" not in str(path) and access(path, mode))
    monkeypatch.setattr(sqlite3, "connect", on_a_mount)
    before = sorted((file.name, file.read_bytes()) for file in copy.parent.iterdir())
    assert told(copy) == expected
    with pytest.raises(LedgerError, match="nothing was charged"):
        Ledger(copy).debit("1", **ASKED)
    assert sorted((file.name, file.read_bytes()) for file in copy.parent.iterdir()) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="whoever is root may write everywhere")
def test_read_only__folder_and_file_of_others(ledger: Ledger, tmp_path: Path) -> None:
    expected = told(ledger.path)
    ledger.path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        assert told(ledger.path) == expected
        with pytest.raises(LedgerError, match="nothing was charged"):
            ledger.debit("1", **ASKED)
    finally:
        tmp_path.chmod(0o700)


def test_debit__a_ledger_that_is_held_is_refused_in_time(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_WAIT_SECONDS", 0.05)
    holding = sqlite3.connect(ledger.path, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="somebody else holds it; wait"):
        ledger.debit("1", **ASKED)
    assert ledger.spent[0] == 1
    holding.execute("ROLLBACK")
    holding.close()
    assert ledger.debit("1", **ASKED).number == 4


@pytest.mark.parametrize("path", [None, 5, b"budget.db", "", "\x00", "."])
def test_open__what_is_no_path(path: Any) -> None:
    with pytest.raises(LedgerError):
        Ledger(path)
    with pytest.raises(LedgerError):
        Ledger.create(path, Budget.of(epsilon="1"), unit=None)


def test_create__of_no_budget(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="Budget"):
        Ledger.create(tmp_path / "b.db", "10", unit=None)  # pyright: ignore[reportArgumentType]
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("command", ["show", "check", "export"])
def test_cli__a_damaged_ledger_is_an_error_of_ours(
    command: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole.replace(b"visits", b"vis\xffts"))
    monkeypatch.setattr(sys, "argv", ["shoal", "ledger", command, str(ledger.path)])
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    printed = capsys.readouterr().err
    assert "budget.db" in printed
    assert "report" not in printed
