"""Write what Flower's server optimizers make of some rounds into a golden file; run in an environment of its own.

::

    python -m venv peers && peers/bin/pip install flwr==1.41.0
    peers/bin/python benches/peers/make_federated_golden.py tests/golden/flower_optimizers.json

Nothing of this project is imported. Nodes return float64 models of few binary digits and weights that add up to a power
of two, so that every mean is exact and what remains to compare are the optimizers.
"""

import importlib.metadata
import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedAdagrad, FedAdam, FedAvgM, FedYogi
from flwr.supercore.task_identity import TaskIdentity

WEIGHTS = (1, 2, 5)
ROUNDS = 6
STRATEGIES = {"FedAdagrad": FedAdagrad, "FedAdam": FedAdam, "FedAvgM": FedAvgM, "FedYogi": FedYogi}
CASES: tuple[tuple[str, dict[str, float]], ...] = (
    ("FedAdagrad", {"eta": 0.1, "tau": 1e-3}),
    ("FedAdagrad", {"eta": 1.0, "tau": 0.25}),
    ("FedAdam", {"eta": 0.01, "beta_1": 0.9, "beta_2": 0.99, "tau": 1e-3}),
    ("FedAdam", {"eta": 0.5, "beta_1": 0.0, "beta_2": 0.5, "tau": 1e-8}),
    ("FedAdam", {"eta": 0.1, "beta_1": 0.5, "beta_2": 0.0, "tau": 0.1}),
    ("FedYogi", {"eta": 0.01, "beta_1": 0.9, "beta_2": 0.99, "tau": 1e-3}),
    ("FedYogi", {"eta": 0.3, "beta_1": 0.0, "beta_2": 0.25, "tau": 0.01}),
    ("FedAvgM", {"server_learning_rate": 0.5, "server_momentum": 0.9}),
    ("FedAvgM", {"server_learning_rate": 1.0, "server_momentum": 0.25}),
    ("FedAvgM", {"server_learning_rate": 0.75, "server_momentum": 0.0}),
)

Arrays = dict[str, np.ndarray]


def drawn() -> tuple[Arrays, list[list[Arrays]]]:
    """Return the first model, and what each node sends in each round: multiples of 1/64, some of them as they were."""
    random = np.random.default_rng(20)

    def model() -> Arrays:
        return {"weight": random.integers(-64, 65, (3, 4)) / 64, "bias": random.integers(-8, 9, 5) / 64}

    first, sent = model(), [[model() for _ in WEIGHTS] for _ in range(ROUNDS)]
    for of_round in sent:
        for of_node in of_round:
            # No change at first: a second moment of 0 beside tau alone.
            of_node["bias"][0] = first["bias"][0]
    return first, sent


def run(name: str, parameters: dict[str, float], first: Arrays, sent: list[list[Arrays]]) -> list[Arrays]:
    """Return Flower's model after each round."""
    strategy = STRATEGIES[name](**parameters)
    current, found = record(first), []
    for number, of_round in enumerate(sent, start=1):
        # No node answers a grid here: what `configure_train` would remember of the round is set as it sets it.
        if name == "FedAvgM":
            strategy.current_arrays = current if strategy.current_arrays is None else strategy.current_arrays
        else:
            strategy.current_arrays = {key: array.numpy() for key, array in current.items()}
        replies = [reply(of_node, weight) for of_node, weight in zip(of_round, WEIGHTS, strict=True)]
        current, _ = strategy.aggregate_train(number, replies)
        found.append({key: array.numpy() for key, array in current.items()})
    return found


def record(arrays: Arrays) -> ArrayRecord:
    """Return arrays as Flower sends them."""
    return ArrayRecord({name: Array(array) for name, array in arrays.items()})


def reply(arrays: Arrays, weight: int) -> Message:
    """Return what a node sends."""
    told = MetricRecord({"num-examples": weight})
    content = RecordDict({"arrays": record(arrays), "metrics": told, "config": ConfigRecord()})
    return Message(content=content, dst_node_id=1, message_type="train")


def listed(arrays: Arrays) -> dict[str, Any]:
    """Return arrays as JSON has them; Python writes and reads every float64 exactly."""
    return {name: array.tolist() for name, array in arrays.items()}


def main(path: Path) -> None:
    """Write the file."""
    logging.disable(logging.CRITICAL)
    # Messages say of which run they are; there is none.
    TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 0
    first, sent = drawn()
    cases = [
        {"strategy": name, "parameters": parameters, "models": list(map(listed, run(name, parameters, first, sent)))}
        for name, parameters in CASES
    ]
    body = {
        "made_with": f"flwr {importlib.metadata.version('flwr')}",
        "weights": WEIGHTS,
        "first": listed(first),
        "sent": [list(map(listed, of_round)) for of_round in sent],
        "cases": cases,
    }
    path.write_text(json.dumps(body, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
