"""Delimited files: read as they are written and as they were declared, or refused without a cell."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from odd_files import ODD, Odd
from shoal.io.reading import read_path


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_read_table__odd_files(odd: Odd, tmp_path: Path) -> None:
    path = tmp_path / odd.name
    path.write_bytes(odd.content)
    if odd.rows is None:
        with pytest.raises(shoal.ShoalError) as raised:
            shoal.read_table(path, file=odd.file, columns=odd.columns).collect()
        message = str(raised.value)
        assert all(words in message for words in odd.refused), message
        assert "c4n" not in message
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__ or raised.value.__context__ is None
    else:
        frame = shoal.read_table(path, file=odd.file, columns=odd.columns).collect()
        assert tuple(frame.columns) == odd.header
        assert frame.rows() == odd.rows


def test_odd_files__are_many() -> None:
    assert len(ODD) >= 60


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["30", "-5", "0"], pl.Int64),
        (["2.5", "1.0", "-3.25"], pl.Float64),
        (["2.5", "1", "100"], pl.Float64),
        (["1e-07", "2.5"], pl.Float64),
        (["0.30000000000000004"], pl.Float64),
        (["2024-02-29", "0001-01-01"], pl.Date),
        (["2024-01-05T10:00:00", "1999-12-31T23:59:59"], pl.Datetime("us")),
        (["2024-01-05 10:00:00.123456"], pl.Datetime("us")),
        (["2024-01-05T10:00:00Z"], pl.Datetime("us", "UTC")),
        (["10:05:00", "23:59:59"], pl.Time),
        (["10:05", "23:59"], pl.Time),
        (["007", "10"], pl.String),
        (["250.10", "401.90"], pl.String),
        (["042.0", "250.1"], pl.String),
        (["1E3", "1000"], pl.String),
        (["+5", "6"], pl.String),
        (["-0", "1"], pl.String),
        (["-0.0", "1.5"], pl.String),
        (["1_000", "5"], pl.String),
        (["1", "1.0"], pl.String),
        (["1.50", "1.5"], pl.String),
        (["nan", "1.5"], pl.String),
        (["inf", "1.5"], pl.String),
        (["9223372036854775808"], pl.String),
        (["9007199254740993", "0.5"], pl.String),
        (["2023-02-29", "2024-02-29"], pl.String),
        (["0000-01-01"], pl.String),
        (["05.01.2024"], pl.String),
        (["01/02/2024"], pl.String),
        (["2024-1-5"], pl.String),
        (["2024-01-05T10:00:00", "2024-01-05 10:00:00"], pl.String),
        (["2024-01-05 10:00:00.123", "2024-01-05 10:00:00.5"], pl.String),
        (["2024-01-05T10:00:00+01:00", "2024-01-05T09:00:00Z"], pl.String),
        (["24:00", "10:00"], pl.String),
        ([" 5", "5"], pl.String),
        (["true", "false"], pl.String),
    ],
)
def test_read_table__a_text_is_a_type_only_if_every_value_survives(texts: list[str], kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["x,y", *(f"{text},1" for text in texts)]))
    frame = shoal.read_table(path).collect()
    assert frame.schema["x"] == kind
    assert frame["x"].n_unique() == len(set(texts))


def test_read_table__a_later_batch_makes_a_column_text(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    n = 300_000
    pl.DataFrame({"a": range(n), "b": [f"{i}.5" for i in range(n)]}).vstack(
        pl.DataFrame({"a": [7], "b": ["7"]})
    ).write_csv(path)
    with path.open("a") as stream:
        stream.write("007,1.50\n")
    reading = read_path(path)
    assert reading.frame.collect_schema() == {"a": pl.String, "b": pl.String}
    told = {one.column: (one.looks_like, one.in_the_way, one.values) for one in reading.remarks}
    assert told["a"] == ("number", 1, n + 2)
    assert told["b"][0] == "number"
    assert told["b"][1] >= 1


def test_read_table__two_digit_years_follow_the_pivot(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("dob\n03.01.58\n31.12.99\n01.01.00\n29.02.00\n")
    born = {"type": "date", "format": "%d.%m.%y", "pivot": 1930}
    found = shoal.read_table(path, columns={"dob": born}).collect()["dob"]
    assert found.to_list() == [dt.date(1958, 1, 3), dt.date(1999, 12, 31), dt.date(2000, 1, 1), dt.date(2000, 2, 29)]
    assert shoal.read_table(path).collect().schema["dob"] == pl.String


def test_read_table__several_files(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("age,zip\n30,11111\n")
    (tmp_path / "2.csv").write_text("zip;age\n01234;31\n")
    frame = shoal.read_table(tmp_path).collect()
    assert frame.rows() == [(30, "11111"), (31, "01234")]
    (tmp_path / "3.csv").write_text("age\n31\n")
    with pytest.raises(shoal.ColumnError, match=r"'3.csv' has no column 'zip', which '1.csv' has"):
        shoal.read_table(tmp_path)


def test_read_table__several_parquet_files(tmp_path: Path) -> None:
    pl.DataFrame({"age": [30], "zip": ["a"]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"zip": ["b"], "age": [31]}).write_parquet(tmp_path / "2.parquet")
    assert shoal.read_table(tmp_path).collect().rows() == [(30, "a"), (31, "b")]
    pl.DataFrame({"zip": ["b"], "age": ["31"]}).write_parquet(tmp_path / "3.parquet")
    with pytest.raises(shoal.ColumnError, match=r"'age' has type String in '3.parquet' and Int64 in '1.parquet'"):
        shoal.read_table(tmp_path)
    (tmp_path / "3.parquet").unlink()
    pl.DataFrame({"zip": ["b"]}).write_parquet(tmp_path / "3.parquet")
    with pytest.raises(shoal.ColumnError, match=r"'3.parquet' has no column 'age', which '1.parquet' has"):
        shoal.read_table(tmp_path)


def test_read_table__columns_of_parquet_are_declared_too(tmp_path: Path) -> None:
    pl.DataFrame({"dob": ["03.01.1958"], "n": [1]}).write_parquet(tmp_path / "1.parquet")
    born = {"type": "date", "format": "%d.%m.%Y"}
    found = shoal.read_table(tmp_path, columns={"dob": born, "n": "integer"}).collect()
    assert found.rows() == [(dt.date(1958, 1, 3), 1)]
    with pytest.raises(shoal.ColumnError, match="declared as date"):
        shoal.read_table(tmp_path, columns={"n": "date"})
    with pytest.raises(shoal.InputError, match="row 1"):
        shoal.read_table(tmp_path, columns={"dob": "date"})


_COMMANDS = (
    "look IN",
    "assess IN -q age",
    "risk IN -q age",
    "anonymize IN out.csv -k 2 -q age",
    "lattice IN -p policy.toml",
    "discover IN",
    "hierarchy IN -c age --kind auto -o tree.csv",
    "verify IN -p policy.toml",
)


@pytest.mark.parametrize("name", [name for name, odd in ODD.items() if odd.rows is None and not odd.columns])
def test_commands__refuse_odd_files_without_a_cell(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shoal_cli.commands import cli

    odd = ODD[name]
    monkeypatch.chdir(tmp_path)
    Path(odd.name).write_bytes(odd.content)
    Path("policy.toml").write_text("k = 2\n[quasi_identifier.age]\nhierarchy = { kind = 'auto' }\n")
    for command in _COMMANDS if not odd.file else ():
        if command.startswith("look") and any("utf" in word.lower() for word in odd.refused):
            # It finds the encoding by itself, to propose it.
            continue
        with pytest.raises(shoal.ShoalError) as raised:
            cli.main(command.replace("IN", odd.name).split(), standalone_mode=False)
        assert "c4n" not in str(raised.value)
        assert raised.value.__cause__ is None


def test_command__reads_standard_input_as_declared(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from shoal_cli.commands import cli

    text = b"dob;x\n03.01.58;a\n31.12.99;b\n"
    asked = ["hierarchy", "-", "-c", "dob", "--type", "dob=date:%d.%m.%y:1930", "--kind", "date"]
    asked += ["--set", "levels = ['year']", "-o", str(tmp_path / "tree.csv")]
    result = CliRunner().invoke(cli, asked, input=text, standalone_mode=False)
    assert result.exception is None
    assert (tmp_path / "tree.csv").read_text() == "1958-01-03;1958;*\n1999-12-31;1999;*\n"
