"""The ledger: nothing is given back, nothing is overspent, and changes are reported."""

import json
import os
import pickle
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_engine.errors import BudgetExhausted, LedgerError, NumberError
from shoal_engine.federated.privacy.private_training import PrivateTraining
from shoal_engine.ledger import Budget, Ledger, Receipt
from shoal_engine.ledger.budgets import GRAIN, MOST_BITS, added, cost_of

FAULTS = Path(__file__).parents[2] / "ledger_faults"


def opened(path: Path, epsilon: str = "10", delta: str = "1e-6", anchor: Path | None = None) -> Ledger:
    return Ledger.create(path / "budget.db", Budget.of(epsilon=epsilon, delta=delta), unit="person", anchor=anchor)


def debit(ledger: Ledger, epsilon: str = "1", delta: str = "0") -> Receipt:
    return ledger.debit(Fraction(epsilon), Fraction(delta), events='{"kind":"pure"}', dataset="visits", policy="p")


def test_debit__adds_up_and_is_refused_beyond_the_budget(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    receipts = [debit(ledger, "4", "1e-7"), debit(ledger, "5.5", "1e-7")]
    with pytest.raises(BudgetExhausted, match=r"asked for epsilon 1, delta 0, and there is left epsilon 0.5"):
        debit(ledger)
    assert debit(ledger, "0.5").number == 3
    with pytest.raises(BudgetExhausted):
        debit(ledger, "0", "1e-6")
    assert ledger.remaining[0] == 0
    assert float(ledger.spent[1]) == pytest.approx(2e-7)
    assert Ledger(ledger.path).check(*receipts) == 4
    lines = ledger.entries()
    assert [line.number for line in lines] == [0, 1, 2, 3]
    assert (lines[1].dataset, lines[1].unit, lines[1].policy) == ("visits", '["person"]', "p")


@given(
    st.lists(st.fractions(Fraction(1, 10**6), Fraction(1, 3)), max_size=6), st.fractions(Fraction(1, 2), Fraction(2))
)
@settings(deadline=None, max_examples=25)
def test_debit__sums_are_what_was_asked_for(costs: list[Fraction], limit: Fraction) -> None:
    budget = Budget.of(epsilon=limit)
    assert budget.limits[0] == limit
    assert all(cost_of(cost, Fraction(0))[0] == cost for cost in costs)
    total = (Fraction(0), Fraction(0))
    for cost in costs:
        total = added(total, cost_of(cost, 0))
    assert total[0] == sum(costs)


@pytest.mark.parametrize(
    ("budget", "debits"),
    [
        (("1", "1e-6"), [("0.1", "1e-7")] * 10),
        (("1", "1/7"), [("1/3", "1/21")] * 3),
        (("1", "0"), [("1", "0")]),
        (("1/3", "0"), [("1/3", "0")]),
        (("4", "1e-5"), [("4", "1e-5")]),
        (("0.7", "1e-30"), [("1/10", "1e-31")] * 7),
        (("1e-40", "0"), [("1e-41", "0")] * 10),
    ],
)
def test_debit__a_budget_can_be_spent_whole(
    budget: tuple[str, str], debits: list[tuple[str, str]], tmp_path: Path
) -> None:
    """Units of 2**-64 were rounded up in each debit, so that the last of ten tenths was refused."""
    ledger = opened(tmp_path, *budget)
    for first, delta in debits:
        ledger.debit(first, delta, events="{}", dataset="", policy="")
    again = Ledger(ledger.path)
    assert again.spent == (Fraction(budget[0]), sum(Fraction(delta) for _, delta in debits))
    assert again.remaining == (0, Fraction(budget[1]) - again.spent[1])
    with pytest.raises(BudgetExhausted):
        debit(again, "1e-50")


def test_debit__a_training_spends_the_whole(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "b.db", Budget.of(epsilon=4, delta=1e-5), unit="node")
    PrivateTraining(Fraction(4), Fraction(1, 10**5), noise_multiplier=Fraction(4), ledger=ledger)
    assert ledger.remaining == (0, 0)
    assert ledger.entries()[1].law == "gaussian"


def test_added__denominators_stay_bounded_and_rounding_is_up(tmp_path: Path) -> None:
    ledger, asked = opened(tmp_path), Fraction(0)
    for prime in (10**300 + 7, 10**299 + 3, 10**298 + 1, 10**297 + 9):
        cost = Fraction(1, prime)
        ledger.debit(f"1/{prime}", events="{}", dataset="", policy="")
        asked += cost
    spent = Ledger(ledger.path).spent[0]
    assert spent.denominator.bit_length() <= MOST_BITS
    assert asked <= spent <= asked + 4 * GRAIN
    assert ledger.check() == 5


def test_exhausted__tells_what_was_asked_and_crosses_processes(tmp_path: Path) -> None:
    with pytest.raises(BudgetExhausted) as caught:
        debit(opened(tmp_path, "0.5"))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.asked, again.remaining, str(again)) == (caught.value.asked, caught.value.remaining, str(caught.value))
    assert again.asked == (Fraction(1), Fraction(0))


def test_debit__eight_processes_never_overspend(tmp_path: Path) -> None:
    ledger, times = opened(tmp_path, "1500"), 300
    command = [sys.executable, str(FAULTS / "racing.py"), str(ledger.path), str(times)]
    racing = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    charged = [int(one.communicate(timeout=3000)[0]) for one in racing]
    assert sum(charged) == 1500
    assert ledger.remaining == (0, ledger.remaining[1])
    assert ledger.check() == 1501


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked writers, and this system has no fork")
def test_debit__no_kill_gives_budget_back(tmp_path: Path) -> None:
    command = [sys.executable, str(FAULTS / "killing.py"), str(tmp_path / "budget.db"), "200"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3000).stdout
    kills, acknowledged, lines = map(int, told.split())
    assert kills == 200
    # Most writers got as far as a debit, so that kills fell among them.
    assert acknowledged >= 200
    assert lines > acknowledged


