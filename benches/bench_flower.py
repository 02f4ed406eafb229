"""From the bytes that Flower hands over to an array, and to a round's model; the peers are NumPy and FedAvg."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from shoal_engine.federated.updates.npy import array_of_npy

N_VALUES, N_NODES = 1_000_000, 20


def serialized(n_values: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.random.default_rng(1).standard_normal(n_values, dtype=np.float32))
    return file.getvalue()


def numpy_load(data: bytes, name: str) -> npt.NDArray[Any]:
    """Read as Flower's `Array.numpy` does."""
    return np.load(io.BytesIO(data), allow_pickle=False)


@pytest.mark.benchmark(group="an array of Flower's")
@pytest.mark.parametrize("read", [array_of_npy, numpy_load])
def test_read(benchmark: BenchmarkFixture, read: Any) -> None:
    benchmark.extra_info["bytes"] = 4 * N_VALUES
    assert benchmark(read, serialized(N_VALUES), "w").size == N_VALUES


@pytest.mark.benchmark(group="a round of Flower's")
@pytest.mark.parametrize("who", ["FedAvg", "held", "folded"])
def test_round(benchmark: BenchmarkFixture, who: str) -> None:
    pytest.importorskip("flwr", reason="Flower is not installed: pip install 'shoal[flower]'")
    from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
    from flwr.serverapp.strategy import FedAvg
    from flwr.supercore.task_identity import TaskIdentity

    from shoal.flower import Strategy
    from shoal_engine.federated.rules.averaging import WeightedMean

    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1
    data, shape = serialized(N_VALUES), (N_VALUES,)

    def reply(node: int) -> Any:
        arrays = ArrayRecord({"w": Array("float32", shape, "numpy.ndarray", data)})
        asked = Message(RecordDict({"config": ConfigRecord()}), node, "train")
        return Message(RecordDict({"a": arrays, "m": MetricRecord({"num-examples": node})}), reply_to=asked)

    def folded(checks: Any) -> WeightedMean:
        return WeightedMean(checks, bound=64.0, max_updates=N_NODES)

    strategy: Any = (
        FedAvg() if who == "FedAvg" else Strategy(rule=WeightedMean if who == "held" else folded, max_weight=32.0)
    )
    replies = [reply(node) for node in range(1, N_NODES + 1)]

    def aggregated() -> Any:
        if who == "folded":
            strategy._round = strategy._opened(1, replies[0].content["a"])
        return strategy.aggregate_train(1, replies)[0]

    benchmark.extra_info["updates"] = N_NODES
    assert benchmark(aggregated)["w"].shape == shape
