"""Distinct tuples into classes on one core; the floor sorts the rows and cuts them into runs of k."""

from collections.abc import Callable

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches import census_policies, partitioning
from benches.census import QUASI_IDENTIFIERS, census
from benches.scale import N_ROWS
from shoal_engine.anonymity.policy.methods import Method

K = 10

TABLES: dict[str, Callable[[], pl.DataFrame]] = {
    "distinct": lambda: census(N_ROWS, seed=1),
    "collapsed": lambda: census(N_ROWS, seed=1, collapse=True),
}


@pytest.fixture(scope="module", params=TABLES)
def frame(request: pytest.FixtureRequest) -> pl.DataFrame:
    return TABLES[request.param]().select(QUASI_IDENTIFIERS)


@pytest.mark.benchmark(group="partition")
@pytest.mark.parametrize("method", ["mondrian", "tight"])
def test_partition(benchmark: BenchmarkFixture, frame: pl.DataFrame, method: Method) -> None:
    table = partitioning.table_of(frame, census_policies.ordered(frame, K))
    found = benchmark(partitioning.classes, table, method)
    benchmark.extra_info.update(rows=N_ROWS, tuples=table.grouped.n_tuples, ncp=partitioning.ncp(table, found))
    assert len(found) == table.grouped.n_tuples


@pytest.mark.benchmark(group="partition")
def test_partition__polars(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    def runs() -> pl.DataFrame:
        return frame.sort(QUASI_IDENTIFIERS).with_row_index("class").with_columns(pl.col("class") // K)

    assert benchmark(runs).height == N_ROWS
