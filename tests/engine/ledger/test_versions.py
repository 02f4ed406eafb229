"""What lines say, and ledgers of version 1: readable, and charged only after somebody says what they do not."""

import hashlib
import json
import sqlite3
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal import dp
from shoal_cli.commands import main
from shoal_engine.errors import BudgetExhausted, InputError, LedgerError, PolicyError
from shoal_engine.ledger import Budget, Ledger
from shoal_engine.ledger.rows import lines, reading

UNIT = 1 << 64
ASKED: dict[str, Any] = {"events": "{}", "dataset": "visits", "policy": "p"}


def first_version(path: Path, unit: str = "person", debits: int = 2) -> Path:
    """Write a ledger as version 1 wrote it, of epsilon 10 and delta 1e-6, by nothing but SQL and hashes."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 1397247820")
    connection.execute("PRAGMA user_version = 1")
    names = ["number", "time", "policy", "dataset", "unit", "events", "cost", "spent", "previous", "hash"]
    kinds = ["INTEGER PRIMARY KEY"] + ["TEXT NOT NULL"] * 9
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    connection.execute(f"CREATE TABLE entries ({columns}) STRICT")
    opening = json.dumps({"filter": "basic", "limits": [str(10 * UNIT), str(UNIT // 10**6)]})
    previous, spent = "0" * 64, 0
    for number in range(debits + 1):
        cost = -(-UNIT // 3) if number else 0
        spent += cost
        line = {"number": number, "time": "2026-01-02T03:04:05Z", "policy": "", "dataset": "", "unit": unit}
        line |= {"events": "{}" if number else opening, "cost": [cost, 0], "spent": [spent, 0], "previous": previous}
        told = json.dumps(line, sort_keys=True, separators=(",", ":"))
        previous = hashlib.sha256(told.encode()).hexdigest()
        kept = line | {"cost": f"{cost} 0", "spent": f"{spent} 0", "hash": previous}
        connection.execute(f"INSERT INTO entries VALUES ({', '.join(f':{name}' for name in names)})", kept)
    connection.commit()
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    return path


def test_version_1__is_read_as_it_was(tmp_path: Path) -> None:
    ledger = Ledger(first_version(tmp_path / "old.db"))
    assert (ledger.version, ledger.unit, ledger.neighbors) == (1, ("person",), None)
    assert ledger.budget.limits == (10, Fraction(UNIT // 10**6, UNIT))
    assert ledger.spent == (2 * Fraction(-(-UNIT // 3), UNIT), 0)
    assert ledger.check() == 3
    assert json.loads(ledger.export())["entries"][1]["cost"] == [str(-(-UNIT // 3)), "0"]


def test_version_1__its_rows_are_lines_of_version_1(tmp_path: Path) -> None:
    with reading(first_version(tmp_path / "old.db")) as connection:
        assert [line.version for line in lines(connection)] == [1, 1, 1]


def test_version_1__is_charged_only_after_it_is_upgraded(tmp_path: Path) -> None:
    path = first_version(tmp_path / "old.db")
    old = Ledger(path)
    before = [(line.number, line.hash) for line in old.entries()]
    with pytest.raises(PolicyError, match="shoal ledger upgrade"):
        old.debit("1", **ASKED)
    with pytest.raises(PolicyError, match="shoal ledger upgrade"):
        shoal.private(pl.DataFrame({"person": [1]}), unit="person", ledger=path)
    with pytest.raises(PolicyError, match="protects 'person'"):
        Ledger.upgrade(path, unit="other", neighbors="add-remove")
    with pytest.raises(PolicyError, match="must be one of"):
        Ledger.upgrade(path, unit="person", neighbors="replace")  # pyright: ignore[reportArgumentType]
    assert (Ledger(path).version, Ledger(path).check()) == (1, 3)
    new = Ledger.upgrade(path, unit="person", neighbors="change-one")
    assert (new.version, new.unit, new.neighbors) == (3, ("person",), "change-one")
    assert [(line.number, line.hash) for line in new.entries()][:3] == before
    assert new.spent == old.spent
    new.debit("1/3", **ASKED)
    assert Ledger(path).check() == 5
    assert Ledger(path).spent[0] == 2 * Fraction(-(-UNIT // 3), UNIT) + Fraction(1, 3)
    with pytest.raises(LedgerError, match="already"):
        Ledger.upgrade(path, unit="person", neighbors="change-one")


@pytest.mark.parametrize(
    ("told", "unit"), [("row", None), ("row", ["row"]), ("a,b", ["a", "b"]), ("a,b", "a,b"), ("a,b", ["a,b"])]
)
def test_upgrade__says_which_unit_was_meant(told: str, unit: Any, tmp_path: Path) -> None:
    new = Ledger.upgrade(first_version(tmp_path / "old.db", told), unit=unit, neighbors="add-remove")
    assert new.unit == (None if unit is None else (unit,) if isinstance(unit, str) else tuple(unit))


def second_version(path: Path, debits: int = 2) -> Path:
    """Write a ledger as version 2 wrote it, of epsilon 10, by nothing but SQL and hashes."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 1397247820")
    connection.execute("PRAGMA user_version = 2")
    names = ["number", "time", "policy", "dataset", "unit", "events", "cost", "spent", "previous", "hash"]
    kinds = ["INTEGER PRIMARY KEY"] + ["TEXT NOT NULL"] * 9
    names += ["neighbors", "law", "fingerprint", "version"]
    kinds += ["TEXT NOT NULL DEFAULT ''"] * 3 + ["INTEGER NOT NULL DEFAULT 1"]
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    connection.execute(f"CREATE TABLE entries ({columns}) STRICT")
    previous = "0" * 64
    for number in range(debits + 1):
        cost = Fraction(1, 3) if number else Fraction(0)
        events = "{}" if number else json.dumps({"filter": "basic", "limits": ["10", "0"]})
        line = {"number": number, "time": "2026-01-02T03:04:05Z", "policy": "", "dataset": "visits"}
        line |= {"unit": '["person"]', "events": events, "cost": [str(cost), "0"], "spent": [str(number * cost), "0"]}
        line |= {"previous": previous, "neighbors": "change-one", "law": "", "fingerprint": "", "version": 2}
        previous = hashlib.sha256(json.dumps(line, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        kept = line | {"cost": f"{cost} 0", "spent": f"{number * cost} 0", "hash": previous}
        connection.execute(f"INSERT INTO entries VALUES ({', '.join(f':{name}' for name in names)})", kept)
    connection.commit()
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    return path


def test_version_2__is_charged_as_it_is_and_its_lines_stay(tmp_path: Path) -> None:
    path = second_version(tmp_path / "old.db")
    old, other = Ledger(path), Ledger(path)
    before = old.entries()
    assert (old.version, old.neighbors, old.check(), {line.label for line in before}) == (2, "change-one", 3, {""})
    receipt = old.debit("1/3", **ASKED, label="count by ward")
    assert (receipt.number, old.version, old.entries()[:3]) == (3, 3, before)
    assert old.entries()[-1].label == "count by ward"
    # Somebody who opened the ledger before it had room for labels goes on.
    assert (other.spent, other.debit("1/3", **ASKED).number) == ((1, 0), 4)
    assert Ledger(path).check(receipt) == 5
    with pytest.raises(LedgerError, match="already"):
        Ledger.upgrade(path, unit="person", neighbors="change-one")


def test_version_2__its_lines_have_no_label(tmp_path: Path) -> None:
    path = second_version(tmp_path / "old.db")
    Ledger(path).debit("1/3", **ASKED)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE entries SET label = 'mine' WHERE number = 1")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match="line 1 was changed"):
        Ledger(path)


def test_version_2__a_refused_debit_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = second_version(tmp_path / "old.db")
    with pytest.raises(BudgetExhausted):
        Ledger(path).debit("100", **ASKED)
    assert Ledger(path).version == 2


def test_label__is_a_part_of_the_line(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "new.db", Budget.of(epsilon="1"), unit="person")
    ledger.debit("1/4", **ASKED, label="count")
    with pytest.raises(InputError, match="label"):
        ledger.debit("1/4", **ASKED, label="\ud800")
    assert json.loads(ledger.export())["entries"][1]["label"] == "count"
    connection = sqlite3.connect(ledger.path)
    connection.execute("UPDATE entries SET label = 'sum' WHERE number = 1")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match="last line was changed"):
        ledger.debit("1/4", **ASKED)


def test_label__of_a_query_names_aggregates_and_keys(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "new.db", Budget.of(epsilon="1"), unit=None)
    visits = shoal.private(pl.DataFrame({"ward": ["a", "b"], "cost": [1, 2]}), unit=None, ledger=ledger)
    asked = visits.group_by("ward", keys=["a", "b"]).agg(dp.count(), dp.sum("cost", bounds=(0, 9)))
    asked.release(epsilon="1/4")
    asked.release(epsilon="1/4", label="visits of spring")
    assert [line.label for line in ledger.entries()[1:]] == ["count, cost_sum by ward", "visits of spring"]


def test_upgrade__moves_the_anchor(tmp_path: Path) -> None:
    path = first_version(tmp_path / "old.db")
    anchor = tmp_path / "anchor"
    anchor.write_text(f"2 {Ledger(path).entries()[-1].hash}\n")
    new = Ledger.upgrade(path, unit="person", neighbors="add-remove", anchor=anchor)
    assert anchor.read_text().split() == ["3", new.entries()[-1].hash]


def test_upgraded__lines_of_before_cannot_say_more(tmp_path: Path) -> None:
    path = first_version(tmp_path / "old.db")
    Ledger.upgrade(path, unit="person", neighbors="add-remove")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE entries SET neighbors = 'change-one' WHERE number = 1")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match="line 1 was changed"):
        Ledger(path)


@pytest.mark.parametrize(
    ("unit", "kept"),
    [(None, None), ("row", None), (["row"], ("row",)), ("a,b", ("a,b",)), (["a", "b"], ("a", "b")), ("a", ("a",))],
)
def test_unit__is_a_list_of_columns(unit: Any, kept: Any, tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "b.db", Budget.of(epsilon="1"), unit=unit)
    assert Ledger(ledger.path).unit == kept
    assert json.loads(ledger.entries()[0].unit) == (None if kept is None else list(kept))


@pytest.mark.parametrize("unit", [[], ["a", "a"], "", [""]])
def test_unit__that_is_none(unit: Any, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="unit"):
        Ledger.create(tmp_path / "b.db", Budget.of(epsilon="1"), unit=unit)
    assert not [*tmp_path.iterdir()]


def test_private__a_column_named_row_is_not_a_row(tmp_path: Path) -> None:
    frame = pl.DataFrame({"row": [1, 1, 2], "a": [1, 2, 3], "b": [1, 2, 3], "a,b": [1, 1, 1]})
    budget = Budget.of(epsilon="9", delta="1e-6")
    of_rows = Ledger.create(tmp_path / "rows.db", budget, unit=None)
    of_column = Ledger.create(tmp_path / "column.db", budget, unit=["row"])
    of_two = Ledger.create(tmp_path / "two.db", budget, unit=["a", "b"])
    of_one = Ledger.create(tmp_path / "one.db", budget, unit="a,b")
    ledgers = {None: of_rows, ("row",): of_column, ("a", "b"): of_two, ("a,b",): of_one}
    for unit in ledgers:
        for protected, ledger in ledgers.items():
            asked = unit[0] if unit and len(unit) == 1 else unit
            if unit == protected:
                shoal.private(frame, unit=asked, ledger=ledger)
                continue
            with pytest.raises(PolicyError, match="use the ledger of this unit"):
                shoal.private(frame, unit=asked, ledger=ledger)


@pytest.mark.parametrize("kept", ["add-remove", "change-one"])
def test_neighbors__of_another_kind_are_refused(kept: Any, tmp_path: Path) -> None:
    """What is epsilon-private under add-remove is twice that under change-one; the other way nothing is known."""
    asked: Any = {"add-remove": "change-one", "change-one": "add-remove"}[kept]
    ledger = Ledger.create(tmp_path / "b.db", Budget.of(epsilon="9"), unit="who", neighbors=kept)
    frame = pl.DataFrame({"who": [1]})
    with pytest.raises(PolicyError, match=f"neighbors='{kept}'"):
        shoal.private(frame, unit="who", ledger=ledger, neighbors=asked)
    with pytest.raises(PolicyError, match=f"neighbors='{kept}'"):
        ledger.debit("1", **ASKED, neighbors=asked)
    with pytest.raises(PolicyError, match="must be one of"):
        ledger.debit("1", **ASKED, neighbors="replace")  # pyright: ignore[reportArgumentType]
    with pytest.raises(PolicyError, match="must be one of"):
        ledger.debit("1", **ASKED, distribution="normal")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="fingerprint"):
        ledger.debit("1", **ASKED, fingerprint=5)  # pyright: ignore[reportArgumentType]
    assert ledger.check() == 1
    shoal.private(frame, unit="who", ledger=ledger, neighbors=kept)
    ledger.debit("1", **ASKED, neighbors=kept)
    assert [line.neighbors for line in Ledger(ledger.path).entries()] == [kept, kept]


