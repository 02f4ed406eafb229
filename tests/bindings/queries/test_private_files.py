"""Private queries of files: nothing that one row holds changes a type, a schema, an exit code or an error."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

import shoal
from shoal_cli.commands import cli

_BASE = "who,zip,x\n" + "".join(f"{i % 400},{10000 + i % 3},{i % 7}\n" for i in range(2000))
_ROWS = [
    "401,unknown,3\n",
    "401,10000,many\n",
    "401,,\n",
    "401,007,1e400\n",
    "401,2020-01-05,-\n",
    ",,\n",
    "\n",
    "401,1.5\n",
    "401,1,2,3\n",
    "401,\xff,3\n",
    "x,10000,nan\n",
]


def _released(path: Path) -> shoal.PrivateRelease:
    private = shoal.private(path, unit="who", ledger=None)
    grouped = private.group_by("zip", max_groups=1, max_rows=2, keys=["10000", "10001", "10002"])
    return grouped.agg(shoal.dp.count(), shoal.dp.sum("x", bounds=(0, 6))).release(epsilon=5, n_threads=1)


@pytest.mark.parametrize("row", _ROWS)
def test_private__one_row_changes_no_schema(row: str, tmp_path: Path) -> None:
    schemas: list[Any] = []
    for extra in ("", row):
        path = tmp_path / "in.csv"
        path.write_bytes((_BASE + extra).encode("latin-1"))
        found = _released(path)
        schemas.append((found.frame.schema, found.frame["zip"].to_list(), found.plan.event))
    assert schemas[0] == schemas[1]
    assert schemas[0][0]["zip"] == pl.String


def test_private__declared_types_are_total(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(_BASE + "401,unknown,3\n")
    declared = shoal.Declarations(columns={"zip": "integer"})  # pyright: ignore[reportArgumentType]
    private = shoal.private(path, unit="who", ledger=None, declarations=declared)
    answer = private.group_by("zip", max_groups=1, max_rows=2, keys=[10000]).agg(shoal.dp.count()).release(epsilon=5)
    assert answer.frame.schema["zip"] == pl.Int64
    with pytest.raises(shoal.ColumnError, match="zap"):
        shoal.private(path, unit="who", ledger=None, declarations=shoal.Declarations(columns={"zap": "integer"}))  # pyright: ignore[reportArgumentType]


def test_private__numbers_of_text_are_summed(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("who,x\n" + "".join(f"{i},{i % 7}\n" for i in range(700)) + "9999,many\n")
    private = shoal.private(path, unit="who", ledger=None).group_by(max_groups=1, max_rows=1)
    answer = private.agg(shoal.dp.sum("x", bounds=(0, 6))).release(epsilon=10**6)
    assert answer.frame["x_sum"].item() == pytest.approx(2100, abs=1)
    with pytest.raises(shoal.ColumnError, match="declare its type"):
        shoal.private(path, unit="who", ledger=None).group_by("x", max_groups=1, max_rows=1).agg(
            shoal.dp.sum("x", bounds=(0, 6))
        )


def test_query__exit_code_and_types_are_of_the_file(tmp_path: Path) -> None:
    found = []
    for name, extra in (("without", ""), ("with", "401,unknown,3\n")):
        path = tmp_path / f"{name}.csv"
        path.write_text(_BASE + extra)
        asked = "--unit who --by zip --count --max-groups 1 --max-rows 2 --epsilon 50 --delta 1e-6 --no-ledger --json"
        result = CliRunner().invoke(cli, ["query", str(path), *asked.split()], standalone_mode=False)
        body = json.loads(result.stdout)
        found.append((result.return_value, sorted(row["zip"] for row in body["answer"])))
    assert found[0] == found[1] == (0, ["10000", "10001", "10002"])
