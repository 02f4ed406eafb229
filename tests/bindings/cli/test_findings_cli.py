"""Findings on the command line: first on the terminal, in every JSON, and in the exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from shoal_cli.commands import cli
from shoal_cli.main import run

POLICY = "k = 4\n[quasi_identifier.age]\n[insensitive.ssn]\n[sensitive.dx]\n"
CODES = ["kept-unique", "kept-unique-with-quasi-identifiers", "one-sensitive-value"]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    people = {"age": [30] * 4 + [40] * 4, "ssn": [f"123-45-678{i}" for i in range(8)], "dx": ["a"] * 8}
    pl.DataFrame(people).write_csv("in.csv")
    Path("policy.toml").write_text(POLICY)


def call(*line: str) -> Result:
    return CliRunner().invoke(cli, line, standalone_mode=False)


def anonymize(*more: str) -> Result:
    return call("anonymize", "in.csv", "out.csv", "-p", "policy.toml", *more)


def verify(*more: str) -> Result:
    return call("verify", "out.csv", "-p", "policy.toml", *more)


@pytest.mark.parametrize("command", [anonymize, verify])
def test_exit_code__is_4_while_findings_await_a_decision(command: Any) -> None:
    anonymize()
    assert command().return_value == 4
    result = command("--json", *(f"--accept={code}=a reason" for code in CODES[:2]))
    assert result.return_value == 4
    body = json.loads(result.output)
    assert {f["code"]: f["accepted"] for f in body["findings"]} == dict.fromkeys(CODES[:2], "a reason") | {
        CODES[2]: None
    }


@pytest.mark.parametrize("command", [anonymize, verify])
def test_exit_code__is_0_once_each_is_accepted(command: Any) -> None:
    anonymize()
    result = command("--json", *(f"--accept={code}" for code in CODES))
    assert result.return_value == 0
    reasons = {finding["accepted"] for finding in json.loads(result.output)["findings"]}
    assert reasons == {"accepted on the command line"}
    accept = "".join(f'{code} = "known"\n' for code in CODES)
    Path("policy.toml").write_text(POLICY + "[accept]\n" + accept)
    assert command().return_value == 0


def test_exit_code__notes_await_nothing() -> None:
    people = {"age": [30] * 4 + [40] * 4, "dx": list("abcdefgh")}
    pl.DataFrame(people).write_csv("in.csv")
    Path("policy.toml").write_text("k = 4\n[quasi_identifier.age]\n[sensitive.dx]\nl = 2\n")
    result = anonymize("--json")
    assert [finding["severity"] for finding in json.loads(result.output)["findings"]] == ["note"]
    assert result.return_value == 0


def test_exit_code__a_broken_promise_outweighs_findings() -> None:
    anonymize()
    Path("policy.toml").write_text(POLICY.replace("k = 4", "k = 5"))
    assert verify().return_value == 3


def test_certificate__holds_findings_with_their_reasons() -> None:
    anonymize("--certificate", "c.json", "--accept", "kept-unique=drawn at random")
    document = json.loads(Path("c.json").read_text())
    assert {f["code"]: f["accepted"] for f in document["findings"]}["kept-unique"] == "drawn at random"
    assert document["policy"]["accept"] == {"kept-unique": "drawn at random"}


@pytest.mark.parametrize("command", [anonymize, verify])
def test_terminal__findings_come_first(command: Any) -> None:
    anonymize()
    lines = command().output.splitlines()
    first = {word: next(i for i, line in enumerate(lines) if word in line) for word in ("✓ k = 4", "✗ 8 rows", "risk")}
    assert first["✓ k = 4"] < first["✗ 8 rows"] < first["risk"]
    assert max(map(len, lines)) <= 80


def test_terminal__without_unicode() -> None:
    line = [sys.executable, "-m", "shoal_cli", "anonymize", "in.csv", "out.csv", "-p", "policy.toml"]
    line[1:3] = ["-c", "import sys; from shoal_cli import main; sys.argv[0] = 'shoal'; main()"]
    env = {**os.environ, "PYTHONPATH": ":".join(sys.path), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(line, env=env, capture_output=True, check=False)
    assert done.returncode == 4
    text = done.stdout.decode("ascii")
    assert "\n  + k = 4 is met" in text
    assert "\n  x 8 rows (100 %)" in text


def failed(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["shoal", *line.split()])
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    with pytest.raises(SystemExit) as caught:
        run(cli)
    assert isinstance(caught.value.code, int)
    return (caught.value.code, *capsys.readouterr())


def test_undecided__is_an_error_with_what_was_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("policy.toml").write_text(POLICY.replace("[insensitive.ssn]", "[undecided.ssn]"))
    code, out, _ = failed("anonymize in.csv out.csv -p policy.toml --json", monkeypatch, capsys)
    body = json.loads(out)
    assert (code, body["error"]) == (1, "UndecidedColumns")
    seen = {"name": "ssn", "present": True, "distinct": 1.0, "separation": 1.0, "proposal": None}
    assert body["undecided"] == [seen]
    assert not Path("out.csv").exists()


@pytest.mark.parametrize("command", ["assess", "risk"])
def test_undecided__is_stated_where_nothing_is_released(command: str) -> None:
    Path("policy.toml").write_text(POLICY.replace("[insensitive.ssn]", "[undecided.ssn]"))
    result = call(command, "in.csv", "-p", "policy.toml")
    assert result.return_value == 0
    assert "! 1 column is undecided: ssn." in result.output
    assert json.loads(call(command, "in.csv", "-p", "policy.toml", "--json").output)["undecided"] == ["ssn"]


def test_assess__states_what_no_release_changes() -> None:
    result = call("assess", "in.csv", "-p", "policy.toml")
    assert result.return_value == 0
    assert result.output.startswith("  ✗ 8 rows (100 %) are unique on the kept column ssn.")
    assert "exit code 4" not in result.output


@pytest.mark.parametrize(
    ("accept", "message"),
    [("kept-uniq", "did you mean `kept-unique`"), ("kept-unique=", "gives no reason")],
)
def test_accept__is_checked(
    accept: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"anonymize in.csv out.csv -p policy.toml --accept {accept}"
    code, _, err = failed(line, monkeypatch, capsys)
    assert code == 1
    assert message in err
    assert not Path("out.csv").exists()


def test_demo__protects_what_it_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = call("demo", "--rows", "1000", "--output", "demo")
    assert result.return_value == 0
    assert "✗" not in result.output
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    person = {line.split()[0]: line for line in lines if line and not line.startswith(" ")}
    assert {"record", "birth_date", "zip", "diagnosis", "admission_date", "cost"} <= person.keys()
    assert " to " in person["cost"]
    # Some of the invented patients share a name, each record is another's: accepted with that reason.
    (shared,) = json.loads(Path("demo/certificate.json").read_text())["findings"]
    assert (shared["code"], shared["columns"]) == ("repeated-identifier", ["name"])
    assert "share a name" in shared["accepted"]
