"""Private group-by, noise included, a row or a patient protected; the floor is Polars' group_by."""

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches.private_queries import floor, row_level, unit_level, visits
from benches.scale import N_ROWS


@pytest.fixture(scope="module", params=["whole", "text", "enum"])
def frame(request: pytest.FixtureRequest) -> pl.DataFrame:
    return visits(N_ROWS, request.param)


@pytest.mark.benchmark(group="private group-by")
def test_row_level(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    assert benchmark(row_level, frame).height


@pytest.mark.benchmark(group="private group-by")
def test_unit_level(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    assert benchmark(unit_level, frame).width == 13


@pytest.mark.benchmark(group="private group-by")
def test_group_by__polars(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    assert benchmark(floor, frame)["len"].sum() == N_ROWS
