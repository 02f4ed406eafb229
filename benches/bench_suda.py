"""Minimal sample uniques of every row; the floor groups the rows once in plain Polars."""

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches.census import QUASI_IDENTIFIERS, census
from benches.scale import N_ROWS


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return census(N_ROWS, seed=1, collapse=True)


@pytest.mark.benchmark(group="suda")
@pytest.mark.parametrize("max_size", [3, None])
def test_suda(benchmark: BenchmarkFixture, frame: pl.DataFrame, max_size: int | None) -> None:
    found = benchmark(shoal.suda, frame, QUASI_IDENTIFIERS, max_size=max_size)
    assert found.frame.height == N_ROWS


@pytest.mark.benchmark(group="suda")
def test_grouping_once__polars(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    assert benchmark(lambda: frame.group_by(QUASI_IDENTIFIERS).len()).height <= N_ROWS
