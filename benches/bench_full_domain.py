"""Distinct tuples to the optimum of the lattice; the floor groups the rows once in plain Polars."""

import math

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches import census_policies
from benches.census import QUASI_IDENTIFIERS, census
from benches.partitioning import table_of
from benches.scale import N_ROWS
from shoal_engine.anonymity.methods.full_domain.search import Node, every_node, optimum, prepare

K = 5


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return census(N_ROWS, seed=1, collapse=True)


@pytest.mark.benchmark(group="full-domain")
@pytest.mark.parametrize("suppress", [0.0, 0.05, 0.999])
def test_optimum(benchmark: BenchmarkFixture, frame: pl.DataFrame, suppress: float) -> None:
    table = table_of(frame, census_policies.hierarchical(K))
    limit = math.floor(suppress * frame.height)

    def run() -> Node | None:
        return optimum(prepare(table, table.policy.full_domain, limit=limit))

    found = benchmark(run)
    assert found is not None
    benchmark.extra_info.update(rows=N_ROWS, tuples=table.grouped.n_tuples, loss=found.cost)


@pytest.mark.benchmark(group="full-domain")
def test_every_node(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    table = table_of(frame, census_policies.hierarchical(K))
    log = benchmark(lambda: every_node(prepare(table, table.policy.full_domain, limit=0)))
    benchmark.extra_info.update(nodes=log.cost.size)


@pytest.mark.benchmark(group="full-domain")
def test_grouping_once__polars(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    assert benchmark(lambda: frame.group_by(QUASI_IDENTIFIERS).len()).height <= N_ROWS