def test_release__is_recorded_with_neighbors_law_and_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"who": range(100), "x": range(100)}).write_parquet(path)
    budget = Budget.of(epsilon="9", delta="1e-5")
    ledger = Ledger.create(tmp_path / "b.db", budget, unit="who", neighbors="change-one")

    def release(distribution: Any) -> None:
        private = shoal.private(path, unit="who", ledger=ledger, neighbors="change-one")
        private.group_by(max_groups=1, max_rows=1).agg(dp.count()).release(
            epsilon="1", delta="1e-6", distribution=distribution
        )

    release("laplace")
    release("gaussian")
    pl.DataFrame({"who": range(101), "x": range(101)}).write_parquet(path)
    release("laplace")
    lines = ledger.entries()[1:]
    assert [(line.neighbors, line.law) for line in lines] == [
        ("change-one", "laplace"),
        ("change-one", "gaussian"),
        ("change-one", "laplace"),
    ]
    assert lines[0].fingerprint == lines[1].fingerprint != lines[2].fingerprint
    assert all(line.fingerprint.startswith("sha256:") for line in lines)


def test_fingerprint__depends_on_no_row(tmp_path: Path) -> None:
    import os

    found = set()
    for rows in ([1], [1, 2], [None] * 100):
        path = tmp_path / "t.parquet"
        pl.DataFrame({"x": pl.Series(rows, dtype=pl.Int64)}).write_parquet(path)
        os.utime(path, ns=(10**18, 10**18))
        found.add(shoal.private(path, unit=None, ledger=None).fingerprint)
        found.add(shoal.private(str(path), unit=None, ledger=None).fingerprint)
    assert len(found) == 1
    frames = {shoal.private(pl.DataFrame({"x": rows}), unit=None, ledger=None).fingerprint for rows in ([1], [2, 3])}
    assert len(frames) == 1
    assert frames != found


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["shoal", *words, "--json"])
        monkeypatch.setattr("signal.signal", lambda number, handler: None)
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(str(ended.value.code)), json.loads(told.out or told.err)

    return command


