"""Anchors: they reveal an older copy, never fall behind a receipt, and never refuse an honest ledger."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import pytest

from ledger_faults.watching import at
from shoal_engine.errors import LedgerError
from shoal_engine.ledger import Budget, Ledger, Receipt

FAULTS = Path(__file__).parents[2] / "ledger_faults"
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked writers, and this system has no fork")


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere"


@pytest.fixture
def ledger(tmp_path: Path, anchor: Path) -> Ledger:
    return Ledger.create(tmp_path / "budget.db", Budget.of(epsilon="10000"), unit="person", anchor=anchor)


def debit(ledger: Ledger) -> Receipt:
    return ledger.debit(Fraction(1), Fraction(0), events="{}", dataset="visits", policy="p")


def kept(anchor: Path) -> int:
    return int(anchor.read_text().split()[0])


def test_debit__threads_that_share_an_anchor(ledger: Ledger, anchor: Path) -> None:
    failed: list[BaseException] = []

    def many() -> None:
        try:
            for _ in range(25):
                debit(ledger)
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=many) for _ in range(4)]
    for one in writers:
        one.start()
    seen = [0]
    while any(one.is_alive() for one in writers):
        seen.append(kept(anchor))
    assert not failed
    assert seen == sorted(seen)
    assert kept(anchor) == 100
    assert Ledger(ledger.path, anchor=anchor).check() == 101
    assert sorted(file.name for file in anchor.parent.iterdir()) == ["budget.db", "elsewhere"]


def test_debit__processes_that_share_an_anchor(ledger: Ledger, anchor: Path) -> None:
    command = [sys.executable, str(FAULTS / "racing.py"), str(ledger.path), "100", str(anchor)]
    racing = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [int(one.communicate(timeout=3000)[0]) for one in racing] == [100] * 3
    assert kept(anchor) == 300


def test_debit__a_slow_writer_puts_back_no_older_line(
    ledger: Ledger, anchor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Ledger(ledger.path, anchor=anchor)
    at(monkeypatch, "after", "COMMIT", lambda: debit(other))
    receipt = debit(ledger)
    assert (receipt.number, kept(anchor)) == (1, 2)


@forking
@pytest.mark.parametrize(
    ("when", "statement", "lines", "anchored"),
    [("before", "COMMIT", 1, 0), ("after", "COMMIT", 2, 0), ("before", "ROLLBACK", 2, 1)],
)
def test_debit__a_crash_at_any_step_leaves_a_ledger_that_opens(
    when: str,
    statement: str,
    lines: int,
    anchored: int,
    ledger: Ledger,
    anchor: Path,
) -> None:
    script = (
        "import os, pytest, sys; from ledger_faults.watching import at; from shoal_engine.ledger import Ledger\n"
        "path, anchor, when, statement = sys.argv[1:]\n"
        "at(pytest.MonkeyPatch(), when, statement, lambda: os._exit(9))\n"
        "Ledger(path, anchor=anchor).debit(1, events='{}', dataset='', policy='')\n"
    )
    command = [sys.executable, "-c", script, str(ledger.path), str(anchor), when, statement]
    place = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run(command, env=place, timeout=3000).returncode == 9
    assert kept(anchor) == anchored
    again = Ledger(ledger.path, anchor=anchor)
    assert again.check() == lines
    assert debit(again).number == kept(anchor) == lines


@forking
def test_debit__no_kill_leaves_an_anchor_behind_a_receipt(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(FAULTS / "killing.py"),
        str(tmp_path / "budget.db"),
        "50",
        str(tmp_path / "elsewhere"),
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3000).stdout
    assert int(told.split()[0]) == 50


def test_check__an_anchor_that_moves_meanwhile_is_no_older_copy(
    ledger: Ledger, anchor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Ledger(ledger.path, anchor=anchor)
    at(monkeypatch, "after", "SELECT", lambda: debit(other))
    assert ledger.check() == 1
    assert kept(anchor) == 1


def test_anchor__that_is_missing_is_refused(ledger: Ledger, anchor: Path) -> None:
    debit(ledger)
    anchor.unlink()
    for ask in (lambda: Ledger(ledger.path, anchor=anchor), lambda: debit(ledger), ledger.check, lambda: ledger.spent):
        with pytest.raises(LedgerError, match=r"anchor .* is not there"):
            ask()
    assert Ledger(ledger.path).check() == 2
    assert not anchor.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"\xff\xfe\x00"),
        lambda file: file.write_text("one " + "0" * 64),
        lambda file: file.write_text("0 9f86d0"),
        lambda file: file.write_text("9" * 40 + " " + "0" * 64),
        lambda file: file.write_text("² " + "0" * 64),
        lambda file: (file.unlink(), file.mkdir()),
    ],
)
def test_anchor__that_cannot_be_read_is_refused(damage: Callable[[Path], object], ledger: Ledger, anchor: Path) -> None:
    damage(anchor)
    for ask in (lambda: Ledger(ledger.path, anchor=anchor), lambda: debit(ledger), ledger.check):
        with pytest.raises(LedgerError, match="anchor"):
            ask()
    assert Ledger(ledger.path).spent[0] == 0


def test_check__an_open_ledger_looks_at_its_anchor(ledger: Ledger, anchor: Path, tmp_path: Path) -> None:
    shutil.copy(ledger.path, tmp_path / "older.db")
    debit(ledger)
    shutil.copy(tmp_path / "older.db", ledger.path)
    with pytest.raises(LedgerError, match="anchor proves"):
        ledger.check()


def test_create__never_writes_over_an_anchor(ledger: Ledger, anchor: Path, tmp_path: Path) -> None:
    debit(ledger)
    before = anchor.read_bytes()
    with pytest.raises(LedgerError, match="may be the anchor of another ledger"):
        Ledger.create(tmp_path / "second.db", Budget.of(epsilon="1"), unit="person", anchor=anchor)
    with pytest.raises(LedgerError, match="never written over"):
        Ledger.create(ledger.path, Budget.of(epsilon="1"), unit="person", anchor=tmp_path / "fresh")
    same = tmp_path / "same.db"
    with pytest.raises(LedgerError, match="anchor"):
        Ledger.create(same, Budget.of(epsilon="1"), unit="person", anchor=same)
    with pytest.raises(LedgerError, match="anchor"):
        Ledger.create(tmp_path / "third.db", Budget.of(epsilon="1"), unit="person", anchor=tmp_path / "no" / "where")
    assert anchor.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["budget.db", "elsewhere"]


def test_create__the_anchor_is_there_before_the_ledger_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, anchored = os.link, list[bool]()

    def watched(source: Path, target: Path) -> None:
        anchored.append((tmp_path / "a").exists())
        link(source, target)

    monkeypatch.setattr(os, "link", watched)
    Ledger.create(tmp_path / "b.db", Budget.of(epsilon="1"), unit="person", anchor=tmp_path / "a")
    assert anchored == [True]


def test_create__a_ledger_that_gets_no_name_leaves_no_anchor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(source: Path, target: Path) -> NoReturn:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(LedgerError, match="not permitted"):
        Ledger.create(tmp_path / "b.db", Budget.of(epsilon="1"), unit="person", anchor=tmp_path / "a")
    assert not [*tmp_path.iterdir()]


def test_anchor__of_another_ledger_is_refused_and_kept(ledger: Ledger, anchor: Path, tmp_path: Path) -> None:
    second = Ledger.create(tmp_path / "second.db", Budget.of(epsilon="1"), unit="person", anchor=tmp_path / "a")
    before = anchor.read_bytes()
    with pytest.raises(LedgerError, match="another ledger"):
        Ledger(second.path, anchor=anchor)
    assert anchor.read_bytes() == before


def test_debit__nothing_is_charged_where_the_anchor_cannot_be_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(LedgerError, match="nothing was charged"):
        debit(ledger)
    monkeypatch.undo()
    assert ledger.spent[0] == 0


def test_debit__tells_that_it_charged_where_the_anchor_fails_late(
    ledger: Ledger, anchor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: Path, target: Path) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refused)
    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(LedgerError, match="line 1 was charged"):
        debit(ledger)
    monkeypatch.undo()
    assert ledger.spent[0] == 1
    assert sorted(file.name for file in anchor.parent.iterdir()) == ["budget.db", "elsewhere"]
    assert (debit(ledger).number, kept(anchor)) == (2, 2)


def test_debit__tells_that_it_charged_where_the_lock_is_lost_late(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> NoReturn:
        msg = "database is locked"
        raise sqlite3.OperationalError(msg)

    at(monkeypatch, "before", "ROLLBACK", lost)
    with pytest.raises(LedgerError, match="line 1 was charged"):
        debit(ledger)


def test_debit__the_anchor_is_written_under_the_lock_of_the_ledger(
    ledger: Ledger, anchor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, locked = os.replace, list[bool]()

    def watched(source: Path, target: Path) -> None:
        other = sqlite3.connect(ledger.path, timeout=0)
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            locked.append("locked" in str(error))
        finally:
            other.close()
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    debit(ledger)
    assert locked == [True]


def test_debit__an_anchor_never_moves_back_with_a_ledger_that_was_emptied_meanwhile(
    ledger: Ledger, anchor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def emptied() -> None:
        connection = sqlite3.connect(ledger.path)
        with connection:
            connection.execute("DELETE FROM entries WHERE number > 1")
        connection.close()

    debit(ledger)
    debit(ledger)
    at(monkeypatch, "after", "COMMIT", emptied)
    with pytest.raises(LedgerError, match="no longer holds"):
        debit(ledger)
    assert kept(anchor) == 2


def test_anchor__behind_a_link_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "real")
    ledger = Ledger.create(tmp_path / "b.db", Budget.of(epsilon="9"), unit="person", anchor=tmp_path / "link")
    debit(ledger)
    assert (tmp_path / "link").is_symlink()
    assert kept(tmp_path / "disk" / "real") == 1
