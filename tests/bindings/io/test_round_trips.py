"""What is written reads back with the types of the frame: every type that a table may have, in every format."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

import shoal

NANOSECOND = dt.datetime(1960, 2, 29, 23, 59, 59, 999_999)
INSTANT = dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC)  # half past two, the first time, in Berlin

ORDERED: dict[str, pl.Series] = {
    "int8": pl.Series([-128, 127], dtype=pl.Int8),
    "int16": pl.Series([-(2**15), 2**15 - 1], dtype=pl.Int16),
    "int32": pl.Series([-(2**31), 2**31 - 1], dtype=pl.Int32),
    "int64": pl.Series([-(2**63), 2**63 - 1], dtype=pl.Int64),
    "uint8": pl.Series([0, 255], dtype=pl.UInt8),
    "uint16": pl.Series([0, 2**16 - 1], dtype=pl.UInt16),
    "uint32": pl.Series([0, 2**32 - 1], dtype=pl.UInt32),
    "uint64": pl.Series([0, 2**64 - 1], dtype=pl.UInt64),
    "float32": pl.Series([0.1, 3e38], dtype=pl.Float32),
    "float64": pl.Series([5e-324, 0.1], dtype=pl.Float64),
    "decimal": pl.Series([Decimal("-1.50"), Decimal("99999999999999999999999999999.99")], dtype=pl.Decimal(38, 2)),
    "date": pl.Series([dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
    "datetime_ms": pl.Series([NANOSECOND, dt.datetime(2024, 1, 1)], dtype=pl.Datetime("ms")),
    "datetime_us": pl.Series([NANOSECOND, dt.datetime(9999, 12, 31)], dtype=pl.Datetime("us")),
    "datetime_ns": pl.Series([-1, 2**62]).cast(pl.Datetime("ns")),
    "berlin": pl.Series([INSTANT, INSTANT + dt.timedelta(hours=1)], dtype=pl.Datetime("us", "Europe/Berlin")),
    "nepal_ns": pl.Series([-1, 1_700_000_000_000_000_001]).cast(pl.Datetime("ns", "Asia/Kathmandu")),
    "utc_ms": pl.Series([INSTANT, INSTANT + dt.timedelta(milliseconds=1)], dtype=pl.Datetime("ms", "UTC")),
}
PLAIN: dict[str, pl.Series] = ORDERED | {
    "time": pl.Series([dt.time(0), dt.time(23, 59, 59, 999_999)]),
    "boolean": pl.Series([True, False]),
    "string": pl.Series(["", ' a"b,c;\n\r\tä\u200b ']),
    "not_a_number": pl.Series([float("nan"), float("-inf")]),
    "duration_us": pl.Series([dt.timedelta(hours=3), -dt.timedelta(days=2, microseconds=1)]),
    "duration_ns": pl.Series([1, -(2**62)]).cast(pl.Duration("ns")),
    "duration_ms": pl.Series([1, 2**40]).cast(pl.Duration("ms")),
    "null": pl.Series([None, None], dtype=pl.Null),
}
NESTED: dict[str, pl.Series] = {
    "binary": pl.Series([b"", b"\xff\0"]),
    "list": pl.Series([[1, None], []], dtype=pl.List(pl.Int16)),
    "array": pl.Series([[1, 2], [3, None]], dtype=pl.Array(pl.UInt8, 2)),
    "struct": pl.Series([{"a": INSTANT, "b": [dt.timedelta(1)]}, {"a": None, "b": None}],
                        dtype=pl.Struct({"a": pl.Datetime("us", "Europe/Berlin"), "b": pl.List(pl.Duration("ms"))})),
}  # fmt: skip


def with_nulls(column: pl.Series) -> pl.DataFrame:
    """Two rows of each value, and of null."""
    kept = pl.concat([column, column, pl.Series([None, None], dtype=column.dtype)])
    return pl.DataFrame({"q": [1] * 6, "kept": kept})


def read(path: Path, schema: pl.Schema) -> pl.DataFrame:
    match path.suffix:
        case ".parquet":
            return pl.read_parquet(path)
        case ".ipc":
            return pl.read_ipc(path)
        case suffix:
            return pl.read_csv(path, schema=schema, separator="\t" if suffix == ".tsv" else ",")


def rows(frame: pl.DataFrame) -> list[str]:
    return sorted(repr(row) for row in frame.rows())


def written(table: pl.DataFrame, policy: shoal.Policy, path: Path) -> pl.DataFrame:
    """Release a table both ways; the file has the types and the rows of the frame."""
    expected = shoal.anonymize(table, policy).frame
    shoal.anonymize_file(table, path, policy)
    found = read(path, expected.schema)
    assert found.schema == expected.schema
    assert rows(found) == rows(expected)
    return expected


@pytest.mark.parametrize("kind", ["parquet", "ipc"])
@pytest.mark.parametrize("name", [*PLAIN, *NESTED])
def test_kept_columns__keep_type_and_values(name: str, kind: str, tmp_path: Path) -> None:
    column = (PLAIN | NESTED)[name]
    table = with_nulls(column)
    policy = shoal.Policy.of(k=2, quasi_identifiers=["q"], insensitive=["kept"])
    released = written(table, policy, tmp_path / f"out.{kind}")
    assert released.schema["kept"] == column.dtype
    assert rows(released.select("kept")) == rows(table.select("kept"))


@pytest.mark.parametrize("kind", ["csv", "tsv"])
@pytest.mark.parametrize("name", [name for name in PLAIN if not name.startswith("duration") and name != "null"])
def test_kept_columns__in_delimited_text(name: str, kind: str, tmp_path: Path) -> None:
    policy = shoal.Policy.of(k=2, quasi_identifiers=["q"], insensitive=["kept"])
    written(with_nulls(PLAIN[name]), policy, tmp_path / f"out.{kind}")


@pytest.mark.parametrize("name", NESTED)
def test_kept_columns__that_delimited_text_cannot_hold(name: str, tmp_path: Path) -> None:
    policy = shoal.Policy.of(k=2, quasi_identifiers=["q"], insensitive=["kept"])
    with pytest.raises(shoal.OutputError, match=r"'kept' has type .*which CSV cannot hold"):
        shoal.anonymize_file(with_nulls(NESTED[name]), tmp_path / "out.csv", policy)
    assert list(tmp_path.iterdir()) == []


def test_delimited_text__of_zones_durations_and_nothing(tmp_path: Path) -> None:
    table = pl.DataFrame({"q": [1, 1], "z": PLAIN["berlin"], "d": PLAIN["duration_us"], "n": PLAIN["null"]})
    policy = shoal.Policy(
        k=2,
        quasi_identifiers={"q": shoal.QuasiIdentifier()},
        insensitive={name: shoal.Insensitive() for name in "zdn"},
        order="sorted",
    )
    shoal.anonymize_file(table, tmp_path / "out.csv", policy)
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "q,z,d,n",
        "1,2024-10-27T02:30:00.000000+02:00,PT3H,",
        "1,2024-10-27T02:30:00.000000+01:00,-P2DT0.000001S,",
    ]


@pytest.mark.parametrize("kind", ["parquet", "ipc", "csv"])
@pytest.mark.parametrize("output", ["label", "bounds", "center"])
@pytest.mark.parametrize("name", ORDERED)
def test_quasi_identifiers__of_every_ordered_type(name: str, output: Any, kind: str, tmp_path: Path) -> None:
    table = pl.concat([with_nulls(ORDERED[name]).select(q="kept").drop_nulls()] * 2)
    policy = shoal.Policy(k=8, quasi_identifiers={"q": shoal.QuasiIdentifier(output=output)})
    released = written(table, policy, tmp_path / f"out.{kind}")
    if output == "bounds":
        assert set(released.dtypes) == {table.schema["q"]}
        assert released.row(0) == table.select(low=pl.col("q").min(), high=pl.col("q").max()).row(0)


@pytest.mark.parametrize("kind", ["parquet", "ipc", "csv"])
@pytest.mark.parametrize("name", [*ORDERED, "time", "boolean", "string"])
def test_sensitive_columns__keep_type_and_values(name: str, kind: str, tmp_path: Path) -> None:
    policy = shoal.Policy.of(k=2, quasi_identifiers=["q"], sensitive=["kept"], l=2)
    released = written(with_nulls(PLAIN[name]), policy, tmp_path / f"out.{kind}")
    assert released.schema["kept"] == PLAIN[name].dtype


def test_parquet__readers_of_arrow_see_no_dictionaries(tmp_path: Path) -> None:
    table = pl.DataFrame({"q": ["a", "a"], "c": pl.Series(["x", "y"], dtype=pl.Categorical)})
    policy = shoal.Policy.of(k=2, quasi_identifiers=["q"], insensitive=["c"])
    shoal.anonymize_file(table, tmp_path / "out.parquet", policy)
    assert [str(kind) for kind in pq.read_schema(tmp_path / "out.parquet").types] == ["string", "large_string"]


def test_parquet__structs_of_nothing_are_refused(tmp_path: Path) -> None:
    table = pl.DataFrame({"q": [1, 1], "s": pl.Series([[{}], [{}]], dtype=pl.List(pl.Struct([])))})
    policy = shoal.Policy.of(k=2, quasi_identifiers=["q"], insensitive=["s"])
    with pytest.raises(shoal.OutputError, match=r"'s' has type .*which Parquet cannot hold"):
        shoal.anonymize_file(table, tmp_path / "out.parquet", policy)
    shoal.anonymize_file(table, tmp_path / "out.ipc", policy)
    assert pl.read_ipc(tmp_path / "out.ipc").schema["s"] == table.schema["s"]
