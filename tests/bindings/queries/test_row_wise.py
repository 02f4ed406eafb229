"""Filters, new columns and public joins of private tables: only what looks at single rows and cannot fail."""

from datetime import date
from typing import Any

import polars as pl
import pytest

import shoal
from shoal import dp
from shoal.queries.query import Private

FRAME = pl.DataFrame(
    {
        "who": [1, 1, 2, 3, 4],
        "ward": ["a", "B", "a", None, "c"],
        "age": [10, 20, 30, 40, None],
        "cost": [1.0, 2.5, float("nan"), 4.0, 5.0],
        "day": [date(2020, 1, i) for i in range(1, 6)],
    }
)


def private(unit: str | None = "who") -> Private:
    return shoal.private(FRAME, unit=unit, ledger=None)


def counted(table: Private) -> float:
    return table.group_by(max_groups=1, max_rows=9).agg(dp.count()).release(epsilon=10**6).frame["count"].item()


@pytest.mark.parametrize(
    "condition",
    [
        pl.col("age") >= 18,
        (pl.col("age") > 5) & pl.col("ward").is_in(["a", "c"]),
        pl.col("ward").is_null() | ~(pl.col("age") == 10),
        pl.col("ward").str.to_lowercase() == "b",
        pl.col("day").dt.day() <= 3,
        pl.col("age").is_between(20, 40),
        pl.when(pl.col("age") > 15).then(pl.col("cost")).otherwise(pl.lit(0.0)) > 2,
        pl.col("cost") * 2 - 1 > 3,
    ],
)
def test_filter__keeps_the_rows_that_polars_keeps(condition: pl.Expr) -> None:
    assert counted(private().filter(condition)) == FRAME.filter(condition).height


@pytest.mark.parametrize(
    "condition",
    [
        pl.col("age") > pl.col("age").mean(),
        pl.col("age").shift(1) > 3,
        pl.col("age").rank() > 1,
        pl.col("age").cum_sum() > 3,
        pl.col("age").sum().over("ward") > 3,
        pl.len() > 3,
        pl.col("who").is_duplicated(),
        pl.col("age").sort() > 3,
        pl.col("age").is_in(pl.col("who")) & (pl.col("age").first() > 1),
        pl.col("ward").cast(pl.Int64) > 1,
        pl.col("ward").str.to_date("%Y") > date(2020, 1, 1),
        pl.col("age").map_batches(lambda values: values > 3),
        pl.col("age").is_in(pl.col("who")),
        pl.col("age").is_in(pl.col("who").unique()),
        pl.int_range(5) > 2,
        pl.lit(pl.Series([True, False, True, True, True])),
        pl.all().is_null(),
    ],
)
def test_filter__refuses_what_looks_further_than_a_row_or_can_fail(condition: pl.Expr) -> None:
    with pytest.raises(shoal.PolicyError):
        private().filter(condition)
    with pytest.raises(shoal.PolicyError):
        private().with_columns(new=condition)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda p: p.filter(), shoal.PolicyError),
        (lambda p: p.filter("age > 3"), shoal.PolicyError),
        (lambda p: p.filter(pl.col("age")), shoal.ColumnError),
        (lambda p: p.filter(pl.col("nowhere") > 3), shoal.ColumnError),
        (lambda p: p.filter(pl.col("ward") + 1 > 3), shoal.PolicyError),
        (lambda p: p.with_columns(who=pl.lit(1)), shoal.PolicyError),
        (lambda p: p.with_columns(new=pl.col("nowhere")), shoal.ColumnError),
    ],
)
def test_steps__refuse_with_errors_of_ours(make: Any, error: Any) -> None:
    with pytest.raises(error):
        make(private())


def test_with_columns__are_asked_like_any() -> None:
    table = private(unit=None).with_columns(net=pl.col("age") * 2, group=pl.col("ward").str.to_lowercase())
    answer = table.group_by("group", keys=["a", "b"]).agg(dp.sum("net", bounds=(0, 100))).release(epsilon=10**9).frame
    assert answer["net_sum"].to_list() == pytest.approx([80, 40], abs=1e-3)


def test_join_public__adds_columns_and_no_rows() -> None:
    wards = pl.DataFrame({"ward": ["a", "B", None], "kind": ["ward", "lab", "none"], "beds": [10, 20, 30]})
    table = private().join_public(wards, on="ward")
    assert counted(table) == 5
    answer = table.group_by("kind", max_groups=3, max_rows=3, keys=["ward", "lab"]).agg(dp.count())
    assert answer.release(epsilon=10**6).frame.rows()[0][:2] == ("lab", 1.0)
    assert FRAME.join(wards, on="ward", how="left").height == 5


@pytest.mark.parametrize(
    ("public", "error", "message"),
    [
        (pl.DataFrame({"ward": ["a", "a"], "kind": [1, 2]}), shoal.PolicyError, "twice"),
        (pl.DataFrame({"other": ["a"]}), shoal.ColumnError, "'ward'"),
        (pl.DataFrame({"ward": [1], "kind": [1]}), shoal.ColumnError, "cast"),
        (pl.DataFrame({"ward": ["a"], "age": [1]}), shoal.ColumnError, "'age'"),
    ],
)
def test_join_public__refuses_what_could_multiply_rows_or_fail(public: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        private().join_public(public, on="ward")
