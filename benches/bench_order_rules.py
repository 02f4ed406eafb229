"""Median and trimmed mean of many updates; the floor is reading them once, and NumPy's forms are what Flower runs.

Flower itself is measured by `benches/peers/run_federated.py`, in an environment of its own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches.scale import N_ROWS
from shoal_engine.federated.rules.order_rules import Median, TrimmedMean
from shoal_engine.federated.sums.buffered_updates import BufferedAggregator
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.update import Update
from shoal_engine.observing import observe_all
from shoal_kernels.aggregation.order_statistics import exchanges

Values = npt.NDArray[Any]

RULES: dict[str, Callable[[int], BufferedAggregator]] = {
    "median": lambda n_threads: Median(n_threads=n_threads),
    "trimmed": lambda n_threads: TrimmedMean(share=0.2, n_threads=n_threads),
}


def numpy_median(arrays: list[Values]) -> Values:
    return np.median(np.stack(arrays), axis=0)


def numpy_trimmed(arrays: list[Values]) -> Values:
    """Return the mean between partitions, as SciPy's `trim_mean` and Flower's copy of it do."""
    cut = int(0.2 * len(arrays))
    parted = np.partition(np.stack(arrays), (cut, len(arrays) - cut - 1), axis=0)
    return parted[cut : len(arrays) - cut].mean(axis=0)


@pytest.fixture(params=[10, 100])
def arrays(request: pytest.FixtureRequest) -> list[Values]:
    rng = np.random.default_rng(1)
    return [rng.standard_normal(N_ROWS, dtype=np.float32) for _ in range(request.param)]


def noted(benchmark: BenchmarkFixture, arrays: list[Values]) -> None:
    benchmark.extra_info.update(updates=len(arrays), values=N_ROWS, bytes=sum(values.nbytes for values in arrays))


@pytest.mark.benchmark(group="order rules")
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("rule", RULES)
def test_release(benchmark: BenchmarkFixture, arrays: list[Values], rule: str, n_threads: int) -> None:
    models = [Model.of_arrays({"w": values}) for values in arrays]

    def release() -> Any:
        updates = (Update(model, f"n{place}") for place, model in enumerate(models))
        return observe_all(RULES[rule](n_threads), updates).release()

    noted(benchmark, arrays)
    assert benchmark(release).model.size == N_ROWS


@pytest.mark.benchmark(group="order rules")
@pytest.mark.parametrize("form", [numpy_median, numpy_trimmed])
def test_release__numpy(benchmark: BenchmarkFixture, arrays: list[Values], form: Callable[..., Values]) -> None:
    noted(benchmark, arrays)
    assert len(benchmark.pedantic(form, (arrays,), rounds=3)) == N_ROWS


@pytest.mark.benchmark(group="order rules")
def test_release__floor(benchmark: BenchmarkFixture, arrays: list[Values]) -> None:
    """Each value is looked at once."""
    noted(benchmark, arrays)
    assert len(benchmark(lambda: [values.max() for values in arrays])) == len(arrays)


@pytest.mark.benchmark(group="order rules, network")
@pytest.mark.parametrize("n", [10, 100, 1000])
def test_exchanges(benchmark: BenchmarkFixture, n: int) -> None:
    """The steps, which are kept for the next release of as many updates."""
    assert len(benchmark(exchanges, n, n // 5, n - n // 5))
