"""Parquet in, verified Parquet out; the floor does the same reading, grouping and writing with no privacy."""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches import census_policies
from benches.census import QUASI_IDENTIFIERS, census
from benches.floor import class_sizes
from benches.peers import calling
from benches.scale import N_ROWS, PEER_ROWS
from shoal_engine.anonymity.policy.methods import Method

K = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables")
    census(N_ROWS, seed=1).write_parquet(path / "census.parquet")
    census(PEER_ROWS, seed=1).write_csv(path / "census.csv")
    return path


@pytest.mark.benchmark(group="anonymize")
@pytest.mark.parametrize("method", ["mondrian", "tight"])
def test_anonymize_file(benchmark: BenchmarkFixture, folder: Path, method: Method) -> None:
    policy = census_policies.everyday(K)
    source, released = folder / "census.parquet", folder / "released.parquet"
    report = benchmark(shoal.anonymize_file, source, released, policy, method=method)
    benchmark.extra_info.update(rows=N_ROWS, ncp=report.loss.ncp)
    assert report.k >= K


@pytest.mark.benchmark(group="anonymize")
def test_anonymize__polars(benchmark: BenchmarkFixture, folder: Path) -> None:
    assert benchmark(class_sizes, folder / "census.parquet", folder / "counted.parquet") == N_ROWS


@pytest.mark.skipif(calling.peers_python() is None, reason=f"{calling.VARIABLE} is not set")
@pytest.mark.benchmark(group="anonymize")
def test_anonymize__anonypy(benchmark: BenchmarkFixture, folder: Path) -> None:
    def run() -> dict[str, object]:
        return calling.measure(
            "anonypy-mondrian",
            folder / "census.csv",
            quasi_identifiers=QUASI_IDENTIFIERS,
            sensitive="diagnosis",
            k=K,
        )

    benchmark.extra_info.update(benchmark.pedantic(run, rounds=1))
