"""Aggregate updates with a peer and print what it cost, as one line of JSON.

Call it with the Python of an environment that holds Flower (1.41 was used) and PyTorch, as `run_peers.py`::

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benches/peers/run_federated.py flower-krum --updates 100 -n 1e6

Times are CPU seconds of one call, the least of several, over arrays that are in memory. This file imports nothing of
shoal.
"""

import argparse
import functools
import importlib.metadata
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = list[np.ndarray]
SHARE = 0.2
CLIP = 1.0


def f_of(arrays: Arrays) -> int:
    """Return how many hostile updates a rule is to bear."""
    return (len(arrays) - 3) // 4


def pairs(arrays: Arrays) -> list[Any]:
    """Return what Flower's functions take: lists of arrays, and numbers of examples."""
    return [([array], 3) for array in arrays]


def records(arrays: Arrays) -> list[Any]:
    """Return what Flower's strategies take."""
    from flwr.app import ArrayRecord, MetricRecord, RecordDict

    metrics = MetricRecord({"num-examples": 3})
    return [RecordDict({"arrays": ArrayRecord([array]), "metrics": metrics}) for array in arrays]


def flower_mean(arrays: Arrays) -> Callable[[], Any]:
    """Return the work of Flower's `aggregate`."""
    from flwr.server.strategy.aggregate import aggregate

    return functools.partial(aggregate, pairs(arrays))


def flower_strategy_mean(arrays: Arrays) -> Callable[[], Any]:
    """Return what Flower's message strategies do, from the serialized arrays that arrive."""
    from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

    return functools.partial(aggregate_arrayrecords, records(arrays), "num-examples")


def flower_array(arrays: Arrays) -> Callable[[], Any]:
    """Return the reading of arrived arrays and their weighted sum, as Flower's strategies do both."""
    from flwr.app import Array

    arrived = [Array(array) for array in arrays]

    def work() -> Any:
        total = None
        for array in arrived:
            weighted = array.numpy() * (3 / len(arrived))
            total = weighted if total is None else total + weighted
        return total

    return work


def torch_add(arrays: Arrays) -> Callable[[], Any]:
    """Return a loop of PyTorch's `add_`."""
    import torch

    torch.set_num_threads(1)
    tensors = [torch.from_numpy(array) for array in arrays]

    def work() -> Any:
        total = torch.zeros_like(tensors[0])
        for tensor in tensors:
            total.add_(tensor, alpha=1 / len(tensors))
        return total

    return work


def numpy_add(arrays: Arrays) -> Callable[[], Any]:
    """Return a loop of NumPy's addition, without weights."""

    def work() -> Any:
        total = np.zeros_like(arrays[0])
        for array in arrays:
            np.add(total, array, out=total)
        return total

    return work


def flower_clipped_mean(arrays: Arrays) -> Callable[[], Any]:
    """Return what Flower's fixed clipping on the server does to each update, and its mean."""
    from flwr.server.strategy.aggregate import aggregate
    from flwr.supercore.differential_privacy import compute_clip_model_update

    center = [np.zeros_like(arrays[0])]

    def work() -> Any:
        sent = [[array.copy()] for array in arrays]
        for update in sent:
            compute_clip_model_update(update, center, CLIP)
        return aggregate([(update, 1) for update in sent])

    return work


def flower_median(arrays: Arrays) -> Callable[[], Any]:
    """Return the work of Flower's median."""
    from flwr.server.strategy.aggregate import aggregate_median

    return functools.partial(aggregate_median, pairs(arrays))


def flower_trimmed_mean(arrays: Arrays) -> Callable[[], Any]:
    """Return the work of Flower's trimmed mean."""
    from flwr.server.strategy.aggregate import aggregate_trimmed_avg

    return functools.partial(aggregate_trimmed_avg, pairs(arrays), SHARE)


def flower_krum(arrays: Arrays) -> Callable[[], Any]:
    """Return the work of the strategy Krum."""
    from flwr.serverapp.strategy.multikrum import select_multikrum
    from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

    sent = records(arrays)
    return lambda: aggregate_arrayrecords(select_multikrum(sent, f_of(arrays), 1), "num-examples")


def flower_bulyan(arrays: Arrays) -> Callable[[], Any]:
    """Return the work of Flower's Bulyan over Krum."""
    from flwr.server.strategy.aggregate import aggregate_bulyan, aggregate_krum

    return lambda: aggregate_bulyan(pairs(arrays), f_of(arrays), aggregate_krum, to_keep=0)


def openfl_geometric_median(arrays: Arrays) -> Callable[[], Any]:
    """Return the work of OpenFL's algorithm."""
    from stacked_median import stacked_median

    return lambda: stacked_median(arrays, [1.0] * len(arrays))


PEERS: dict[str, tuple[str, Callable[[Arrays], Callable[[], Any]]]] = {
    "flower-mean": ("flwr", flower_mean),
    "flower-strategy-mean": ("flwr", flower_strategy_mean),
    "flower-array": ("flwr", flower_array),
    "flower-clipped-mean": ("flwr", flower_clipped_mean),
    "flower-median": ("flwr", flower_median),
    "flower-trimmed-mean": ("flwr", flower_trimmed_mean),
    "flower-krum": ("flwr", flower_krum),
    "flower-bulyan": ("flwr", flower_bulyan),
    "torch-add": ("torch", torch_add),
    "numpy-add": ("numpy", numpy_add),
    "openfl-geometric-median": ("numpy", openfl_geometric_median),
}
"""By name: the distribution whose version is told, and what makes the work."""


def updates(n_updates: int, n: int) -> Arrays:
    """Return updates of unequal scales, a fifth of them far off."""
    random = np.random.default_rng(1)
    made: Arrays = []
    for place in range(n_updates):
        values = random.standard_normal(n, dtype=np.float32) * np.float32(0.05 * (1 + place % 3))
        made.append(values + np.float32(0.5 if place % 5 == 0 else 0.0))
    return made


def main() -> None:
    """Read the command line, aggregate, print."""
    parser = argparse.ArgumentParser(description="Aggregate updates with a peer and print its cost as JSON.")
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("--updates", type=int, required=True)
    parser.add_argument("-n", type=lambda text: int(float(text)), required=True, help="Values of an update.")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    distribution, make = PEERS[given.peer]
    work = make(updates(given.updates, given.n))
    seconds: list[float] = []
    for _ in range(given.runs):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    version = importlib.metadata.version(distribution)
    print(json.dumps({"version": f"{distribution} {version}", "cpu_seconds": min(seconds), "runs": given.runs}))


if __name__ == "__main__":
    main()
