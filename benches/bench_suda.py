"""Minimal sample uniques and their scores; the floor counts each set of columns with Polars."""

from itertools import combinations

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches import adult
from benches.census import QUASI_IDENTIFIERS, census
from benches.scale import N_ROWS

COLUMNS = [*QUASI_IDENTIFIERS, "diagnosis", "income"]


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return census(N_ROWS, seed=1)


@pytest.mark.benchmark(group="suda")
@pytest.mark.parametrize("n_columns", [6, 8])
def test_suda(benchmark: BenchmarkFixture, frame: pl.DataFrame, n_columns: int) -> None:
    found = benchmark(shoal.suda, frame, COLUMNS[:n_columns])
    benchmark.extra_info["msus"] = found.msus
    assert found.msus >= found.unique_rows > 0


@pytest.mark.benchmark(group="suda")
def test_suda__polars(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    """Count the unique rows of every set of six columns, without telling which are minimal."""
    sets = [list(columns) for size in range(1, 7) for columns in combinations(COLUMNS[:6], size)]

    def count() -> list[int]:
        return [frame.group_by(columns).len().filter(pl.col("len") == 1).height for columns in sets]

    counts = benchmark.pedantic(count, rounds=1)
    assert counts[-1] == shoal.suda(frame, COLUMNS[:6]).unique_rows


@pytest.mark.shared
@pytest.mark.skipif(not adult.present(), reason=adult.MISSING)
@pytest.mark.benchmark(group="suda-adult")
@pytest.mark.parametrize("n_columns", [8, 9])
def test_suda__adult(benchmark: BenchmarkFixture, n_columns: int) -> None:
    columns = [*adult.QUASI_IDENTIFIERS, adult.SENSITIVE][:n_columns]
    found = benchmark(shoal.suda, adult.read(), columns)
    assert (found.unique_rows, found.msus) == {8: (14021, 46648), 9: (15512, 62809)}[n_columns]
