"""Expressions on labels: each form by hand."""

import datetime as dt
from typing import Any

import polars as pl
import pytest

import shoal as shoal

LABELS = ["[20, 29]", "[20, 30)", "34", "<20", ">=80", "*", None]


def test_bounds__of_numbers() -> None:
    frame = pl.DataFrame({"age": LABELS}).select(pl.col("age").shoal.bounds(pl.Int64)).unnest("age")
    assert frame["lower"].to_list() == [20, 20, 34, None, 80, None, None]
    assert frame["upper"].to_list() == [29, 30, 34, 20, None, None, None]


def test_midpoint__of_numbers_and_of_plain_columns() -> None:
    frame = pl.DataFrame({"age": LABELS, "plain": [1, 2, 3, 4, 5, 6, None]})
    found = frame.with_columns(pl.col("age", "plain").shoal.midpoint())
    assert found["age"].to_list() == [24.5, 25.0, 34.0, None, None, None, None]
    assert found["plain"].to_list() == [1, 2, 3, 4, 5, 6, None]


def test_midpoint__of_dates() -> None:
    frame = pl.DataFrame({"day": ["[2024-01-01, 2024-01-03]"]})
    assert frame.select(pl.col("day").shoal.midpoint(pl.Date)).item() == dt.date(2024, 1, 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (29, [True, True, False, False, False, True, None]),
        (30, [False, False, False, False, False, True, None]),
        (34.0, [False, False, True, False, False, True, None]),
        (19, [False, False, False, True, False, True, None]),
        (20, [True, True, False, False, False, True, None]),
        (80, [False, False, False, False, True, True, None]),
    ],
)
def test_contains__numbers(value: float, expected: list[bool | None]) -> None:
    found = pl.DataFrame({"age": LABELS}).select(pl.col("age").shoal.contains(value))
    assert found.columns == ["age"]
    assert found["age"].to_list() == expected


def test_contains__members_and_dates() -> None:
    jobs = pl.DataFrame({"job": ["{cook, nurse}", "nurse", "{cook, male nurse}", "*", None]})
    assert jobs.select(pl.col("job").shoal.contains("nurse"))["job"].to_list() == [True, True, False, True, None]
    days: Any = pl.DataFrame({"day": ["[2024-01-01, 2024-01-31]", "2024-02-01"]})
    assert days.select(pl.col("day").shoal.contains(dt.date(2024, 1, 31)))["day"].to_list() == [True, False]
