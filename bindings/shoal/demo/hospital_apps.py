# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
"""The four hospitals as a Flower app: client app, server app, and both on one machine."""

import json
import logging
import sys
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

from shoal.demo.hospital_training import CLIP, HOSPITALS, HOSTILE, STEPS, Weights, patients, reversed_update, untaught
from shoal.federation.flower_secure import KEY, SecureExchange
from shoal.federation.flower_secure_mod import secure_mod
from shoal.federation.private_rounds import PrivateRounds
from shoal.federation.rules import Privacy, Rule, rule_named
from shoal.flower import Strategy
from shoal_engine.federated.privacy.private_training import PrivateTraining

EPSILON: Final = Fraction(8)
DELTA: Final = Fraction(1, 10**5)

BOUND: Final = 64.0
"""On the size of the model's values, where updates are masked."""


@dataclass(frozen=True, slots=True)
class Trained:
    """How a federated training ended.

    Attributes
    ----------
    rule : str
    hostile, private, masked : bool
        Whether one hospital was, whether noise was added, and whether the server saw masked updates only.
    accuracy : float
        On patients that no one trained on.
    spent : dict of str to float
        Of privacy.
    """

    rule: str
    hostile: bool
    private: bool
    masked: bool
    accuracy: float
    spent: dict[str, float]


def masked_where_asked(message: Any, context: Any, call_next: Any) -> Any:
    """Mask where the server asks for it; a real hospital puts `secure_mod` on its app, and sends nothing else."""
    return secure_mod(message, context, call_next) if KEY in message.content else call_next(message, context)


client_app = ClientApp(mods=[masked_where_asked])


@client_app.train()
def train(message: Any, context: Any) -> Any:
    """Train on the rows of a hospital."""
    place, sent = int(context.node_config["partition-id"]), message.content["arrays"]
    homes, _ = patients()
    model: Weights = {name: array.numpy() for name, array in sent.items()}
    taught = homes[place].taught(model, STEPS)
    if message.content["config"]["hostile"] and place == HOSTILE:
        taught = reversed_update(model, taught)
    metrics = MetricRecord({"num-examples": len(homes[place])})
    return Message(RecordDict({"arrays": _record(taught), "metrics": metrics}), reply_to=message)


def server_app(n_rounds: int, found: list[Trained]) -> Any:
    """Return the server app: trainings by several rules, with and without a hostile hospital.

    Parameters
    ----------
    n_rounds : int
    found : list of Trained, out
    """
    app = ServerApp()

    @app.main()
    def main(grid: Any, context: Any) -> None:
        found.extend(trainings(grid, n_rounds))

    return app


def trainings(grid: Any, n_rounds: int) -> list[Trained]:
    """Train the model several times over a grid."""
    found = [federated(grid, "mean", n_rounds), federated(grid, "mean", n_rounds, masked=True)]
    found.append(federated(grid, "mean", n_rounds, hostile=True))
    found.append(federated(grid, "median", n_rounds, hostile=True))
    found.append(federated(grid, "mean", n_rounds, privacy=private_rule(n_rounds)))
    return found


def private_rule(n_rounds: int) -> Privacy:
    """Return the privacy of `n_rounds` rounds, each hospital with all its patients being the unit."""
    training = PrivateTraining.of_rounds(n_rounds, epsilon=EPSILON, delta=DELTA)
    return PrivateRounds(training, clip=CLIP, expected_updates=len(HOSPITALS))


def federated(
    grid: Any,
    rule: str,
    n_rounds: int,
    *,
    hostile: bool = False,
    privacy: Privacy | None = None,
    masked: bool = False,
) -> Trained:
    """Train the model of all hospitals once."""
    made: Rule = rule_named(rule)
    everyone = len(HOSPITALS)
    largest = float(max(len(home) for home in patients()[0]))
    secure = SecureExchange(threshold=everyone - 1, bound=BOUND, max_weight=largest, max_updates=everyone)
    strategy = Strategy(
        rule=made,
        privacy=privacy,
        secure=secure if masked else None,
        max_weight=largest,
        min_train_nodes=everyone,
        min_available_nodes=everyone,
        fraction_evaluate=0.0,
    )
    config = ConfigRecord({"hostile": hostile})
    result = strategy.start(grid, _record(untaught()), n_rounds, timeout=600, train_config=config)
    model: Weights = {name: array.numpy() for name, array in result.arrays.items()}
    spent = {} if privacy is None else dict(privacy.spent())
    return Trained(rule, hostile, privacy is not None, masked, patients()[1].accuracy(model), spent)


def simulate(n_rounds: int) -> list[Trained]:
    """Train on Flower's simulation engine, four nodes on two workers."""
    from flwr.simulation import run_simulation

    found: list[Trained] = []
    init = {
        # Nothing but the loopback device is needed, so nothing else is listened at.
        "_node_ip_address": "127.0.0.1",
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "num_cpus": 2,
    }
    config: dict[str, Any] = {"init_args": init, "client_resources": {"num_cpus": 1, "num_gpus": 0.0}}
    logging.getLogger("flwr").setLevel(logging.WARNING)
    run_simulation(server_app(n_rounds, found), client_app, len(HOSPITALS), backend_config=config)
    return found


def main() -> None:
    """Simulate the number of rounds in the first argument, and write the results to the file in the second."""
    n_rounds, output = sys.argv[1:]
    Path(output).write_text(json.dumps([asdict(one) for one in simulate(int(n_rounds))]), encoding="utf-8")


def _record(model: Weights) -> Any:
    """Return a model as Flower's record."""
    return ArrayRecord({name: Array(array) for name, array in model.items()})
