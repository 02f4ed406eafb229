"""Aggregate updates with a peer's rule and print what it cost, as one line of JSON.

Call it with the Python of an environment that holds Flower (1.41 was used), as `run_peers.py`::

    python benches/peers/run_distance_rules.py flower-krum --updates 100 --values 1000000

Times are CPU seconds of one call, the least of several; set OMP_NUM_THREADS and OPENBLAS_NUM_THREADS to 1 for one core.
This file imports nothing of shoal.
"""

import argparse
import importlib.metadata
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from stacked_median import stacked_median

Arrays = list[np.ndarray]


def _records(arrays: Arrays) -> list[Any]:
    """Return what Flower's strategies are given."""
    from flwr.app import ArrayRecord, MetricRecord, RecordDict

    metrics = MetricRecord({"num-examples": 1})
    return [RecordDict({"arrays": ArrayRecord([array]), "metrics": metrics}) for array in arrays]


def flower_krum(arrays: Arrays, f: int) -> Callable[[], Any]:
    """Return the work of the strategy Krum."""
    return flower_multi_krum(arrays, f, m=1)


def flower_multi_krum(arrays: Arrays, f: int, m: int | None = None) -> Callable[[], Any]:
    """Return the work of the strategy MultiKrum."""
    from flwr.serverapp.strategy.multikrum import select_multikrum
    from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

    records, kept = _records(arrays), m or len(arrays) - f - 2
    return lambda: aggregate_arrayrecords(select_multikrum(records, f, kept), "num-examples")


def flower_krum_by_differences(arrays: Arrays, f: int) -> Callable[[], Any]:
    """Return the work of the older Krum, which subtracts updates pair by pair."""
    from flwr.server.strategy.aggregate import aggregate_krum

    return lambda: aggregate_krum([([array], 1) for array in arrays], f, 0)


def flower_bulyan(arrays: Arrays, f: int) -> Callable[[], Any]:
    """Return the work of the strategy Bulyan, with Krum; there f is at most (n - 3) / 4."""
    from flwr.server.strategy.aggregate import aggregate_bulyan, aggregate_krum

    return lambda: aggregate_bulyan([([array], 1) for array in arrays], f, aggregate_krum, to_keep=0)


def openfl_geometric_median(arrays: Arrays, f: int) -> Callable[[], Any]:
    """Return the work of OpenFL's algorithm, over flat arrays."""
    del f
    return lambda: stacked_median(arrays, [1.0] * len(arrays))


PEERS: dict[str, Callable[[Arrays, int], Callable[[], Any]]] = {
    "flower-krum": flower_krum,
    "flower-multi-krum": flower_multi_krum,
    "flower-krum-by-differences": flower_krum_by_differences,
    "flower-bulyan": flower_bulyan,
    "openfl-geometric-median": openfl_geometric_median,
}


def main() -> None:
    """Read the command line, aggregate, print."""
    parser = argparse.ArgumentParser(description="Aggregate with a peer and print its cost as JSON.")
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("--updates", type=int, required=True)
    parser.add_argument("--values", type=lambda text: int(float(text)), required=True)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    random = np.random.default_rng(1)
    arrays = [random.standard_normal(given.values, dtype=np.float32) for _ in range(given.updates)]
    work = PEERS[given.peer](arrays, (given.updates - 3) // 4)
    seconds = []
    for _ in range(given.runs):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    version = importlib.metadata.version("flwr") if given.peer.startswith("flower") else f"NumPy {np.__version__}"
    print(json.dumps({"peer": given.peer, "version": version, "cpu_seconds": min(seconds), "runs": given.runs}))


if __name__ == "__main__":
    main()
