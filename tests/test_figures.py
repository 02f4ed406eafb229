"""The README's figures: sections run at a small size, and what is kept goes where it belongs."""

from pathlib import Path
from typing import Any

import pytest

from benches import adult, figures
from benches.measure.clock import Cost
from benches.measure.figure import Figure, Options
from benches.measure.showing import as_markdown


@pytest.mark.parametrize("name", ["grouping", "partition", "cores", "memory"])
def test_measure__every_section_tells_figures(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    section = figures.measure(name, Options(rows=1000, runs=1))
    assert section["figures"]
    assert all(figure["value"] > 0 for figure in section["figures"])
    assert "| what |" in capsys.readouterr().out


@pytest.mark.shared
@pytest.mark.skipif(not adult.present(), reason=adult.MISSING)
def test_leaves__siblings_stand_together() -> None:
    assert sorted(map(int, adult.leaves("age"))) == list(range(1, 101))
    order = adult.leaves("marital-status")
    assert abs(order.index("Married-civ-spouse") - order.index("Married-AF-spouse")) == 1


def test_figure__mark_is_reached_from_its_better_side() -> None:
    assert [Figure("any", value, "s", 3.0, "more").met for value in (2.9, 3.0, 3.1)] == [False, True, True]
    assert [Figure("any", value, "s", 3.0, "less").met for value in (2.9, 3.0, 3.1)] == [True, True, False]


def test_figure__without_mark_is_neither() -> None:
    assert Figure("any", 1.0, "s").met is None


def test_as_markdown__one_row_a_figure() -> None:
    text = as_markdown([Figure("speed", 1234.5, "rows/s", 2000.0, cost=Cost(1.5, 0.25, 5)), Figure("loss", 0.05, "")])
    assert text.splitlines()[2:] == [
        "| speed | 1,234 rows/s | ≥ 2,000 | no | 0.2500 | 1.50 | 5 |",
        "| loss | 0.0500 |  |  |  |  |  |",
    ]


def _section(value: float) -> dict[str, Any]:
    figure = {"what": "speed", "value": value, "unit": "s", "mark": 3.0, "better": "more", "cost": None, "note": ""}
    return {"machine": "a machine", "figures": [figure]}


def test_keep__replaces_a_section_and_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{figures.BEGIN}\nold\n{figures.END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(figures, "README", readme)
    monkeypatch.setattr(figures, "KEPT", tmp_path / "figures.json")
    figures.keep({"start": _section(4.0)})
    figures.keep({"grouping": _section(5.0)})
    figures.keep({"start": _section(6.0)})
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{figures.BEGIN}\n")
    assert text.endswith(f"{figures.END}\nafter\n")
    assert "6.00 s" in text
    assert "5.00 s" in text
    assert "4.00 s" not in text
    assert "old" not in text


def test_keep__needs_its_place_in_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("no place\n", encoding="utf-8")
    monkeypatch.setattr(figures, "README", readme)
    monkeypatch.setattr(figures, "KEPT", tmp_path / "figures.json")
    with pytest.raises(SystemExit, match="no place"):
        figures.keep({"start": _section(4.0)})
