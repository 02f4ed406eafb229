"""Aggregate with Flower's median or trimmed mean and print what it cost, as one line of JSON.

Call it with the Python of an environment that holds Flower::

    "$PYTHON" benches/peers/run_order_rules.py median --updates 10 --values 1000000

Times are CPU seconds, the least of several calls, of what a strategy does with arrays that it already has. This file
imports nothing of shoal.
"""

import argparse
import importlib.metadata
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def main() -> None:
    """Measure one rule."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rule", choices=["median", "trimmed"])
    parser.add_argument("--updates", type=int, required=True)
    parser.add_argument("--values", type=int, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    results = [([rng.standard_normal(asked.values, dtype=np.float32)], 1) for _ in range(asked.updates)]
    rule = rule_of(asked.rule)
    seconds: list[float] = []
    for _ in range(asked.repeats):
        before = time.process_time()
        rule(results)
        seconds.append(time.process_time() - before)
    print(json.dumps({"version": importlib.metadata.version("flwr"), "seconds": min(seconds)}))


def rule_of(name: str) -> Callable[[Any], Any]:
    """Return a function over results, as pairs of arrays and a number of examples."""
    from flwr.server.strategy.aggregate import aggregate_median, aggregate_trimmed_avg

    return aggregate_median if name == "median" else lambda results: aggregate_trimmed_avg(results, 0.2)


if __name__ == "__main__":
    main()
