"""k, l and t of a table as it is; the floor counts k and distinct l alone."""

from pathlib import Path

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches import partitioning
from benches.census import QUASI_IDENTIFIERS, census
from benches.floor import least_class
from benches.peers import calling
from benches.scale import N_ROWS, PEER_ROWS
from shoal_engine.anonymity.criteria.assess import assess_table

SENSITIVE = "diagnosis"


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return census(N_ROWS, seed=1, collapse=True)


@pytest.mark.benchmark(group="assess")
def test_assess(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    policy = shoal.Policy.of(k=2, quasi_identifiers=QUASI_IDENTIFIERS, sensitive=[SENSITIVE])
    assessment = benchmark(shoal.assess, frame, policy)
    assert (assessment.k, assessment.sensitive[SENSITIVE].l_distinct) == least_class(frame, SENSITIVE)


@pytest.mark.benchmark(group="assess")
def test_assess__encoded(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    """Every measure of every class, once the table is encoded and grouped."""
    policy = shoal.Policy.of(k=2, quasi_identifiers=QUASI_IDENTIFIERS, sensitive=[SENSITIVE])
    table = partitioning.table_of(frame, policy)
    assert benchmark(assess_table, table).sensitive[SENSITIVE].alpha is not None


@pytest.mark.benchmark(group="assess")
def test_assess__polars(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    assert benchmark(least_class, frame, SENSITIVE)[0] >= 1


@pytest.mark.skipif(calling.peers_python() is None, reason=f"{calling.VARIABLE} is not set")
@pytest.mark.benchmark(group="assess")
@pytest.mark.parametrize("peer", ["pycanon-k", "pycanon-l", "pycanon-t"])
def test_assess__pycanon(benchmark: BenchmarkFixture, frame: pl.DataFrame, tmp_path: Path, peer: str) -> None:
    table = tmp_path / "census.csv"
    frame.head(PEER_ROWS).write_csv(table)

    def run() -> dict[str, object]:
        return calling.measure(peer, table, quasi_identifiers=QUASI_IDENTIFIERS, sensitive=SENSITIVE)

    benchmark.extra_info.update(benchmark.pedantic(run, rounds=1))
