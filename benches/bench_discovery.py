"""Every set of ten columns measured; the floor counts each set with Polars."""

from itertools import combinations

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches.census import census
from benches.scale import N_ROWS


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """Return the eight columns of the census, and two that follow from nothing: an hour and a ward."""
    rows = pl.int_range(N_ROWS, dtype=pl.Int64)
    return census(N_ROWS, seed=1).with_columns(hour=rows * 7919 % 61 % 24, ward=rows * 104_729 % 1_000_003 % 40)


@pytest.mark.benchmark(group="discovery")
@pytest.mark.parametrize("max_size", [3, None])
def test_unique_sets(benchmark: BenchmarkFixture, frame: pl.DataFrame, max_size: int | None) -> None:
    found = benchmark(shoal.unique_sets, frame, max_size=max_size)
    assert found.height == (175 if max_size else 1023)


@pytest.mark.benchmark(group="discovery")
def test_unique_sets__polars(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    sets = [list(columns) for size in range(1, 4) for columns in combinations(frame.columns, size)]

    def count() -> list[int]:
        return [frame.group_by(columns).len().height for columns in sets]

    counts = benchmark.pedantic(count, rounds=1)
    assert counts == shoal.unique_sets(frame, max_size=3)["distinct"].to_list()
