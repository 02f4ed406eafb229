"""One round of digits at all clients: an epoch at each, and their mean."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches.federated_digits import MISSING, Setting, evenly, present, rounds


@pytest.mark.benchmark(group="a round of digits")
@pytest.mark.skipif(not present(), reason=MISSING)
@pytest.mark.parametrize("clients", [8, 72])
def test_round(benchmark: BenchmarkFixture, clients: int) -> None:
    accuracies = rounds(Setting(clients, fraction=1.0, rate=0.2), evenly, seed=1)
    assert 0 <= benchmark(lambda: next(accuracies)) <= 1
