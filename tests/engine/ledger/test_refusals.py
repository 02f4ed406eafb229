"""What a ledger refuses, and how: before anything is charged, with an error of ours that says what is true."""

import errno
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ledger_faults.watching import at
from shoal_engine import whole_files
from shoal_engine.errors import BudgetExhausted, InputError, LedgerError, NumberError
from shoal_engine.ledger import Budget, Ledger, Receipt, rows
from shoal_engine.ledger.budgets import cost_of
from shoal_engine.ledger.entries import Entry
from shoal_engine.whole_files import draft_beside, write_new

ASKED: dict[str, Any] = {"events": "{}", "dataset": "visits", "policy": "p"}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.create(tmp_path / "budget.db", Budget.of(epsilon="10", delta="1e-6"), unit="person")


def changed(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("cost", [0.1, "0.1", "1/10", Decimal("0.1"), Fraction(1, 10), 1])
def test_debit__takes_what_can_be_read_exactly(cost: Any, ledger: Ledger) -> None:
    ledger.debit(cost, **ASKED)
    ledger.debit(cost, delta=1e-7, **ASKED)
    # The float 0.1 is above a tenth; whichever is more is charged.
    least = 2 * max(Fraction(cost), Fraction(str(cost)))
    assert ledger.spent[0] == least
    assert ledger.spent[1] >= max(Fraction(1e-7), Fraction("1e-7"))
    assert Ledger(ledger.path).check() == 3


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), "one", None, True, b"1", "-1", -0.5, 0, "0"])
def test_debit__refuses_costs_that_are_no_cost(cost: Any, ledger: Ledger) -> None:
    with pytest.raises(NumberError):
        ledger.debit(cost, **ASKED)
    with pytest.raises(NumberError):
        ledger.debit("1", delta=cost if cost not in (0, "0") else -1, **ASKED)
    assert ledger.check() == 1


def test_cost__floats_are_charged_as_the_larger_of_what_they_are_and_print_as() -> None:
    # 0.1 is above its print, 0.3 below; each by many units.
    for number in (0.1, 0.3):
        larger = max(Fraction(number), Fraction(str(number)))
        assert cost_of(number, 0) == cost_of(0, number)[::-1] == cost_of(larger, 0)


def test_debit__a_cost_beyond_all_floats_exhausts_the_budget(ledger: Ledger) -> None:
    with pytest.raises(BudgetExhausted, match=r"epsilon 1\.00000e\+390"):
        ledger.debit("1e390", **ASKED)


@pytest.mark.parametrize(
    "events",
    ["", "x", "{'a': 1}", "{} {}", "NaN", "[Infinity]", '{"a":"\ud800"}', b"{}", None, 5, "[" * 100_000, "\x00"],
)
def test_debit__refuses_events_that_are_no_json(events: Any, ledger: Ledger) -> None:
    with pytest.raises(InputError, match="events"):
        ledger.debit("1", events=events, dataset="visits", policy="p")
    assert ledger.check() == 1


@pytest.mark.parametrize("text", [None, b"visits", 7, "visits\udcff"])
def test_debit__refuses_names_that_are_no_text(text: Any, ledger: Ledger, tmp_path: Path) -> None:
    for name in ("dataset", "policy"):
        with pytest.raises(InputError, match=name):
            ledger.debit("1", **(ASKED | {name: text}))
    for unit in (text, [text]) if text is not None else ([text],):
        with pytest.raises(InputError, match="unit"):
            Ledger.create(tmp_path / "second.db", Budget.of(epsilon="1"), unit=unit)
    assert ledger.check() == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["budget.db"]


def test_debit__keeps_any_text(ledger: Ledger) -> None:
    told = {"events": '{"a": "\\ud800 \\u0000 é"}', "dataset": "a\x00b 'é'", "policy": "\U0001f41f\n"}
    ledger.debit("1", **told)
    line = Ledger(ledger.path).entries()[1]
    assert {name: getattr(line, name) for name in told} == told


def test_wiped__is_told_by_an_open_ledger(ledger: Ledger) -> None:
    ledger.debit("1", **ASKED)
    changed(ledger.path, "DELETE FROM entries")
    asks = (ledger.check, lambda: ledger.debit("1", **ASKED), lambda: ledger.spent, ledger.entries, ledger.export)
    for ask in asks:
        with pytest.raises(LedgerError, match="tampered"):
            ask()


