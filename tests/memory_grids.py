"""Flower's messages over a grid in memory, and nodes that answer them; only where Flower is installed."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

# Here too: doctests are looked for in every module under tests.
pytest.importorskip("flwr", reason="Flower is not installed: pip install 'shoal[flower]'")

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from shoal.federated import Rule, WeightedMean
from shoal.flower import Strategy

# Messages say of which run they are; outside of one, somebody has to.
TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1

Answer = Callable[[Message, int, int], Message | None]


class MemoryGrid(Grid):
    """A grid whose nodes answer when they are asked for their reply, so that nothing else holds replies.

    Parameters
    ----------
    n_nodes : int
    answer : callable
        From a message, a node and a count of its messages to the reply; None for none.
    late : int
        How often each reply is asked for before it is there.
    """

    def __init__(self, n_nodes: int, answer: Answer, *, late: int = 0) -> None:
        self.nodes = list(range(1, n_nodes + 1))
        self.answer = answer
        self.late = late
        self.waiting: dict[str, Message] = {}
        self.asked: dict[str, int] = {}
        self.pushed: list[Message] = []
        self.pulls: list[int] = []

    def set_run(self, run: Any) -> None: ...

    @property
    def run(self) -> Any:
        return None

    def create_message(self, *_: Any, **__: Any) -> Message:
        msg = "strategies make their messages themselves"
        raise AssertionError(msg)

    def get_node_ids(self) -> Iterable[int]:
        return self.nodes

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        ids = []
        for message in messages:
            message.metadata.__dict__["_message_id"] = name = f"message-{len(self.pushed)}"
            self.pushed.append(message)
            self.waiting[name] = message
            self.asked[name] = 0
            ids.append(name)
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        ids = list(message_ids)
        self.pulls.append(len(ids))
        found = []
        for name in ids:
            self.asked[name] += 1
            if name in self.waiting and self.asked[name] > self.late:
                message = self.waiting[name]
                reply = self.answer(message, message.metadata.dst_node_id, len(self.pushed))
                if reply is not None:
                    del self.waiting[name]
                    found.append(reply)
        return found

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        return self.pull_messages(self.push_messages(messages))


def replied(message: Message, arrays: dict[str, npt.NDArray[Any]], weight: Any = 1, **metrics: Any) -> Message:
    record = ArrayRecord({name: Array(array) for name, array in arrays.items()})
    told = MetricRecord({"num-examples": weight, **metrics} if weight is not None else metrics)
    return Message(RecordDict({"arrays": record, "metrics": told}), reply_to=message)


def sent_arrays(message: Message) -> dict[str, npt.NDArray[Any]]:
    return {name: array.numpy() for name, array in message.content["arrays"].items()}


def plus_node(message: Message, node: int, _: int) -> Message:
    """Answer with the model plus the node's number, weighted by it."""
    arrays = {name: array + np.float32(node) for name, array in sent_arrays(message).items()}
    return replied(message, arrays, node, loss=float(node))


def initial(n: int = 5) -> ArrayRecord:
    return ArrayRecord({"w": Array(np.zeros((n, 2), np.float32)), "b": Array(np.zeros(2, np.float32))})


def strategy(**options: Any) -> Strategy:
    return Strategy(**{"min_train_nodes": 1, "min_evaluate_nodes": 1, "min_available_nodes": 1, **options})


def folding(bound: float = 64.0, max_updates: int = 100) -> Rule:
    return lambda checks: WeightedMean(checks, bound=bound, max_updates=max_updates)


def messages_to(n: int, arrays: ArrayRecord | None = None) -> list[Message]:
    """Return messages that were asked outside a grid."""
    content = RecordDict({"arrays": arrays or initial(), "config": ConfigRecord()})
    return [Message(content, node, "train") for node in range(1, n + 1)]
