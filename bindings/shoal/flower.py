# pyright: reportMissingImports=false, reportUntypedBaseClass=false
"""Flower: rounds of a federation aggregated by a rule of `shoal`, each reply as it comes.

`Strategy` is Flower's `FedAvg` in everything but how replies become the next model. It runs under Flower's own loop,
and better under its own `start`, which pulls replies one at a time: with a rule that folds, the server's memory does
not grow with the number of nodes.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import polars as pl

from shoal.federated import Aggregator, Privacy, Rule, ServerOptimizer
from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.averaging import Mean
from shoal_engine.federated.models import Model
from shoal_engine.federated.npy import array_of_npy, npy_of_array
from shoal_engine.federated.rounds import LARGEST_WEIGHT, Admission, Aggregate, Line, Reason, as_table
from shoal_engine.federated.updates import Update

try:
    from flwr.app import Array, ArrayRecord, ConfigRecord, MessageType, MetricRecord, RecordDict
    from flwr.serverapp.strategy import FedAvg, Result
except ModuleNotFoundError as error:
    message = "shoal.flower needs Flower 1.41 or later; install it with: pip install 'shoal[flower]'"
    raise ModuleNotFoundError(message, name=error.name) from error

_LOG: Final = logging.getLogger("flwr")
_NUMPY: Final = "numpy.ndarray"
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0
"""Seconds between looks for replies: longer the longer none came."""


class Exchange(Protocol):
    """What sends the messages of a round and gives the replies: the plain way, or one of secure aggregation."""

    def exchange(self, grid: Any, messages: list[Any], timeout: float | None) -> Iterable[Any]:
        """Yield replies as they come; those that have not come in time are left out."""
        ...


class Strategy(FedAvg):
    """A strategy for Flower's message API that aggregates by a rule of `shoal`.

    Parameters
    ----------
    rule : callable
        Makes the aggregator of a round from its `Admission`: a class such as `Mean`, or a function for one with
        parameters, such as ``lambda admission: Mean(admission, bound=8.0, max_updates=1000)``.
    privacy : Privacy, optional
        Draws each round's nodes, charges the round before anything is sent, and makes the aggregator, in place of
        `rule`: `PrivateRounds`. What nodes tell beside their updates is then thrown away, and they are not asked to
        evaluate, as no noise covers that.
    secure : Exchange, optional
        Sends and receives in place of the plain exchange.
    optimizer : ServerOptimizer, optional
        Makes the next model of the current one and the released one, in place of taking the latter.
    max_weight : float
        A larger number of examples is not believed.
    min_updates : int
        Fewer good updates leave the model as it is.
    **options
        As of Flower's `FedAvg`: how nodes are sampled, and what keys are called.

    Attributes
    ----------
    reports : dict of int to pl.DataFrame
        By round, one row a node that was asked: node, weight, norm, clipped, distance, kept, reason, bytes, seconds.
    result : Result
        Of `start`, as far as it came: an error in a later round leaves the model of the ones before.

    Notes
    -----
    Tensors that are no floating point numbers, such as counters, are not averaged: the next model has them as they
    were sent out. A function for metrics gets the metrics of the nodes that counted, without their arrays.
    """

    def __init__(
        self,
        *,
        rule: Rule = Mean,
        privacy: Privacy | None = None,
        secure: Exchange | None = None,
        optimizer: ServerOptimizer | None = None,
        max_weight: float = LARGEST_WEIGHT,
        min_updates: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.rule = rule
        self.privacy = privacy
        self.secure = secure
        self.optimizer = optimizer
        self.max_weight = max_weight
        self.min_updates = min_updates
        self.reports: dict[int, pl.DataFrame] = {}
        self.result = Result()
        self._round: _Round | None = None

    def summary(self) -> None:
        """Log how the strategy is set."""
        super().summary()
        _LOG.info("\t└──> Rule: %s", getattr(self.rule, "__name__", type(self.rule).__name__))

    def configure_train(self, server_round: int, arrays: Any, config: Any, grid: Any) -> list[Any]:
        """Return the messages of a round, which carry its number as their group.

        Raises
        ------
        BudgetExhausted
            Or what else `privacy` raises where no other round may start. Nothing was sent.
        UpdateError
            The model cannot be averaged.
        """
        if self.privacy is not None:
            messages = self._sampled(self.privacy, server_round, arrays, config, grid)
        else:
            messages = list(super().configure_train(server_round, arrays, config, grid))
        for message in messages:
            message.metadata.group_id = str(server_round)
        self._round = self._opened(server_round, arrays)
        self._round.asked = {message.metadata.dst_node_id for message in messages}
        return messages

    def _sampled(self, privacy: Privacy, server_round: int, arrays: Any, config: Any, grid: Any) -> list[Any]:
        """Return the messages to nodes that `privacy` draws, once it has charged the round."""
        while len(nodes := sorted(grid.get_node_ids())) < self.min_available_nodes:
            _LOG.info("Waiting for nodes: %d of %d are there", len(nodes), self.min_available_nodes)
            time.sleep(1)
        drawn = [int(node) for node in privacy.sample([str(node) for node in nodes])]
        privacy.begin(_Sent.of(arrays).model.size)
        config["server-round"] = server_round
        record = RecordDict({self.arrayrecord_key: arrays, self.configrecord_key: config})
        return list(self._construct_messages(record, drawn, MessageType.TRAIN))

    def configure_evaluate(self, server_round: int, arrays: Any, config: Any, grid: Any) -> Iterable[Any]:
        """Return the messages of an evaluation; none under `privacy`, as no budget pays for what nodes would tell."""
        if self.privacy is not None:
            return []
        return super().configure_evaluate(server_round, arrays, config, grid)

    def aggregate_train(self, server_round: int, replies: Iterable[Any]) -> tuple[Any, Any]:
        """Return the next model and the metrics of a round; None and None where too few updates are good.

        Parameters
        ----------
        server_round : int
        replies : iterable of Message
            Each is observed as it comes, and not kept here.
        """
        opened, self._round = self._round, None
        if opened is None or opened.number != server_round:
            opened = self._opened(server_round, None)
        pending = iter(replies)
        while (reply := next(pending, None)) is not None:
            opened.observe(reply, self.weighted_by_key)
            # Else it would be held while the next one is waited for.
            del reply
        opened.note_silent()
        if not opened.lines and not opened.refused and self.privacy is None:
            return None, None
        try:
            released = opened.aggregator.release()
        except TooFewUpdates as error:
            lines = [line.out("too few updates") for line in opened.lines]
            self._tell(server_round, [*lines, *opened.refused])
            _LOG.warning("aggregate_train: %s", error)
            return None, None
        self._tell(server_round, [*released.lines, *opened.refused])
        return self._next(opened, released), self._metrics(opened, released)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Any]) -> Any:
        """Return the metrics of an evaluation, over the replies that most agree in what they tell."""
        answered = [reply for reply in replies if reply.has_content()]
        alike = _alike([(reply, reply.content) for reply in answered], self.weighted_by_key)
        return super().aggregate_evaluate(server_round, [reply for reply, _ in alike])

    def start(
        self,
        grid: Any,
        initial_arrays: Any,
        num_rounds: int = 3,
        timeout: float | None = 3600,
        train_config: Any = None,
        evaluate_config: Any = None,
        evaluate_fn: Callable[[int, Any], Any] | None = None,
    ) -> Any:
        """Train for some rounds, as Flower's `Strategy.start`; replies are pulled, observed and dropped one at a time.

        Parameters
        ----------
        grid : Grid
        initial_arrays : ArrayRecord
        num_rounds : int
        timeout : float, optional
            Seconds that replies are waited for, in each round's training and evaluation.
        train_config, evaluate_config : ConfigRecord, optional
        evaluate_fn : callable, optional
            From a round and its arrays to a `MetricRecord`, or None; called before the first round as well.

        Returns
        -------
        Result
        """
        self.result = result = Result()
        began = time.monotonic()
        _LOG.info("Starting %s for %d rounds:", type(self).__name__, num_rounds)
        self.summary()
        train_config = ConfigRecord() if train_config is None else train_config
        evaluate_config = ConfigRecord() if evaluate_config is None else evaluate_config
        arrays = initial_arrays
        _note(result.evaluate_metrics_serverapp, 0, evaluate_fn(0, arrays) if evaluate_fn else None)
        for number in range(1, num_rounds + 1):
            _LOG.info("[ROUND %d/%d]", number, num_rounds)
            messages = self.configure_train(number, arrays, train_config, grid)
            trained, metrics = self.aggregate_train(number, self._exchange(grid, messages, timeout))
            if trained is not None:
                result.arrays = arrays = trained
            _note(result.train_metrics_clientapp, number, metrics)
            messages = list(self.configure_evaluate(number, arrays, evaluate_config, grid))
            replies = grid.send_and_receive(messages, timeout=timeout) if messages else []
            _note(result.evaluate_metrics_clientapp, number, self.aggregate_evaluate(number, replies))
            _note(result.evaluate_metrics_serverapp, number, evaluate_fn(number, arrays) if evaluate_fn else None)
        _LOG.info("%s finished in %.2f s", type(self).__name__, time.monotonic() - began)
        return result

    def _opened(self, number: int, arrays: Any) -> "_Round":
        """Return a round over what is sent out, if that is known."""
        sent = None if arrays is None else _Sent.of(arrays)
        like = None if sent is None else sent.model
        admission = Admission(like=like, round=number, max_weight=self.max_weight, min_updates=self.min_updates)
        made = self.rule(admission) if self.privacy is None else self.privacy.aggregator(admission, self.rule)
        return _Round(number, admission, made, sent)

    def _exchange(self, grid: Any, messages: list[Any], timeout: float | None) -> Iterable[Any]:
        """Send the messages of a round and yield the replies."""
        if self.secure is not None:
            return self.secure.exchange(grid, messages, timeout)
        opened = self._round
        assert opened is not None
        sent = [message_id for message_id in grid.push_messages(messages) if message_id] if messages else []
        # Who was asked is known here; who answers says so itself.
        opened.node_of = {message.metadata.message_id: message.metadata.dst_node_id for message in messages}
        return pulled(grid, sent, timeout)

    def _next(self, opened: "_Round", released: Aggregate) -> Any:
        """Return the next model as Flower's record."""
        model = released.model
        if opened.sent is None:
            return _record(model)
        if self.optimizer is not None:
            model = self.optimizer.step(opened.sent.model, model)
        return _record(model, opened.sent.arrays)

    def _metrics(self, opened: "_Round", released: Aggregate) -> Any:
        """Return the metrics of those who counted, and what privacy was spent."""
        if self.privacy is not None:
            # What nodes tell of their training is covered by no noise.
            return MetricRecord({name: float(spent) for name, spent in self.privacy.spent().items()})
        kept = {line.node for line in released.lines if line.kept}
        counted = [(node, record) for node, record in opened.metrics.items() if node in kept]
        alike = [record for _, record in _alike(sorted(counted, key=lambda one: one[0]), self.weighted_by_key)]
        return self.train_metrics_aggr_fn(alike, self.weighted_by_key) if alike else MetricRecord()

    def _tell(self, server_round: int, lines: list[Line]) -> None:
        """Keep the report of a round, and log who did not count."""
        self.reports[server_round] = pl.DataFrame(as_table(lines))
        out = [f"{line.node} ({line.reason})" for line in lines if not line.kept]
        _LOG.info("aggregate_train: %d of %d count%s", len(lines) - len(out), len(lines), "; not: " * bool(out))
        for each in out:
            _LOG.info("\t%s", each)


