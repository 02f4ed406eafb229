"""Local suppression; the floor groups the rows once in plain Polars."""

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches.census import census
from benches.scale import N_ROWS

K = 5
COLUMNS = ["age", "sex", "education", "marital", "occupation"]


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return census(N_ROWS, seed=1)


@pytest.mark.benchmark(group="local suppression")
def test_suppress_cells(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    found = benchmark(shoal.suppress_cells, frame, COLUMNS, k=K)
    benchmark.extra_info.update(rows=N_ROWS, cells=found.total)
    assert found.least_matches >= K


@pytest.mark.benchmark(group="local suppression")
def test_grouping_once__polars(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    assert benchmark(lambda: frame.group_by(COLUMNS).len()).height <= N_ROWS
