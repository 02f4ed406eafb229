"""The tables that pycanon measured, measured again by an independent route in plain Polars."""

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
PYCANON: dict[str, Any] = json.loads((GOLDEN / "pycanon.json").read_text())["tables"]
CASES = [(table, column) for table, entry in PYCANON.items() for column in entry["sensitive"]]


def _table(name: str) -> pl.DataFrame:
    return pl.read_csv(GOLDEN / PYCANON[name]["csv"])


def _shares(name: str, column: str) -> list[tuple[list[float], list[float]]]:
    """Return, for each class, its shares of the sorted sensitive values and the whole table's."""
    table = _table(name)
    values = table[column].unique().sort().to_list()
    whole = [(table[column] == value).mean() for value in values]
    classes = table.group_by(PYCANON[name]["quasi_identifiers"]).agg(column)[column].to_list()
    return [([part.count(value) / len(part) for value in values], whole) for part in classes]


@pytest.mark.parametrize("name", PYCANON)
def test_golden_k__equals_smallest_group(name: str) -> None:
    entry = PYCANON[name]
    table = _table(name)
    assert table.height == entry["rows"]
    assert table.group_by(entry["quasi_identifiers"]).len()["len"].min() == entry["k"]


@pytest.mark.parametrize(("name", "column"), CASES)
def test_golden_l_distinct__equals_fewest_values(name: str, column: str) -> None:
    least = min(sum(share > 0 for share in part) for part, _ in _shares(name, column))
    assert least == PYCANON[name]["sensitive"][column]["l_distinct"]


@pytest.mark.parametrize(("name", "column"), CASES)
def test_golden_l_entropy__floor_equals(name: str, column: str) -> None:
    least = min(-sum(p * math.log(p) for p in part if p) for part, _ in _shares(name, column))
    # pycanon floors after floating point, so an exact whole number may come out one lower: see its notes.
    exact = math.exp(least)
    possible = {math.floor(exact - 1e-9), math.floor(exact + 1e-9)}
    assert PYCANON[name]["sensitive"][column]["l_entropy_floor"] in possible


@pytest.mark.parametrize(("name", "column"), CASES)
def test_golden_t__equals_distance(name: str, column: str) -> None:
    golden = PYCANON[name]["sensitive"][column]
    worst = 0.0
    for part, whole in _shares(name, column):
        gaps = [p - q for p, q in zip(part, whole, strict=True)]
        if golden["t_distance"] == "equal":
            distance = sum(map(abs, gaps)) / 2
        else:
            distance = sum(abs(sum(gaps[: i + 1])) for i in range(len(gaps))) / (len(gaps) - 1)
        worst = max(worst, distance)
    assert worst == pytest.approx(golden["t"], abs=1e-9)


def test_golden_t__salaries_as_the_paper_works_it() -> None:
    # Li et al. 2007, section 4.1: {3, 4, 5} against 3..11 is 0.375.
    assert PYCANON["salaries"]["sensitive"]["salary"]["t"] == 0.375