def changed(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET cost = '1/2 0' WHERE number = 2",
        "UPDATE entries SET events = '{}' WHERE number = 1",
        "UPDATE entries SET spent = '0 0' WHERE number = 3",
        "DELETE FROM entries WHERE number = 2",
        "DELETE FROM entries WHERE number = 0",
        "UPDATE entries SET number = number + 10 WHERE number = 3",
        "UPDATE entries SET unit = 'null' WHERE number = 0",
        "UPDATE entries SET neighbors = 'change-one' WHERE number = 0",
        "UPDATE entries SET law = 'gaussian' WHERE number = 1",
        "UPDATE entries SET fingerprint = 'x' WHERE number = 1",
        "UPDATE entries SET version = 1 WHERE number = 1",
    ],
)
def test_check__finds_what_was_changed(statement: str, tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    for _ in range(3):
        debit(ledger)
    changed(ledger.path, statement)
    with pytest.raises(LedgerError, match="tampered"):
        Ledger(ledger.path).check()


def test_debit__is_refused_where_the_last_line_was_changed(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    debit(ledger)
    changed(ledger.path, "UPDATE entries SET spent = '0 0', cost = '0 0' WHERE number = 1")
    with pytest.raises(LedgerError, match="last line"):
        debit(ledger)


def test_rollback__is_told_by_receipts_and_by_the_anchor(tmp_path: Path) -> None:
    anchor = tmp_path / "elsewhere"
    ledger = opened(tmp_path, anchor=anchor)
    debit(ledger)
    shutil.copy(ledger.path, tmp_path / "older.db")
    for wal in tmp_path.glob("budget.db-*"):
        wal.unlink()
    receipt = debit(ledger)
    assert Ledger(ledger.path, anchor=anchor).check(receipt) == 3
    shutil.copy(tmp_path / "older.db", ledger.path)
    for wal in tmp_path.glob("budget.db-*"):
        wal.unlink()
    assert Ledger(ledger.path).check() == 2
    with pytest.raises(LedgerError, match="older copy"):
        Ledger(ledger.path).check(receipt)
    with pytest.raises(LedgerError, match="anchor"):
        debit(ledger)
    with pytest.raises(LedgerError, match="anchor"):
        Ledger(ledger.path, anchor=anchor)


def test_wal__lost_lines_are_told_by_a_receipt(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    holding = sqlite3.connect(ledger.path)
    holding.execute("SELECT count(*) FROM entries").fetchone()
    receipt = debit(ledger)
    log = tmp_path / "budget.db-wal"
    assert log.stat().st_size
    copy = tmp_path / "copy.db"
    shutil.copy(ledger.path, copy)
    holding.close()
    with pytest.raises(LedgerError, match="older copy"):
        Ledger(copy).check(receipt)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(b"not a ledger" * 100),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: changed(path, "PRAGMA user_version = 7"),
    ],
)
def test_open__refuses_what_is_no_ledger(damage: Callable[[Path], object], tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    damage(ledger.path)
    with pytest.raises(LedgerError):
        Ledger(ledger.path).check()


def test_create__never_writes_over_a_file(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    debit(ledger)
    with pytest.raises(LedgerError, match="never written over"):
        opened(tmp_path)
    assert ledger.spent[0] == 1
    for folder in (tmp_path / "nowhere", ledger.path):
        with pytest.raises(LedgerError, match="can be made"):
            opened(folder)
    assert sorted(file.name for file in tmp_path.iterdir() if file.suffix == ".db") == ["budget.db"]
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600


def test_debit__a_full_disk_gives_no_receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = opened(tmp_path, "1000")
    debit(ledger)
    before, connect = ledger.spent, sqlite3.connect

    def nearly_full(*path: object, **options: object) -> sqlite3.Connection:
        connection = connect(*path, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]
        connection.execute("PRAGMA max_page_count = 1")
        return connection

    monkeypatch.setattr(sqlite3, "connect", nearly_full)
    with pytest.raises(LedgerError, match="nothing was charged"):
        ledger.debit(Fraction(1), Fraction(0), events=json.dumps("x" * 100_000), dataset="", policy="")
    monkeypatch.undo()
    assert ledger.spent == before
    assert ledger.check() == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Budget.of(),
        lambda: Budget.of(epsilon="1", rho="1"),
        lambda: Budget.of(epsilon="0"),
        lambda: Budget.of(epsilon="1", delta="1"),
        lambda: Budget.of(epsilon="one"),
        lambda: cost_of(Fraction(-1), Fraction(0)),
        lambda: cost_of(Fraction(0), Fraction(0)),
    ],
)
def test_amounts__out_of_range_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(NumberError):
        make()


def test_export__is_json_with_exact_amounts(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    debit(ledger, "1/3")
    body = json.loads(ledger.export())
    assert body["entries"][1]["cost"] == ["1/3", "0"]
    assert body["entries"][1]["previous"] == body["entries"][0]["hash"]


def test_zcdp__adds_up_rhos(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "z.db", Budget.of(rho="0.5", delta="1e-9"), unit="person")
    debit(ledger, "0.5")
    with pytest.raises(BudgetExhausted, match="rho 0"):
        debit(ledger, "1e-9")
