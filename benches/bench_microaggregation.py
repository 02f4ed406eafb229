"""Microaggregation of four columns, k = 5, and linkage of what it gives; the floor computes every distance."""

import numpy as np
import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches import scanning
from benches.scale import N_ROWS
from shoal_engine.transforming.standardizing import standardized
from shoal_kernels.masking.microaggregation import mdav

K = 5
COLUMNS = ["income", "savings", "rent", "age"]


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """Return skewed and correlated money, and ages: columns with few and with many equal values."""
    random = np.random.default_rng(1)
    wealth = random.normal(size=N_ROWS)
    return pl.DataFrame(
        {
            "income": np.exp(10 + 0.7 * wealth + 0.3 * random.normal(size=N_ROWS)).round(2),
            "savings": np.exp(8 + 1.2 * wealth + 0.8 * random.normal(size=N_ROWS)).round(-2),
            "rent": (500 + 200 * wealth + 100 * random.normal(size=N_ROWS)).round(),
            "age": random.integers(18, 90, N_ROWS),
        }
    )


@pytest.fixture(scope="module")
def points(frame: pl.DataFrame) -> np.ndarray:
    numbers = frame.to_numpy()
    return np.ascontiguousarray(standardized(numbers)[np.lexsort(numbers.T[::-1])])


@pytest.mark.benchmark(group="microaggregation")
@pytest.mark.parametrize("method", ["mdav", "v-mdav", "univariate"])
def test_microaggregate(benchmark: BenchmarkFixture, frame: pl.DataFrame, method: str) -> None:
    found = benchmark(shoal.microaggregate, frame, COLUMNS, k=K, method=method)
    benchmark.extra_info["loss_percent"] = found.loss_percent
    assert 0 < found.loss_percent < 100


@pytest.mark.benchmark(group="mdav-kernel")
def test_mdav(benchmark: BenchmarkFixture, points: np.ndarray) -> None:
    group = np.empty(len(points), np.int64)
    assert benchmark(mdav, points, K, group) == len(points) // K


@pytest.mark.benchmark(group="mdav-kernel")
def test_mdav__every_distance(benchmark: BenchmarkFixture, points: np.ndarray) -> None:
    expected = benchmark.pedantic(scanning.mdav, (points, K), rounds=1)
    group = np.empty(len(points), np.int64)
    mdav(points, K, group)
    assert np.array_equal(group, expected)


@pytest.mark.benchmark(group="linkage")
def test_linkage_risk(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    masked = shoal.microaggregate(frame, COLUMNS, k=K)
    found = benchmark(shoal.linkage_risk, frame, masked, COLUMNS)
    assert found.by_chance < found.share <= 1 / K
