import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import shoal
from shoal_cli.commands import cli

PEOPLE = pl.DataFrame({"a": [1, 1, 2, 2], "b": ["x", None, "x", None], "c": [1, 1, 1, 2]})


def test_unique_sets__figures_by_hand() -> None:
    found = shoal.unique_sets(PEOPLE)
    assert found["columns"].to_list()[:4] == [["a"], ["b"], ["c"], ["a", "b"]]
    assert found["distinct"].to_list() == [2, 2, 2, 4, 3, 3, 4]
    assert found["separation"].to_list() == pytest.approx([4 / 6, 4 / 6, 0.5, 1, 5 / 6, 5 / 6, 1])
    assert found["unique_rows"].to_list() == [0, 0, 0.25, 1, 0.5, 0.5, 1]
    assert found.filter("minimal")["columns"].to_list() == [["a", "b"]]
    near = shoal.unique_sets(PEOPLE, ["c", "a"], alpha=0.75, measure="distinctness")
    assert near.filter("minimal")["columns"].to_list() == [["c", "a"]]


def test_unique_sets__agrees_with_look() -> None:
    people = shoal.hospital_records(2000, seed=1)
    looked = shoal.look(people).combinations
    names = sorted({name for columns in looked["columns"] for name in columns}, key=people.columns.index)
    found = shoal.unique_sets(people, names, max_size=3)
    figures = {tuple(row[0]): row[4:6] for row in found.rows()}
    for columns, unique_rows, separation in looked.rows():
        assert figures[tuple(columns)] == pytest.approx((separation, unique_rows))


@pytest.mark.parametrize("extra", [[], ["--alpha", "0.8", "--max-size", "1", "-c", "a", "-c", "c"]])
def test_discover__prints_a_table_or_json(tmp_path: Path, extra: list[str]) -> None:
    source = tmp_path / "people.parquet"
    PEOPLE.write_parquet(source)
    shown = CliRunner().invoke(cli, ["discover", str(source), *extra], standalone_mode=False)
    assert shown.exception is None
    told = CliRunner().invoke(cli, ["discover", str(source), "--json", *extra], standalone_mode=False)
    sets = json.loads(told.output)["sets"]
    assert len(sets) == (2 if extra else 7)
    assert [row["columns"] for row in sets if row["minimal"]] == ([] if extra else [["a", "b"]])
