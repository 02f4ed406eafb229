"""A count that reads no column counts the rows all the same, whatever they come from."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal import dp
from shoal_cli.commands import main

ROWS = 70_001
FRAME = pl.DataFrame({"x": range(ROWS), "y": ["a"] * ROWS})


def counted(frame: Any) -> float:
    query = shoal.private(frame, unit=None, ledger=None).group_by().agg(dp.count())
    return query.release(epsilon="1000").frame["count"].item()


@pytest.mark.parametrize(
    "made",
    [
        lambda frame: frame,
        lambda frame: frame.lazy(),
        lambda frame: frame.lazy().filter(pl.col("x") >= 0).with_columns(z=pl.col("x") * 2),
        lambda frame: frame.to_arrow(),
        lambda frame: frame.with_columns(big=pl.col("x").cast(pl.Int128)).select("big", "x"),
        lambda frame: frame.select(pl.col("x").cast(pl.Int128)),
    ],
)
def test_count__of_the_whole_frame(made: Callable[[pl.DataFrame], Any]) -> None:
    assert counted(made(FRAME)) == ROWS


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ipc", "tsv"])
def test_count__of_whole_files(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for part, rows in enumerate((FRAME[:30_000], FRAME[30_000:])):
        path = tmp_path / f"{part}.{suffix}"
        match suffix:
            case "parquet":
                rows.write_parquet(path, row_group_size=7000)
            case "ipc":
                rows.write_ipc(path)
            case _:
                rows.write_csv(path, separator="\t" if suffix == "tsv" else ",")
    assert counted(tmp_path / f"*.{suffix}") == ROWS
    assert counted(tmp_path / f"0.{suffix}") == 30_000
    command = ["shoal", "query", str(tmp_path), "--unit=row", "--count", "--epsilon=1000", "--no-ledger", "--json"]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    with pytest.raises(SystemExit):
        main()
    assert json.loads(capsys.readouterr().out)["answer"][0]["count"] == ROWS


def test_count__of_rows_is_that_beside_a_column() -> None:
    query = shoal.private(FRAME, unit=None, ledger=None).group_by()
    together = query.agg(dp.count(), dp.sum("x", bounds=(0, 1))).release(epsilon="1000").frame["count"].item()
    assert counted(FRAME) == together == ROWS


def test_count__of_no_rows_is_about_none() -> None:
    assert counted(FRAME[:0]) == 0
    assert counted(pl.DataFrame()) == 0