def test_cli__upgrade_and_show(run: Any, tmp_path: Path) -> None:
    first_version(tmp_path / "old.db")
    code, body = run("ledger", "show", "old.db")
    assert (code, body["version"], body["neighbors"], body["lines"]) == (0, 1, None, 3)
    assert run("ledger", "upgrade", "old.db", "--unit", "person")[0] == 1
    code, body = run("ledger", "upgrade", "old.db", "--unit", "person", "--neighbors", "add-remove")
    assert (code, body["version"], body["unit"], body["neighbors"]) == (0, 3, ["person"], "add-remove")
    assert run("ledger", "show", "old.db")[1]["lines"] == 4


@pytest.mark.parametrize(
    ("units", "kept"),
    [
        (["row"], None),
        (['["row"]'], ["row"]),
        (["a,b"], ["a,b"]),
        (["a", "b"], ["a", "b"]),
        (['["a", "b"]'], ["a", "b"]),
    ],
)
def test_cli__units(units: list[str], kept: Any, run: Any) -> None:
    named = [word for unit in units for word in ("--unit", unit)]
    code, body = run("ledger", "init", "b.db", *named, "--epsilon", "9", "--neighbors", "change-one")
    assert (code, body["unit"], body["neighbors"]) == (0, kept, "change-one")
    pl.DataFrame({"row": [1], "a": [1], "b": [1], "a,b": [1]}).write_parquet("t.parquet")
    bounds = [] if kept is None else ["--max-groups", "1", "--max-rows", "1"]
    asked = ["query", "t.parquet", *named, *bounds, "--count", "--epsilon", "1", "--ledger", "b.db"]
    assert run(*asked)[1]["error"] == "PolicyError"
    assert run(*asked, "--neighbors", "change-one")[0] == 0
    assert run("ledger", "show", "b.db")[1]["lines"] == 2


@pytest.mark.parametrize("units", [["row", "a"], ["[1]"], ["["], ["[]"]])
def test_cli__units_that_are_none(units: list[str], run: Any) -> None:
    named = [word for unit in units for word in ("--unit", unit)]
    code, body = run("ledger", "init", "b.db", *named, "--epsilon", "9")
    assert (code, body["error"] in ("UsageError", "PolicyError")) == (1, True)
    assert not Path("b.db").exists()


def test_cli__neighbors_that_are_unknown(run: Any) -> None:
    assert run("ledger", "init", "b.db", "--unit", "a", "--epsilon", "9", "--neighbors", "replace")[0] == 1
    assert run("query", "t.csv", "--unit", "a", "--count", "--epsilon", "9", "--neighbors", "replace")[0] == 1
    assert run("query", "t.csv", "--unit", "a", "--count", "--epsilon", "9", "--distribution", "normal")[0] == 1
