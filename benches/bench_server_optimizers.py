"""What a server's step costs beside a round's mean; the floors read and write as many values and do nothing else."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches.scale import N_ROWS
from shoal_engine.federated.optimizers.server_optimizers import FedAdagrad, FedAdam, FedAvgM, FedYogi, ServerOptimizer
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.update import Update
from shoal_engine.observing import observe_all

N_VALUES = 10 * N_ROWS
OPTIMIZERS = [FedAvgM(), FedAdagrad(learning_rate=0.1), FedAdam(learning_rate=0.1), FedYogi(learning_rate=0.1)]


@pytest.fixture(scope="module")
def models() -> list[Model]:
    random = np.random.default_rng(1)
    return [Model.of_arrays({"w": random.standard_normal(N_VALUES, np.float32)}) for _ in range(8)]


@pytest.mark.benchmark(group="server step")
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: type(one).__name__)
def test_update(benchmark: BenchmarkFixture, models: list[Model], optimizer: ServerOptimizer) -> None:
    state = optimizer.init(models[0])
    _, found = benchmark(optimizer.update, state, models[0], models[1], averaged="models")
    assert found.size == N_VALUES


@pytest.mark.benchmark(group="server step")
def test_update__floor_of_numpy(benchmark: BenchmarkFixture, models: list[Model]) -> None:
    """Adam's step on whole arrays of float32, as Flower takes it, with a dozen arrays between."""
    (values,), (mean,) = (model.payloads() for model in models[:2])
    first, second = np.zeros_like(values), np.full_like(values, 1e-6)

    def step() -> np.ndarray:
        change = mean - values
        m, v = 0.9 * first + 0.1 * change, 0.99 * second + 0.01 * change**2
        return values + 0.1 * m / (np.sqrt(v) + 1e-3)

    assert len(benchmark(step)) == N_VALUES


@pytest.mark.benchmark(group="server step")
def test_mean(benchmark: BenchmarkFixture, models: list[Model]) -> None:
    def averaged() -> Model:
        updates = (Update(model, str(place)) for place, model in enumerate(models))
        return observe_all(WeightedMean(), updates).release().model

    assert benchmark(averaged).size == N_VALUES
