"""`shoal report`, `approve` and `presets`: exit codes, output, and what is refused without a trace."""

import json
import sys
from pathlib import Path

import polars as pl
import pytest

from shoal.report.facts import ReportFacts
from shoal_cli.commands import main

POLICY = "k = 4\n[quasi_identifier.age]\n[insensitive.cost]\n[release]\nrecipient = 'the public'\n"
DECISIONS = (
    "--decision",
    "kept-unique=accept:drawn at random",
    "--decision",
    "kept-unique-with-quasi-identifiers=accept:as above",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    frame = pl.DataFrame({"age": [20 + i % 7 for i in range(80)], "cost": [1.5 * i for i in range(80)]})
    frame.write_csv("in.csv")
    Path("p.toml").write_text(POLICY)
    return tmp_path


@pytest.fixture
def call(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["shoal", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, out, err

    return run


def test_report__from_release_to_approved_release(call) -> None:
    released = ("anonymize", "in.csv", "out.parquet", "-p", "p.toml")
    assert call(*released, "--certificate", "c.json", "--by", "Ann")[0] == 4
    code, out, err = call("report", "c.json", "-o", "page.html", "-o", "report.json", "--released", "out.parquet")
    assert (code, err) == (4, "")
    assert "2 findings need a decision" in out
    assert "next: shoal approve report.json" in out
    assert max(map(len, out.splitlines())) <= 80
    page = Path("page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "the public" in page
    code, _, err = call("approve", "report.json", "--name", "Ann", "-o", "approval.json")
    assert (code, Path("approval.json").exists()) == (1, False)
    assert "no decision is given" in err
    assert call("approve", "report.json", "--name", "Ann", *DECISIONS, "-o", "approval.json")[0] == 0
    assert call(*released, "--approved", "approval.json")[0] == 0
    code, _, err = call("anonymize", "in.csv", "o.csv", "-q", "age", "-k", "4", "--approved", "approval.json")
    assert (code, Path("o.csv").exists()) == (1, False)
    assert "the approval is of policy" in err


def test_approve__to_change_is_exit_code_4(call) -> None:
    call("anonymize", "in.csv", "out.parquet", "-p", "p.toml", "--certificate", "c.json")
    call("report", "c.json", "-o", "report.json")
    words = [word.replace("accept:as above", "change") for word in DECISIONS]
    code, out, _ = call("approve", "report.json", "--name", "Ann", *words, "-o", "approval.json")
    assert (code, out) == (4, "Ann asks to change the policy; wrote approval.json.\n")


def test_report__json_is_the_facts(call) -> None:
    call("anonymize", "in.csv", "out.parquet", "-p", "p.toml", "--certificate", "c.json")
    code, out, _ = call("report", "c.json", "--json", "-o", "report.json")
    assert code == 4
    assert json.loads(out) == json.loads(Path("report.json").read_text())
    code, out, _ = call("report", "--schema")
    assert set(json.loads(out)["$defs"]["ReportFacts"]["properties"]) == set(ReportFacts.__struct_fields__)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("report",), "give the certificate"),
        (("report", "c.json"), "say where the report goes"),
        (("report", "in.csv", "-o", "page.html"), "not a certificate"),
        (("report", "gone.json", "-o", "page.html"), "not a certificate"),
        (("report", "c.json", "-o", "page.pdf"), "suffix"),
        (("report", "c.json", "-o", "c.json"), "part of the input"),
        (("report", "c.json", "-o", "page.html", "--released", "in.csv"), "digest differs"),
        (("report", "c.json", "-o", "page.html", "--preset", "ema"), "there is no preset"),
        (("report", "c.json", "-o", "page.html", "--frontier", "c.json"), "not a frontier"),
        (("report", "c.json", "-o", "page.html", "--attack", "c.json"), "result of an attack"),
        (("report", "c.json", "-o", "page.html", "--ledger", "c.json"), "ledger"),
        (("verify", "out.parquet"), "give the policy"),
    ],
)
def test_report__bad_input_leaves_nothing(call, folder: Path, words: tuple[str, ...], message: str) -> None:
    call("anonymize", "in.csv", "out.parquet", "-p", "p.toml", "--certificate", "c.json")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, _, err = call(*words)
    assert code == 1
    assert message in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_verify__by_the_certificate_alone(call) -> None:
    call("anonymize", "in.csv", "out.parquet", "-p", "p.toml", "--certificate", "c.json")
    assert call("verify", "out.parquet", "--certificate", "c.json")[0] == 4
    Path("out.parquet").write_bytes(Path("out.parquet").read_bytes() + b" ")
    assert call("verify", "out.parquet", "--certificate", "c.json")[0] in (1, 3)


def test_presets__are_listed_with_their_sources(call) -> None:
    code, out, _ = call("presets")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "ema-0070: highest risk of at most 0.09, so k = 12" in out
    listed = json.loads(call("presets", "--json")[1])
    assert {one["name"]: one["least_k"] for one in listed}["ontario-medium"] == 15
