"""`shoal utility`: figures as JSON, a screen of 80 columns, and what is refused."""

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal_cli.commands import cli
from shoal_cli.main import run

POLICY = "k = 3\n[identifier.name]\n[quasi_identifier.age]\n[quasi_identifier.job]\n[sensitive.ill]\n"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)
    rows = range(60)
    frame = pl.DataFrame(
        {
            "age": [20 + i % 17 for i in rows],
            "job": [["cook", "nurse", "smith"][i % 3] for i in rows],
            "ill": [["flu", "hiv", "gout", "flu"][i % 4] for i in rows],
            "name": [f"person {i}" for i in rows],
        }
    )
    frame.write_csv("raw.csv")
    Path("policy.toml").write_text(POLICY)
    shoal.anonymize_file("raw.csv", "released.csv", shoal.Policy.load("policy.toml"))
    # The handler of the command line is not for the process of the tests.
    monkeypatch.setattr("signal.signal", lambda number, handler: None)

    def called(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["shoal", *line.split()])
        with pytest.raises(SystemExit) as caught:
            run(cli)
        out, err = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, out, err

    return called


def test_utility__json_holds_the_figures_and_no_value(call: Any) -> None:
    code, out, err = call("utility released.csv raw.csv -p policy.toml --queries 30 --seed 4 --json")
    assert (code, err) == (0, "")
    body = json.loads(out)
    found = shoal.utility("released.csv", "raw.csv", policy="policy.toml", queries=30, seed=4)
    assert body == json.loads(json.dumps(found.to_dict())) | {"accuracy": None}
    assert not any(value in out for value in ("cook", "hiv", "person"))


def test_utility__fits_a_terminal_and_begins_with_the_finding(call: Any) -> None:
    code, out, _ = call("utility released.csv raw.csv -p policy.toml --queries 30 --seed 4")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "Of 30 answers from the release, half are within" in out.splitlines()[0]
    for table in ("release", "raw", "without quasi-identifiers", "without sensitive columns"):
        assert sum(line.startswith(table) for line in out.splitlines()) == 2
    assert "seed 4" in out


def test_utility__declared_questions(call: Any) -> None:
    line = "utility released.csv raw.csv -p policy.toml --query age>=30 --mean age --mean age:job='cook' --json"
    body = json.loads(call(line)[1])
    answers = {one["kind"]: one["answers"] for one in body["workload"] if one["table"] == "release"}
    assert answers == {"all": 3, "count": 1, "mean": 2}
    assert body["seed"] is None


def test_utility__accuracy(call: Any) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    raw = pl.read_csv("raw.csv")
    raw.with_columns(age=pl.col("age") + 20, name=pl.col("name") + "x").write_csv("test.csv")
    line = "utility released.csv raw.csv -p policy.toml --queries 9 --seed 4 --target ill --test"
    code, out, _ = call(f"{line} test.csv")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "raw minus release, 95 %" in out
    assert json.loads(call(f"{line} test.csv --json")[1])["accuracy"]["target"] == "ill"
    code, _, err = call(f"{line} raw.csv")
    assert code == 1
    assert "hold test rows out" in err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("--query name='x'", "identifier"),
        ("--query pay>3", "does not have"),
        ("--query age>3 --seed 1", "leave either out"),
        ("--query age>", "cannot be parsed"),
        ("--seed -1", "seed"),
        ("--target ill", "belong together"),
    ],
)
def test_utility__refuses(call: Any, options: str, text: str) -> None:
    code, out, err = call(f"utility released.csv raw.csv -p policy.toml {options}")
    assert (code, out) == (1, "")
    assert text in err
    assert "person" not in err