def test_swapped__is_told_by_an_open_ledger(tmp_path: Path) -> None:
    rich = Ledger.create(tmp_path / "rich.db", Budget.of(epsilon="100"), unit="person")
    poor = Ledger.create(tmp_path / "poor.db", Budget.of(epsilon="1"), unit="person")
    shutil.copy(poor.path, rich.path)
    for ask in (lambda: rich.debit("50", **ASKED), rich.check, lambda: rich.remaining):
        with pytest.raises(LedgerError, match="another ledger"):
            ask()
    assert poor.check() == 1


def test_older__is_told_by_an_open_ledger(ledger: Ledger, tmp_path: Path) -> None:
    shutil.copy(ledger.path, tmp_path / "older.db")
    ledger.debit("1", **ASKED)
    shutil.copy(tmp_path / "older.db", ledger.path)
    with pytest.raises(LedgerError, match="older copy"):
        ledger.debit("1", **ASKED)


@pytest.mark.parametrize("what", ["policy = 'other'", "cost = '1/2 0', spent = '1/2 0'", "hash = previous"])
def test_open__walks_every_line(what: str, ledger: Ledger) -> None:
    for _ in range(4):
        ledger.debit("1", **ASKED)
    changed(ledger.path, f"UPDATE entries SET {what} WHERE number = 1")
    with pytest.raises(LedgerError, match="line 1 was changed"):
        Ledger(ledger.path)


@pytest.mark.parametrize("gone", ["unlink", "replaced by a folder"])
def test_debit__makes_no_file_where_the_ledger_was(gone: str, ledger: Ledger, tmp_path: Path) -> None:
    ledger.path.unlink()
    if gone != "unlink":
        ledger.path.mkdir()
    with pytest.raises(LedgerError):
        ledger.debit("1", **ASKED)
    assert not ledger.path.is_file()


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="tells locks as Linux does")
def test_open__drops_no_lock_of_another_thread(ledger: Ledger) -> None:
    def n_locks() -> int:
        return Path("/proc/locks").read_text().count(f":{ledger.path.stat().st_ino} ")

    connection = rows.connect(ledger.path)
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM entries").fetchall()
    before = n_locks()
    Ledger(ledger.path)
    assert n_locks() == before > 0
    connection.close()


def foreign(path: Path, mode: str) -> None:
    changed(path, "CREATE TABLE entries (number)", "INSERT INTO entries VALUES (1)")
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: foreign(path, "delete"),
        lambda path: foreign(path, "wal"),
        lambda path: path.touch(),
        lambda path: path.write_bytes(b"SQLite format 3\x00" + bytes(4000)),
        lambda path: path.write_text("a,b\n1,2\n" * 1000),
    ],
)
def test_open__changes_no_file_that_is_not_ours(make: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    make(path)
    before, when = path.read_bytes(), path.stat().st_mtime_ns
    with pytest.raises(LedgerError, match="no ledger"):
        Ledger(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, when)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    "opening", ["[]", "{}", '{"filter":"other","limits":["1","0"]}', '{"filter":"zcdp","limits":1}']
)
def test_open__refuses_a_first_line_that_sets_no_budget(opening: str, ledger: Ledger) -> None:
    first = ledger.entries()[0]
    zero = (Fraction(0), Fraction(0))
    told = (0, first.time, "", "", first.unit, opening, zero, zero, first.previous)
    forged = Entry(*told, neighbors="add-remove").sealed()
    changed(ledger.path, f"UPDATE entries SET events = '{opening}', hash = '{forged.hash}'")
    with pytest.raises(LedgerError, match="first line"):
        Ledger(ledger.path)


def test_open__refuses_lines_of_other_types(ledger: Ledger) -> None:
    rows = "number, time, policy, dataset, unit, events, cost, spent, previous, hash"
    changed(
        ledger.path,
        f"CREATE TABLE loose ({rows})",
        f"INSERT INTO loose SELECT {rows.replace('policy', 'NULL').replace('unit', 'x' + repr('00'))} FROM entries",
        "DROP TABLE entries",
        "ALTER TABLE loose RENAME TO entries",
    )
    with pytest.raises(LedgerError):
        Ledger(ledger.path)


