"""Epsilon of many events together, and durable debits of a ledger; the floor is one transform of as many cells."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from shoal_engine.differential import events
from shoal_engine.differential.accounting import loss_compositions
from shoal_engine.ledger import Budget, Ledger

ONE = Fraction(1)


@pytest.mark.benchmark(group="accounting")
@pytest.mark.parametrize(
    "event",
    [
        events.Repeated(events.DiscreteLaplace(Fraction(10), ONE), 100),
        events.Repeated(events.PoissonSampled(Fraction(1, 100), events.Gaussian(ONE, ONE)), 1000),
    ],
    ids=["discrete Laplace", "sampled Gaussian"],
)
def test_epsilon_of(benchmark: BenchmarkFixture, event: events.Event) -> None:
    assert benchmark(loss_compositions.epsilon_of, event, 1e-6)


@pytest.mark.benchmark(group="accounting")
def test_one_transform__numpy(benchmark: BenchmarkFixture) -> None:
    assert benchmark(np.fft.rfft, np.ones(1 << 18)).size


@pytest.mark.benchmark(group="ledger")
def test_debit(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "budget.db", Budget.of(epsilon="1e9"), unit="person")
    assert benchmark(ledger.debit, ONE, Fraction(0), events="{}", dataset="visits", policy="").number
