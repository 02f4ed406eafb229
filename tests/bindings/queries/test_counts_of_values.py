"""`dp.count(column)`: how many rows hold a value."""

import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import shoal
from shoal import dp
from shoal_cli.commands import main

VALUES = {
    "text": pl.Series(["a", None, ""]),
    "integer": pl.Series([1, None, 0]),
    "real": pl.Series([1.5, float("nan"), float("inf")]),
    "boolean": pl.Series([True, None, False]),
    "date": pl.Series([dt.date(2020, 1, 1), None, dt.date(1, 1, 1)]),
    "time": pl.Series([dt.time(1), None, dt.time(0)]),
    "decimal": pl.Series([Decimal("1.5"), None, Decimal(0)]),
    "categorical": pl.Series(["a", None, "b"], dtype=pl.Categorical),
    "enum": pl.Series(["a", None, "b"], dtype=pl.Enum(["a", "b"])),
    "binary": pl.Series([b"a", None, b""]),
    "list": pl.Series([[1], None, []]),
    "struct": pl.Series([{"p": 1}, None, {"p": None}]),
}


@pytest.mark.parametrize("kind", VALUES)
def test_count__of_each_type(kind: str) -> None:
    frame = pl.DataFrame({"x": VALUES[kind]})
    assert frame["x"].len() == 3
    query = shoal.private(pl.concat([frame] * 50), unit=None, ledger=None).group_by().agg(dp.count("x"), dp.count())
    answer = query.release(epsilon="10000").frame
    assert (answer["x_count"].item(), answer["count"].item()) == (100, 150)


def test_count__of_a_column_of_nulls() -> None:
    frame = pl.DataFrame({"x": [None] * 50})
    query = shoal.private(frame, unit=None, ledger=None).group_by().agg(dp.count("x"))
    assert query.release(epsilon="1000").frame["x_count"].item() == 0


def test_count__of_a_dictionary_with_null_entries() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0], pa.int8()), pa.array([1.5, None]))
    from shoal_engine.differential.queries.presence import Present
    from shoal_engine.differential.queries.private_group_by import Bounds, GroupQuery, Observation

    observation = Observation(GroupQuery((), (Present("x", "x_count"),), None, Bounds(1, 1)), n_threads=1)
    observation.observe(pa.record_batch({"x": column}))
    assert observation.finish(bytes(16)).sums.columns[0].present.tolist() == [2]


@pytest.mark.parametrize(("max_rows", "expected"), [(1, 40), (2, 80), ("clip", 40)])
def test_count__of_units(max_rows: Any, expected: int) -> None:
    frame = pl.DataFrame({"who": [i % 40 for i in range(120)], "g": ["a"] * 120, "x": ["v"] * 120})
    query = shoal.private(frame, unit="who", ledger=None).group_by("g", max_groups=1, max_rows=max_rows, keys=["a"])
    assert query.agg(dp.count("x")).release(epsilon="10000").frame["x_count"].item() == expected


def test_count__beside_the_mean_of_its_column() -> None:
    frame = pl.DataFrame({"x": [1.0, None] * 100})
    query = shoal.private(frame, unit=None, ledger=None).group_by()
    answer = query.agg(dp.mean("x", bounds=(0, 10)), dp.count("x"), dp.median("x", bounds=(0, 10)))
    assert answer.release(epsilon="10000").frame["x_count"].item() == 100


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("t.parquet --count a", ["a_count"]),
        ("t.parquet --count", ["count"]),
        ("--count t.parquet", ["count"]),
        ("--count a --count t.parquet", ["a_count", "count"]),
        ("--count --count b t.parquet", ["count", "b_count"]),
        ("t.parquet --count --count b --count=a", ["count", "b_count", "a_count"]),
    ],
)
def test_cli__count(line: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pl.DataFrame({"a": [1 if i % 3 else None for i in range(300)], "b": ["x"] * 300})
    frame.write_parquet("t.parquet")
    monkeypatch.setattr(
        sys, "argv", ["shoal", "query", *f"--unit row --epsilon 9999 --no-ledger --json {line}".split()]
    )
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    with pytest.raises(SystemExit):
        main()
    (answer,) = json.loads(capsys.readouterr().out)["answer"]
    assert list(answer)[::4] == names
    assert all(answer[name] == {"a_count": 200, "b_count": 300, "count": 300}[name] for name in names)