def pulled(grid: Any, message_ids: Iterable[str], timeout: float | None) -> Iterator[Any]:
    """Yield replies as they come, never holding more than one.

    Parameters
    ----------
    grid : Grid
    message_ids : iterable of str
        Of the messages that were pushed.
    timeout : float, optional
        Seconds after which those that are missing are left out.
    """
    waiting = deque(message_ids)
    ends = float("inf") if timeout is None else time.monotonic() + timeout
    pause = _SHORTEST_PAUSE
    while waiting:
        came = False
        # One at a time: asked for several, a grid loads all of them before it returns.
        for _ in range(len(waiting)):
            if time.monotonic() >= ends:
                return
            message_id = waiting.popleft()
            found = list(grid.pull_messages([message_id]))
            if not found:
                waiting.append(message_id)
            while found:
                came = True
                yield found.pop()
        if waiting:
            pause = _SHORTEST_PAUSE if came else min(2 * pause, _LONGEST_PAUSE)
            time.sleep(min(pause, max(0.0, ends - time.monotonic())))


@dataclass(slots=True)
class _Sent:
    """The model that a round sends out.

    Attributes
    ----------
    arrays : ArrayRecord
    model : Model
        Of the tensors that are averaged.
    others : frozenset of str
        The tensors that are not.
    """

    arrays: Any
    model: Model
    others: frozenset[str]

    @classmethod
    def of(cls, arrays: Any) -> "_Sent":
        """Return what is averaged of a record, and what is not."""
        read = _arrays(arrays)
        floats = {name: array for name, array in read.items() if array.dtype.kind == "f"}
        return cls(arrays, Model.of_arrays(floats), frozenset(read.keys() - floats.keys()))


