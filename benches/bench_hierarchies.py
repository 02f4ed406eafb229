"""Hierarchies grown from the rows of a column; the floor counts the rows of each value alone."""

from typing import Any

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches.scale import N_ROWS


@pytest.fixture(scope="module")
def values() -> pl.Series:
    """About two rows a value, and none like its neighbors."""
    return (pl.Series("value", range(N_ROWS)).hash(seed=1) % (N_ROWS // 2)).cast(pl.Int64)


@pytest.mark.benchmark(group="hierarchies")
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("balance", ["frequency", "entropy"])
def test_build_hierarchy__auto(benchmark: BenchmarkFixture, values: pl.Series, balance: Any, *, ordered: bool) -> None:
    auto = shoal.Auto(balance=balance, ordered=ordered, fanout=10)
    built = benchmark(shoal.build_hierarchy, auto, values)
    assert built.n_leaves == values.n_unique()
    assert built.frame[built.frame.columns[-2]].n_unique() <= 10


@pytest.mark.benchmark(group="hierarchies")
def test_build_hierarchy__polars(benchmark: BenchmarkFixture, values: pl.Series) -> None:
    assert benchmark(values.value_counts).height == values.n_unique()
