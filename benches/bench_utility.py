"""Reading a release for estimates, and a workload on it; the floor counts the same questions in the raw table."""

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches.census import QUASI_IDENTIFIERS, census
from benches.scale import N_ROWS
from shoal.usefulness.conditions import conditions_of
from shoal.usefulness.estimate import expected_rows
from shoal.usefulness.read_release import ReadRelease

SENSITIVE = "diagnosis"
QUERIES = 100


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return census(N_ROWS, seed=1, collapse=True)


@pytest.fixture(scope="module")
def release(frame: pl.DataFrame) -> shoal.Anonymized:
    return shoal.anonymize(frame, shoal.Policy.of(k=10, quasi_identifiers=QUASI_IDENTIFIERS, sensitive=[SENSITIVE]))


@pytest.fixture(scope="module")
def workload(frame: pl.DataFrame) -> shoal.Workload:
    return shoal.Workload.drawn(frame, [*QUASI_IDENTIFIERS, SENSITIVE], queries=QUERIES, seed=1)


@pytest.mark.benchmark(group="utility, reading")
def test_reading(benchmark: BenchmarkFixture, release: shoal.Anonymized) -> None:
    def read() -> ReadRelease:
        found = ReadRelease(release)
        for name in QUASI_IDENTIFIERS:
            found.column(name)
        return found

    assert benchmark(read).class_rows.min() >= 10


@pytest.mark.benchmark(group="utility, workload")
def test_workload(benchmark: BenchmarkFixture, release: shoal.Anonymized, workload: shoal.Workload) -> None:
    read = ReadRelease(release)
    conditions = [conditions_of(one.where) for one in workload.queries]
    found = benchmark(lambda: [expected_rows(read, one) for one in conditions])
    assert max(found) <= release.frame.height + 1e-6


@pytest.mark.benchmark(group="utility, workload")
def test_workload__polars_on_the_raw_table(
    benchmark: BenchmarkFixture, frame: pl.DataFrame, workload: shoal.Workload
) -> None:
    conditions = [pl.all_horizontal(*conditions_of(one.where).values()) for one in workload.queries]
    found = benchmark(lambda: [frame.select(one.sum()).item() for one in conditions])
    assert min(found) >= 0.005 * frame.height


@pytest.mark.benchmark(group="utility, spreading")
def test_spread(benchmark: BenchmarkFixture, release: shoal.Anonymized) -> None:
    assert benchmark(shoal.spread, release, seed=1).height == release.frame.height
