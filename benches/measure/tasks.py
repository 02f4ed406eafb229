"""Tasks for a process of their own; prints time, memory and result as one line of JSON.

``python -m benches.measure.tasks pipeline '{"source": "a.parquet", "output": "b.parquet"}'``
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import shoal
from benches import census_policies, private_queries
from benches.census import census
from benches.floor import class_sizes
from benches.measure import attacks
from benches.measure.clock import forget_peak, peak_bytes
from shoal.warming import warm
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import UpdateChecks
from shoal_engine.federated.updates.update import Update

K = 10


def make(rows: int, output: str, collapse: bool) -> None:  # noqa: FBT001 - given by name, from JSON
    """Write a census table."""
    census(rows, seed=1, collapse=collapse).write_parquet(output)


def floor(source: str, output: str) -> int:
    """Do what costs no privacy: read, count classes, write."""
    return class_sizes(Path(source), Path(output))


def pipeline(source: str, output: str, method: Any, n_threads: int | None = None) -> dict[str, Any]:
    """Anonymize from Parquet to verified Parquet."""
    policy = census_policies.everyday(K)
    report = shoal.anonymize_file(source, output, policy, method=method, n_threads=n_threads)
    return {"rows": report.rows, "k": report.k, "ncp": report.loss.ncp}


def above_input(source: str, method: Any) -> int:
    """Return the bytes that anonymizing a table takes beyond the table itself, which is in memory before."""
    policy = census_policies.everyday(K)
    frame = pl.read_parquet(source)
    warm()
    # Modules that are imported at first use are no part of the question either.
    shoal.anonymize(frame.head(1000), policy, method=method)
    forget_peak()
    held = peak_bytes()
    shoal.anonymize(frame, policy, method=method)
    return peak_bytes() - held


def federated_peak(n_updates: int, n: int) -> float:
    """Return the peak of folding updates that come one at a time, over the size of one, the result included."""
    for size, clients in ((8, 1), (n, n_updates)):
        # The first round is there for what is imported and compiled.
        like = Model.of_arrays({"w": np.zeros(size, np.float32)})
        forget_peak()
        held = peak_bytes()
        mean = WeightedMean(UpdateChecks(like=like, max_weight=1.0), bound=16.0, max_updates=64)
        for place in range(clients):
            mean.observe(Update.of_arrays({"w": np.full(size, place % 7, np.float32)}, node=str(place)))
        mean.release()
    return (peak_bytes() - held) / (4 * n)


TASKS: dict[str, Callable[..., Any]] = {
    "make": make,
    "floor": floor,
    "pipeline": pipeline,
    "above_input": above_input,
    "attack_above_input": attacks.above_input,
    "private_group_by": private_queries.compare,
    "private_peak": private_queries.peak_over_input,
    "federated_peak": federated_peak,
}


def main() -> None:
    """Run the task that the command line names."""
    task, arguments = TASKS[sys.argv[1]], json.loads(sys.argv[2])
    wall, cpu = time.perf_counter(), time.process_time()
    result = task(**arguments)
    cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "peak": peak_bytes()}
    print(json.dumps({**cost, "result": result}))


if __name__ == "__main__":
    main()
