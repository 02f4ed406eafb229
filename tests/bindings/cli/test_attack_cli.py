"""`shoal attack`: figures over all people, in 80 columns, and nothing of one person."""

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shoal_cli.commands import cli
from shoal_cli.main import run

POLICY = "k = 3\n[quasi_identifier.age]\n[quasi_identifier.zip]\n[sensitive.sick]\n[insensitive.pay]\n"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    rows = range(60)
    released = pl.DataFrame(
        {
            "age": [f"[{20 + 5 * (i // 6)}, {24 + 5 * (i // 6)}]" for i in rows],
            "zip": [f"{10 + i // 30}***" for i in rows],
            "sick": [["flu", "gout", "hiv"][i % 3] for i in rows],
            "pay": [1000 + 10 * i for i in rows],
            "id": [f"p{i:02}" for i in rows],
        }
    )
    released.write_csv("released.csv")
    released.with_columns(age=pl.Series([f"[{20 + 10 * (i // 12)}, {29 + 10 * (i // 12)}]" for i in rows])).write_csv(
        "earlier.csv"
    )
    known = pl.DataFrame(
        {
            "id": [f"p{i:02}" for i in rows],
            "age": [20 + 5 * (i // 6) + i % 5 for i in rows],
            "zip": [f"{10 + i // 30}{i:03}" for i in rows],
        }
    )
    known.write_csv("known.csv")
    known.with_columns(pl.col("age") + 60).write_csv("outsiders.csv")
    known.head(2).write_csv("two.csv")

    def called(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["shoal", *line.split()])
        with pytest.raises(SystemExit) as caught:
            run(cli)
        out, err = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, out, err

    return called


def test_linkage__prints_findings_first_in_80_columns(call: Any) -> None:
    code, out, err = call("attack linkage released.csv --known known.csv --truth id -s sick -c age -c zip")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "60 rows, 10 classes, k = 6" in lines[0]
    assert "highest risk" in lines[3]
    assert "p01" not in out
    assert "10001" not in out


def test_linkage__json_is_what_to_dict_returns(call: Any) -> None:
    code, out, _ = call(
        "attack linkage released.csv --known known.csv --truth id -s sick --mismatches 1 --tolerance age=1 --json"
    )
    told = json.loads(out)
    assert code == 0
    assert told["mismatches"] == 1
    assert told["tolerance"] == {"age": 1.0}
    assert told["answers"]["people"] == 60
    assert told["highest"] == pytest.approx(1 / 6)
    assert "p01" not in out


def test_linkage__raw_held_out_and_another_release(call: Any) -> None:
    code, out, err = call(
        "attack linkage released.csv --known known.csv --truth id -s sick --raw known.csv --also earlier.csv --kept pay"
    )
    assert (code, err) == (0, "")
    assert "raw table" in out
    assert "pinned to one record" in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = call("attack linkage released.csv --known known.csv --also earlier.csv --kept pay --json")
    assert code == 0
    assert json.loads(out)["intersection"]["kept"] == ["pay"]


def test_linkage__takes_a_policy(call: Any) -> None:
    Path("policy.toml").write_text(POLICY, encoding="utf-8")
    code, out, err = call("attack linkage released.csv --known known.csv -p policy.toml")
    assert (code, err) == (0, "")
    assert "sick" in out


def test_membership__prints_the_advantage(call: Any) -> None:
    code, out, err = call("attack membership released.csv --members known.csv --outsiders outsiders.csv -c age")
    assert (code, err) == (0, "")
    assert "advantage" in out
    code, out, _ = call("attack membership released.csv --members known.csv --outsiders outsiders.csv -c age --json")
    assert json.loads(out)["found_members"] == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("released.csv --known two.csv -c age", "fewer than k"),
        ("released.csv --known known.csv --tolerance age", "COL=WIDTH"),
        ("released.csv --known known.csv --kept pay", "--also"),
        ("released.csv --known none.csv", "none.csv"),
        ("released.csv --known known.csv --truth name", "name"),
        ("released.csv --known known.csv -c town", "town"),
    ],
)
def test_linkage__bad_input_is_told_without_a_trace(call: Any, line: str, words: str) -> None:
    code, out, err = call(f"attack linkage {line}")
    assert code == 1
    assert out == ""
    assert words in err
    assert "Traceback" not in err


def test_loss__files_of_losses_and_reference_losses(call: Any) -> None:
    columns = {"loss": [0.1, 0.2, 0.1, 0.3], "m1": [0.9, 0.8, 0.9, 0.7], "m2": [0.8, 0.9, 0.7, 0.8]}
    pl.DataFrame(columns).write_csv("in.csv")
    pl.DataFrame(columns | {"loss": [0.9, 0.8, 0.25, 0.7]}).write_csv("out.csv")
    code, out, err = call("attack loss --members in.csv --others out.csv --threshold 0.25")
    assert (code, err) == (0, "")
    assert "advantage 50 %, interval" in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = call("attack loss --members in.csv --others out.csv --reference m* --rate 0 --json")
    told = json.loads(out)
    assert (code, told["attack"], told["advantage"]) == (0, "likelihood ratio, offline", 0.75)
    assert told["at_false_positive_rate"]["0"]["share"] == 0.75


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--others out.csv -c cost", "cost"),
        ("--others out.csv --reference n*", "n*"),
        ("--others known.csv -c id", "String"),
        ("--others gap.csv", "NaN"),
        ("--others out.csv --reference m1", "shadow"),
        ("--others gap.csv --reference m1", "m1"),
        ("--others out.csv --reference m1 --threshold 1", "--threshold"),
    ],
)
def test_loss__bad_input_is_told_without_a_trace(call: Any, line: str, words: str) -> None:
    pl.DataFrame({"loss": [0.1, 0.2], "m1": [0.3, 0.4], "id": ["a", "b"]}).write_csv("in.csv")
    pl.DataFrame({"loss": [0.1, 0.2], "m1": [0.3, 0.4]}).write_csv("out.csv")
    pl.DataFrame({"loss": [0.1, None], "text": ["a", "b"]}).write_csv("gap.csv")
    code, out, err = call(f"attack loss --members in.csv {line}")
    assert code != 0
    assert out == ""
    assert words in err
    assert "Traceback" not in err