@dataclass(slots=True)
class _Round:
    """A round under way."""

    number: int
    admission: Admission
    aggregator: Aggregator
    sent: _Sent | None
    asked: set[int] = field(default_factory=set[int])
    node_of: dict[str, int] = field(default_factory=dict[str, int])
    lines: list[Line] = field(default_factory=list[Line])
    refused: list[Line] = field(default_factory=list[Line])
    metrics: dict[str, Any] = field(default_factory=dict[str, Any])

    def observe(self, reply: Any, weight_key: str) -> None:
        """Observe a reply; one that is no update is refused."""
        metadata = reply.metadata
        number = self.node_of.get(metadata.reply_to_message_id, metadata.src_node_id)
        self.asked.discard(number)
        node = str(number)
        if reply.has_error():
            _LOG.info("\t%s failed: %r", node, reply.error.reason)
            self._refuse(node, "node failed")
            return
        metrics = _records(reply.content, MetricRecord)
        records = _records(reply.content, ArrayRecord)
        weight = _weight(metrics[0].get(weight_key)) if len(metrics) == 1 else float("nan")
        group = metadata.group_id
        try:
            if len(records) != 1:
                msg = f"a reply holds one record of arrays; got {len(records)}"
                raise UpdateError(msg)
            model = Model.of_arrays(self._ordered(_arrays(records[0])))
        except UpdateError as error:
            _LOG.info("\t%s: %s", node, error)
            self._refuse(node, "unreadable", weight)
            return
        update = Update(model, node, weight, int(group) if group.isdecimal() else None)
        self.lines.append(self.admission.line(update))
        self.aggregator.observe(update)
        if len(metrics) == 1:
            self.metrics[node] = RecordDict({"metrics": metrics[0]})

    def note_silent(self) -> None:
        """Refuse the nodes that did not answer."""
        for number in sorted(self.asked):
            self._refuse(str(number), "no answer")
        self.asked.clear()

    def _refuse(self, node: str, reason: Reason, weight: float = float("nan")) -> None:
        seconds = time.monotonic() - self.admission.opened
        self.refused.append(Line(node, weight, seconds=seconds).out(reason))

    def _ordered(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """Return arrays in the order in which they were sent out, without those that are not averaged."""
        if self.sent is None:
            return arrays
        arrays = {name: array for name, array in arrays.items() if name not in self.sent.others}
        names = [tensor.name for tensor in self.sent.model.layout]
        # Records are mappings: a node may fill one in any order.
        return {name: arrays[name] for name in names} if arrays.keys() == set(names) else arrays


def _records(content: Any, kind: type[Any]) -> list[Any]:
    """Return the records of a kind.

    Not by Flower's properties for it: those make reference cycles, and arrays then stay until garbage is collected.
    """
    return [record for record in content.values() if isinstance(record, kind)]


def _arrays(record: Any) -> dict[str, Any]:
    """Return the arrays of a record, over its bytes."""
    found: dict[str, Any] = {}
    for name, array in record.items():
        if array.stype != _NUMPY:
            msg = f"tensor {name!r} is serialized as {array.stype!r}; send arrays of NumPy ({_NUMPY!r})"
            raise UpdateError(msg)
        found[name] = array_of_npy(array.data, name)
    return found


def _record(model: Model, sent: Any = None) -> Any:
    """Return a model as a record, in the order of what was sent out, whose other arrays are taken over."""
    made = {
        name: Array(array.dtype.name, tuple(array.shape), _NUMPY, npy_of_array(array))
        for name, array in model.arrays().items()
    }
    return ArrayRecord(made if sent is None else {name: made.get(name, array) for name, array in sent.items()})


def _weight(told: Any) -> float:
    """Return a weight that a node tells; not a number where it is none."""
    return float(told) if isinstance(told, int | float) and abs(told) <= LARGEST_WEIGHT else float("nan")


def _alike(replies: list[tuple[Any, Any]], weight_key: str) -> list[tuple[Any, Any]]:
    """Return those that tell the same metrics as most, with a weight: means need them alike."""
    told: list[tuple[tuple[Any, Any], str]] = []
    for one, content in replies:
        records = _records(content, MetricRecord)
        if len(records) == 1 and _weight(records[0].get(weight_key)) > 0:
            shape = {key: np.shape(value) for key, value in records[0].items()}
            name = next(name for name, record in content.items() if record is records[0])
            told.append(((one, content), repr((name, sorted(shape.items())))))
    if not told:
        return []
    counted = Counter(shape for _, shape in told)
    most = min(counted, key=lambda shape: (-counted[shape], shape))
    return [pair for pair, shape in told if shape == most]


def _note(metrics: dict[int, Any], server_round: int, found: Any) -> None:
    """Keep and log metrics, where there are any."""
    if found is not None:
        _LOG.info("\t└──> %s", found)
        metrics[server_round] = found
