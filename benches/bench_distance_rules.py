"""Robust rules over distances of updates; the floors are the mean of the same updates, and a product of matrices.

::

    SHOAL_BENCH_ROWS=1e6 pytest benches/bench_distance_rules.py --benchmark-enable --benchmark-timer=time.process_time

What Flower's rules cost is measured in its own environment, by ``benches/peers/run_federated.py``.
"""

from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches.peers.stacked_median import stacked_median
from benches.scale import N_ROWS
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.rules.geometric_median import GeometricMedian
from shoal_engine.federated.rules.krum import Bulyan, Krum, MultiKrum
from shoal_engine.federated.rules.norm_clipping import CenteredClipping, NormBound
from shoal_engine.federated.sums.buffered_updates import BufferedAggregator
from shoal_engine.federated.sums.distances import squared_distances
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.update import Update
from shoal_engine.observing import observe_all

N_VALUES = N_ROWS
"""Of a model."""

RULES: dict[str, Callable[[int], BufferedAggregator]] = {
    "mean": lambda f: WeightedMean(),
    "krum": lambda f: Krum(f=f),
    "multi-krum": lambda f: MultiKrum(f=f),
    "bulyan": lambda f: Bulyan(f=f),
    "geometric-median": lambda f: GeometricMedian(),
    "centered-clipping": lambda f: CenteredClipping(radius=0.5 * N_VALUES**0.5),
    "norm-bound": lambda f: NormBound(limit=0.5 * N_VALUES**0.5),
}


@pytest.fixture(scope="module", params=[10, 100])
def arrays(request: pytest.FixtureRequest) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.standard_normal(N_VALUES, dtype=np.float32) for _ in range(request.param)]


@pytest.mark.benchmark(group="distance rules")
@pytest.mark.parametrize("name", RULES)
def test_rule(benchmark: BenchmarkFixture, arrays: list[np.ndarray], name: str) -> None:
    updates = [Update.of_arrays({"w": array}, node=f"{u:03}") for u, array in enumerate(arrays)]

    def release() -> Model:
        return observe_all(RULES[name]((len(updates) - 3) // 4), updates).release().model

    assert np.isfinite(benchmark(release).arrays()["w"]).all()


@pytest.mark.benchmark(group="distances")
def test_squared_distances(benchmark: BenchmarkFixture, arrays: list[np.ndarray]) -> None:
    models = [Model.of_arrays({"w": array}) for array in arrays]
    assert benchmark(squared_distances, models).shape == (len(arrays) + 1,) * 2


@pytest.mark.benchmark(group="distances")
def test_squared_distances__product_of_matrices(benchmark: BenchmarkFixture, arrays: list[np.ndarray]) -> None:
    """In float32, of norms and products: fast, and blind where updates have much in common."""
    stack = np.stack(arrays)

    def distances() -> np.ndarray:
        norms = np.square(stack).sum(axis=1)
        return norms[:, None] + norms[None] - 2 * stack @ stack.T

    assert benchmark(distances).shape == (len(arrays),) * 2


@pytest.mark.benchmark(group="distance rules")
def test_geometric_median__stacked(benchmark: BenchmarkFixture, arrays: list[np.ndarray]) -> None:
    assert benchmark(stacked_median, arrays, [1.0] * len(arrays)).shape == (N_VALUES,)
