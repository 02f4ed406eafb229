"""The peers agree with their golden figures when they are run again, where they are installed."""

import json
from pathlib import Path
from typing import Any

import pytest

from benches.measure import plain_rows
from benches.measure.figure import Options
from benches.peers import calling

GOLDEN = Path(__file__).parents[1] / "golden"
ENTRY: dict[str, Any] = json.loads((GOLDEN / "pycanon.json").read_text())["tables"]["survey_skewed"]
TABLE = GOLDEN / ENTRY["csv"]

installed = pytest.mark.skipif(calling.peers_python() is None, reason=f"{calling.VARIABLE} is not set")


@installed
@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("pycanon-k", ENTRY["k"]),
        ("pycanon-l", ENTRY["sensitive"]["disease"]["l_distinct"]),
        ("pycanon-entropy", ENTRY["sensitive"]["disease"]["l_entropy_floor"]),
        ("pycanon-t", ENTRY["sensitive"]["disease"]["t"]),
    ],
)
def test_measure__pycanon_finds_its_golden_figure(peer: str, expected: float) -> None:
    cost = calling.measure(peer, TABLE, quasi_identifiers=ENTRY["quasi_identifiers"], sensitive="disease")
    assert cost["result"] == pytest.approx(expected, abs=1e-9)
    assert cost["rows"] == ENTRY["rows"]
    assert cost["cpu_seconds"] > 0


@installed
def test_measure__anonypy_keeps_k() -> None:
    quasi = ENTRY["quasi_identifiers"]
    cost = calling.measure("anonypy-mondrian", TABLE, quasi_identifiers=quasi, sensitive="disease", k=10)
    assert cost["result"]["smallest"] >= 10


@pytest.mark.skipif(calling.anonymeter_python() is None, reason=f"{calling.ANONYMETER} is not set")
def test_attacks__find_what_anonymeter_finds() -> None:
    assert len(list(plain_rows.figures(Options(rows=2000, runs=1)))) == 6


def test_measure__without_environment_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(calling.VARIABLE, raising=False)
    with pytest.raises(RuntimeError, match=r"requirements\.txt"):
        calling.measure("pycanon-k", TABLE, quasi_identifiers=["sex"], sensitive="disease")


def test_measure__failing_peer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(calling.VARIABLE, "/bin/false")
    with pytest.raises(RuntimeError, match="failed"):
        calling.measure("pycanon-k", TABLE, quasi_identifiers=["sex"], sensitive="disease")
