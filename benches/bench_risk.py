"""The disclosure risk of a table with a sampling fraction; the floor counts the classes alone."""

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches import adult
from benches.census import QUASI_IDENTIFIERS, census
from benches.scale import N_ROWS

SENSITIVE = "diagnosis"
FRACTION = 0.01


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return census(N_ROWS, seed=1, collapse=True)


def average_risk(frame: pl.DataFrame, names: list[str]) -> float:
    """Return classes over rows, the average risk from a prosecutor."""
    return frame.select(pl.struct(names).n_unique() / pl.len()).item()


@pytest.mark.benchmark(group="risk")
def test_risk(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    policy = shoal.Policy.of(k=2, quasi_identifiers=QUASI_IDENTIFIERS, sensitive=[SENSITIVE])
    report = benchmark(shoal.risk, frame, policy, sampling_fraction=FRACTION)
    assert report.prosecutor.average == pytest.approx(average_risk(frame, QUASI_IDENTIFIERS))


@pytest.mark.benchmark(group="risk")
def test_risk__polars(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    assert benchmark(average_risk, frame, QUASI_IDENTIFIERS) > 0


@pytest.mark.shared
@pytest.mark.skipif(not adult.present(), reason=adult.MISSING)
@pytest.mark.benchmark(group="risk adult")
def test_risk__adult(benchmark: BenchmarkFixture) -> None:
    frame = adult.read()
    policy = shoal.Policy.of(k=2, quasi_identifiers=adult.QUASI_IDENTIFIERS, sensitive=[adult.SENSITIVE])
    report = benchmark(shoal.risk, frame, policy, sampling_fraction=FRACTION)
    assert report.prosecutor.average == pytest.approx(average_risk(frame, adult.QUASI_IDENTIFIERS))
