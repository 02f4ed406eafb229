"""`shoal attack` on rows of plain values: JSON, terminal of 80 columns, declared types, nothing of a person."""

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from shoal_cli.commands import cli
from shoal_engine.errors import PolicyError

TABLES = ["release.csv", "--original", "original.csv", "--type", "age=integer", "--type", "pay=integer"]
COMMANDS = {
    "singling-out": ["--seed", "1", "--columns-at-once", "2"],
    "linkability": ["--left", "age", "--right", "job", "--right", "pay"],
    "inference": ["-c", "age", "-c", "job", "--secret", "pay", "--tolerance", "0"],
    "attribution": ["-c", "age", "-c", "job", "--secret", "pay"],
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = pl.DataFrame(
        {
            "age": [20 + i for i in range(40)],
            "job": [f"secret-job-{i % 7}" for i in range(40)],
            "pay": [777_000 + 31 * i for i in range(40)],
        }
    )
    rows.write_csv("original.csv")
    rows.with_columns(pl.col("age") + 0).write_csv("release.csv")
    rows.with_columns(pl.col("age") + 15, pl.col("pay").reverse()).write_csv("control.csv")


def call(*line: str) -> Result:
    return CliRunner().invoke(cli, ["attack", *line], standalone_mode=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_attack__json_is_all_that_is_printed(command: str) -> None:
    result = call(command, *TABLES, *COMMANDS[command], "--control", "control.csv", "--json")
    assert result.return_value == 0, result.exception
    body = json.loads(result.output)
    if command == "attribution":
        assert body["original"]["left_out"] == 1.0
        return
    assert body["success"]["share"] == 1.0
    assert body["control"]["share"] < 1.0
    assert 0 <= body["risk"]["low"] <= body["risk"]["value"] <= body["risk"]["high"] <= 1
    assert body["beats_baseline"]


@pytest.mark.parametrize("control", [[], ["--control", "control.csv"]])
@pytest.mark.parametrize("command", COMMANDS)
def test_attack__terminal(command: str, control: list[str]) -> None:
    result = call(command, *TABLES, *COMMANDS[command], *control)
    assert result.return_value == 0, result.exception
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    # What was found comes before the figures.
    assert lines[2].startswith("  !")
    assert ("control rows" in result.output) == bool(control)
    assert "secret-job" not in result.output
    assert "777" not in result.output


def test_attack__declared_text_is_guessed_exactly() -> None:
    options = ["release.csv", "--original", "original.csv", "-c", "age", "--secret", "pay", "--json"]
    # All numbers lie within the tolerance of each other; of texts one is right.
    assert json.loads(call("inference", *options).output)["baseline"]["share"] == 1.0
    declared = json.loads(call("inference", *options, "--type", "pay=text").output)
    assert declared["success"]["share"] == 1.0
    assert declared["baseline"]["share"] == pytest.approx(1 / 40)


def test_attack__too_few_guesses_are_reported() -> None:
    result = call("singling-out", *TABLES, "--seed", "1", "--univariate")
    assert "of 2,000 attacks could be made" in result.output


def test_attack__a_release_without_unique_values() -> None:
    pl.DataFrame({"age": [1, 1, 2, 2], "job": list("abab"), "pay": [1, 2, 1, 2]}).write_csv("release.csv")
    result = call("singling-out", *TABLES, "--seed", "1", "--univariate")
    assert "the release yields no guess" in result.output


def test_attack__rows_are_drawn_by_a_seed() -> None:
    result = call("linkability", *TABLES, *COMMANDS["linkability"], "--attacks", "5")
    assert isinstance(result.exception, PolicyError)
    assert "give a seed" in str(result.exception)
