import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import shoal


def released(values: list[Any], dtype: Any = None, **role: Any) -> pl.DataFrame:
    """What one class of all values says."""
    people = pl.DataFrame({"a": pl.Series(values, dtype=dtype)})
    policy = shoal.Policy(k=len(values), quasi_identifiers={"a": shoal.QuasiIdentifier(**role, nulls="generalize")})
    return shoal.anonymize(people, policy).frame.unique()


@pytest.mark.parametrize(
    ("values", "dtype", "center", "mean"),
    [
        ([1, 2, 6], pl.Int16, 3.5, 3.0),
        ([-(2**62), 2**62 + 2], pl.Int64, 0.0, 0.0),
        ([0.5, 1.5, 1.5], pl.Float32, 1.0, 3.5 / 3),
        ([Decimal("1.50"), Decimal("2.00")], pl.Decimal(5, 2), 1.75, 1.75),
        ([1, None, 3], pl.Int64, None, None),
        ([-1.7e308, 1.7e308], pl.Float64, 0.0, 0.0),
    ],
)
def test_recode__center_and_mean(values: list[Any], dtype: Any, center: float | None, mean: float | None) -> None:
    assert released(values, dtype, output="center").item() == (center and pytest.approx(center, abs=1e-6))
    assert released(values, dtype, output="mean").item() == (mean and pytest.approx(mean, abs=1.0))


def test_recode__center_of_dates_is_a_date() -> None:
    days = [dt.date(1960, 1, 1), dt.date(1960, 1, 4)]
    assert released(days, output="center").item() == dt.date(1960, 1, 2)


def test_recode__bounds_keep_their_type() -> None:
    found = released([3, 250, 7], pl.UInt8, output="bounds")
    assert found.schema == {"a_lower": pl.UInt8, "a_upper": pl.UInt8}
    assert found.row(0) == (3, 250)
    assert released([3, None], pl.UInt8, output="bounds").row(0) == (None, None)