@pytest.mark.parametrize("number", [-1, 2, 1 << 63, 1 << 200])
def test_check__receipts_of_no_line(number: int, ledger: Ledger) -> None:
    ledger.debit("1", **ASKED)
    with pytest.raises(LedgerError, match="receipt"):
        ledger.check(Receipt(str(ledger.path), number, "0" * 64))


def test_create__no_stale_draft_is_in_its_way(tmp_path: Path) -> None:
    (tmp_path / f".budget.db.{os.getpid()}").touch()
    (tmp_path / f".a.{os.getpid()}").mkdir()
    made = Ledger.create(tmp_path / "budget.db", Budget.of(epsilon="10"), unit="person", anchor=tmp_path / "a")
    assert made.debit("1", **ASKED).number == 1


def test_drafts__have_names_of_their_own(tmp_path: Path) -> None:
    assert draft_beside(tmp_path / "a") != draft_beside(tmp_path / "a")


@pytest.mark.parametrize("taken_meanwhile", [False, True])
def test_write_new__a_full_disk_is_what_is_raised(
    taken_meanwhile: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "anchor"

    def full(_folder: Path) -> NoReturn:
        if taken_meanwhile:
            path.unlink()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(whole_files, "sync", full)
    with pytest.raises(OSError) as caught:
        write_new(path, "text")
    assert (caught.value.errno, list(tmp_path.iterdir())) == (errno.ENOSPC, [])


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_debit__waits_for_the_disk_in_every_mode(mode: str, ledger: Ledger) -> None:
    changed(ledger.path, f"PRAGMA journal_mode = {mode}")
    connection = rows.connect(ledger.path)
    assert connection.execute("PRAGMA synchronous").fetchone() == (3,)
    connection.close()
    assert ledger.debit("1", **ASKED).number == 1


def test_create__refuses_the_log_of_a_file_that_is_gone(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "second.db-wal").write_bytes(b"left behind")
    with pytest.raises(LedgerError, match="of a file that is gone"):
        Ledger.create(tmp_path / "second.db", Budget.of(epsilon="1"), unit="person")


@pytest.mark.parametrize("when", ["before", "after"])
def test_debit__a_failed_commit_claims_nothing(when: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> NoReturn:
        msg = "disk I/O error"
        raise sqlite3.OperationalError(msg)

    at(monkeypatch, when, "COMMIT", failing)
    with pytest.raises(LedgerError, match="whether it was charged is not known") as caught:
        ledger.debit("1", **ASKED)
    assert "nothing was charged" not in str(caught.value)
    monkeypatch.undo()
    assert ledger.spent[0] == (when == "after")


def test_format__is_what_it_was(ledger: Ledger) -> None:
    time, cost = "2026-01-02T03:04:05Z", (Fraction(1), Fraction(0))
    told = (1, time, "p", "visits", "person", '{"kind":"pure"}', cost, cost, "0" * 64)
    # As it was in version 1, whose ledgers stay readable.
    assert Entry(*told, version=1).sealed().hash == "7e3adb1fc8d6a7f2fcdac87eb4bd298a43a3ab74b755322c7a3222e7a59eefa9"
    body = '{"cost":["1","0"],"dataset":"visits","events":"{\\"kind\\":\\"pure\\"}","fingerprint":"f","law":"laplace",'
    body += '"neighbors":"add-remove","number":1,"policy":"p","previous":"' + "0" * 64 + '","spent":["1","0"],'
    body += '"time":"2026-01-02T03:04:05Z","unit":"person","version":2}'
    second = Entry(*told, neighbors="add-remove", law="laplace", fingerprint="f", version=2).sealed()
    assert second.hash == hashlib.sha256(body.encode()).hexdigest()
    labeled = body.replace('"law"', '"label":"count","law"').replace('"version":2', '"version":3')
    third = Entry(*told, neighbors="add-remove", law="laplace", fingerprint="f", label="count").sealed()
    assert third.hash == hashlib.sha256(labeled.encode()).hexdigest()
    first = ledger.entries()[0]
    assert first.events == json.dumps({"filter": "basic", "limits": ["10", "1/1000000"]})
    connection = sqlite3.connect(ledger.path)
    names = [row[1] for row in connection.execute("PRAGMA table_info(entries)")]
    marks = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    connection.close()
    added = "neighbors law fingerprint version label"
    assert " ".join(names) == f"number time policy dataset unit events cost spent previous hash {added}"
    assert marks == [0x53484F4C, 3]
