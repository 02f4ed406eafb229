# pyright: reportMissingImports=false, reportUntypedBaseClass=false
"""Flower: rounds of a federation aggregated by a rule of `shoal`, each reply as it comes.

`Strategy` is Flower's `FedAvg` in everything but how replies become the next model. It runs under Flower's own loop,
and better under its own `start`, which pulls replies one at a time: with a rule that folds, the server's memory does
not grow with the number of nodes.
"""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import polars as pl

from shoal.federation.flower_rounds import LOG, NUMPY, Exchange, Round, Sent, pulled, records_of, weight_of
from shoal.federation.rules import Privacy, Rule, options_missing
from shoal_engine.errors import SecureAggregationError, TooFewUpdates, UpdateError
from shoal_engine.federated.optimizers.server_optimizers import ServerOptimizer
from shoal_engine.federated.optimizers.server_states import ServerState
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.npy import npy_of_array
from shoal_engine.federated.updates.round import LARGEST_WEIGHT, RoundResult, UpdateChecks, UpdateRecord, as_table

try:
    # What Flower's own dependencies are warned of is not for whoever uses shoal to mend.
    with warnings.catch_warnings(action="ignore"):
        from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
        from flwr.serverapp.strategy import FedAvg, Result
except ModuleNotFoundError as error:
    message = "shoal.flower needs Flower 1.41 or later; install it with: pip install 'shoal[flower]'"
    raise ModuleNotFoundError(message, name=error.name) from error


_HALF_BYTES: Final = 2


class Strategy(FedAvg):
    """A strategy for Flower's message API that aggregates by a rule of `shoal`.

    Parameters
    ----------
    rule : callable
        Makes the aggregator of a round from its `UpdateChecks`: a class such as `WeightedMean`, or a function for one
        with parameters, such as ``lambda checks: WeightedMean(checks, bound=8.0, max_updates=1000)``.
    privacy : Privacy, optional
        Draws who takes part, charges each round before anything of it is sent, and makes the aggregator in place of
        `rule`.
    secure : Exchange, optional
        Trains each round so that a server that follows the protocol sees no single update, such as a
        `SecureExchange`; only under `start`. The rule is
        then the mean. Metrics of nodes are not passed on, and reports have no weights or norms.
    optimizer : ServerOptimizer, optional
        Makes the next model of the current one and the released one, in place of taking the latter.
    optimizer_state : ServerState, optional
        With which it goes on, from an earlier training.
    bfloat16 : bool
        Whether tensors of 16-bit integers are the bits of bfloat16 numbers (``tensor.view(torch.uint16)``), and
        averaged as these. Arrays whose record says "bfloat16" are in any case.
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
    optimizer_state : ServerState or None
        After the last round.
    result : Result
        Of `start`, as far as it came: an error in a later round leaves the model of the ones before.

    Notes
    -----
    Counters, which are single integers of 32 or 64 bits such as PyTorch's ``num_batches_tracked``, become the
    largest of the nodes that counted, in their dtype; not with `privacy` or `secure`, which pay for, and mask, no such
    thing. Other tensors that are no floating point numbers are not averaged: the next model has them as they were sent
    out, and a warning names them once. A function for metrics gets the metrics of the nodes that counted, without
    their arrays.

    With `privacy`, metrics of nodes are not passed on, and they are not asked to evaluate: that would
    be released without being paid for. Evaluate on the server, by ``evaluate_fn``.
    """

    def __init__(
        self,
        *,
        rule: Rule = WeightedMean,
        privacy: Privacy | None = None,
        secure: Exchange | None = None,
        optimizer: ServerOptimizer | None = None,
        optimizer_state: ServerState | None = None,
        bfloat16: bool = False,
        max_weight: float = LARGEST_WEIGHT,
        min_updates: int = 1,
        **options: Any,
    ) -> None:
        if privacy is not None and options.get("fraction_train", 1.0) != 1.0:
            # One node more changes who else is among a share of fixed size: two nodes' changes in place of one.
            msg = "with privacy it is the training's rate that draws nodes; leave fraction_train at 1"
            raise UpdateError(msg)
        super().__init__(**options)
        if secure is not None:
            secure.check(rule, privacy)
        if missing := options_missing(rule):
            name, given = getattr(rule, "__name__", "the rule"), ", ".join(f"{one}=..." for one in missing)
            msg = f"{name} needs {', '.join(missing)}; give a function: rule=lambda checks: {name}(checks, {given})"
            raise UpdateError(msg)
        self.rule = rule
        self.privacy = privacy
        self.secure = secure
        self.optimizer = optimizer
        self.optimizer_state = optimizer_state
        self.bfloat16 = bfloat16
        self.max_weight = max_weight
        self.min_updates = min_updates
        self.reports: dict[int, pl.DataFrame] = {}
        self.result = Result()
        self._round: Round | None = None
        self._is_started = False
        self._named: dict[str, Any] = {}
        self._evaluating: set[int] = set()

    def summary(self) -> None:
        """Log how the strategy is set."""
        super().summary()
        LOG.info("\t└──> Rule: %s", getattr(self.rule, "__name__", type(self.rule).__name__))

    def configure_train(self, server_round: int, arrays: Any, config: Any, grid: Any) -> list[Any]:
        """Return the messages of a round, which carry its number as their group.

        Raises
        ------
        BudgetExhausted
            Or what else `privacy` raises where no other round may start. Nothing was sent.
        UpdateError
            The model cannot be averaged; or updates are to be masked, and the loop is not that of `start`.
        """
        if self.secure is not None and not self._is_started:
            msg = "masked rounds take several messages to each node; call the strategy's own `start`"
            raise UpdateError(msg)
        messages = list(super().configure_train(server_round, arrays, config, grid))
        if self.privacy is not None:
            drawn = set(self.privacy.sample([str(message.metadata.dst_node_id) for message in messages]))
            messages = [message for message in messages if str(message.metadata.dst_node_id) in drawn]
        if self.secure is not None:
            self.secure.check_asked(len(messages))
        for message in messages:
            message.metadata.group_id = str(server_round)
        self._round = self._opened(server_round, arrays)
        self._round.asked = {message.metadata.dst_node_id for message in messages}
        return messages

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
            content = reply.content if reply.has_content() else {}
            records, metrics = records_of(content, ArrayRecord), records_of(content, MetricRecord)
            opened.observe(reply, records, metrics, self.weighted_by_key)
            # Else it would be held while the next one is waited for.
            del reply, content, records, metrics
        opened.note_silent()
        if self.privacy is None and not opened.observed and not opened.rejected:
            return None, None
        return self._finished(opened, opened.aggregator.release)

    def configure_evaluate(self, server_round: int, arrays: Any, config: Any, grid: Any) -> list[Any]:
        """Return the messages of an evaluation; none with `privacy`."""
        if self.privacy is not None:
            return []
        messages = list(super().configure_evaluate(server_round, arrays, config, grid))
        self._evaluating = {message.metadata.dst_node_id for message in messages}
        return messages

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Any]) -> Any:
        """Return the metrics of an evaluation, over the replies with the most common set of metrics."""
        came = list(replies)
        alike = _alike([(reply, reply.content) for reply in came if reply.has_content()], self.weighted_by_key)
        out = dict.fromkeys(self._evaluating - {reply.metadata.src_node_id for reply in came}, "no answer")
        self._evaluating = set()
        for reply in came:
            if not reply.has_content():
                out[reply.metadata.src_node_id] = "node failed"
            elif all(reply is not one for one, _ in alike):
                out[reply.metadata.src_node_id] = "other metrics than most"
        for node, why in sorted(out.items()):
            LOG.info("aggregate_evaluate: %s does not count (%s)", node, why)
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
        self._is_started = True
        try:
            return self._run(grid, initial_arrays, num_rounds, timeout, (train_config, evaluate_config), evaluate_fn)
        finally:
            self._is_started = False

    def _run(
        self,
        grid: Any,
        arrays: Any,
        num_rounds: int,
        timeout: float | None,
        configs: tuple[Any, Any],
        evaluate_fn: Callable[[int, Any], Any] | None,
    ) -> Any:
        """Train for some rounds."""
        self.result = result = Result()
        began = time.monotonic()
        LOG.info("Starting %s for %d rounds:", type(self).__name__, num_rounds)
        self.summary()
        train_config, evaluate_config = (ConfigRecord() if config is None else config for config in configs)
        _note(result.evaluate_metrics_serverapp, 0, evaluate_fn(0, arrays) if evaluate_fn else None)
        for number in range(1, num_rounds + 1):
            LOG.info("[ROUND %d/%d]", number, num_rounds)
            messages = self.configure_train(number, arrays, train_config, grid)
            trained, metrics = self._trained(number, messages, grid, timeout)
            if trained is not None:
                result.arrays = arrays = trained
            _note(result.train_metrics_clientapp, number, metrics)
            messages = list(self.configure_evaluate(number, arrays, evaluate_config, grid))
            replies = grid.send_and_receive(messages, timeout=timeout) if messages else []
            _note(result.evaluate_metrics_clientapp, number, self.aggregate_evaluate(number, replies))
            _note(result.evaluate_metrics_serverapp, number, evaluate_fn(number, arrays) if evaluate_fn else None)
        LOG.info("%s finished in %.2f s", type(self).__name__, time.monotonic() - began)
        return result

    def _opened(self, number: int, arrays: Any) -> Round:
        """Return a round over the sent model, if that is known."""
        sent = None if arrays is None else Sent.of(arrays, bfloat16=self.bfloat16)
        like = None if sent is None else sent.model
        if sent is not None:
            self._name_left_out(sent)
        checks = UpdateChecks(
            like=like,
            round=number,
            max_weight=self.max_weight,
            min_updates=self.min_updates,
            # There, one reply is taken to each message.
            once=self._is_started,
        )
        made = self.rule(checks) if self.privacy is None else self.privacy.begin(checks)
        return Round(number, checks, made, sent)

    def _name_left_out(self, sent: Sent) -> None:
        """Warn of tensors that the training never changes, once."""
        others = dict(sent.others)
        if self.privacy is not None or self.secure is not None:
            others |= sent.counters
        new = {name: dtype for name, dtype in others.items() if name not in self._named}
        self._named |= new
        if new:
            named = ", ".join(f"{name} ({dtype})" for name, dtype in new.items())
            bits = any(dtype.itemsize == _HALF_BYTES and dtype.kind in "iu" for dtype in new.values())
            hint = "; if they are the bits of bfloat16 numbers, say bfloat16=True" if bits else ""
            LOG.warning("not averaged, and sent on as they are: %s%s", named, hint)

    def _trained(self, number: int, messages: list[Any], grid: Any, timeout: float | None) -> tuple[Any, Any]:
        """Send the messages of a round, and return the next model and the metrics, or None and None."""
        opened = self._round
        assert opened is not None
        if (secure := self.secure) is not None:
            self._round, key = None, self.weighted_by_key
            if not messages:
                return None, None
            train = partial(secure.train, grid, messages, opened, weight_key=key, timeout=timeout)
            return self._finished(opened, train)
        sent = [message_id for message_id in grid.push_messages(messages) if message_id] if messages else []
        # Who was asked is known here; who answers says so itself.
        opened.node_of = {message.metadata.message_id: message.metadata.dst_node_id for message in messages}
        return self.aggregate_train(number, pulled(grid, sent, timeout))

    def _finished(self, opened: Round, release: Callable[[], RoundResult]) -> tuple[Any, Any]:
        """Return the next model and the metrics; None and None where the round failed."""
        try:
            released = release()
        except (TooFewUpdates, SecureAggregationError) as error:
            # In masked rounds `rejected` has a record of each node.
            records = error.records if isinstance(error, TooFewUpdates) and self.secure is None else ()
            self._log(opened.number, [*records, *opened.rejected])
            LOG.warning("aggregate_train: %s", error)
            return None, None
        if self.privacy is not None:
            self.privacy.note(released)
        self._log(opened.number, [*released.records, *opened.rejected])
        return self._next(opened, released), self._metrics(opened, released)

    def _next(self, opened: Round, released: RoundResult) -> Any:
        """Return the next model as Flower's record."""
        model = released.model
        if opened.sent is None:
            return _record(model)
        if self.optimizer is not None:
            current, state = opened.sent.model, self.optimizer_state
            state = self.optimizer.init(current) if state is None else state
            self.optimizer_state, model = self.optimizer.update(state, current, model, averaged="models")
        kept = {record.node for record in released.records if record.kept}
        carried = opened.counters if self.privacy is None else {}
        counts = [counters for node, counters in carried.items() if node in kept]
        return _record(model, opened.sent, counts)

    def _metrics(self, opened: Round, released: RoundResult) -> Any:
        """Return the metrics of the accepted nodes, or with `privacy` the privacy spent."""
        if self.privacy is not None:
            return MetricRecord({name: float(spent) for name, spent in self.privacy.spent().items()})
        kept = {record.node for record in released.records if record.kept}
        ordered = sorted(opened.metrics.items(), key=lambda one: one[0])
        counted = [(node, RecordDict({"metrics": record})) for node, record in ordered if node in kept]
        alike = [content for _, content in _alike(counted, self.weighted_by_key)]
        return self.train_metrics_aggr_fn(alike, self.weighted_by_key) if alike else MetricRecord()

    def _log(self, server_round: int, records: list[UpdateRecord]) -> None:
        """Keep the report of a round, and log who did not count."""
        self.reports[server_round] = pl.DataFrame(as_table(records))
        out = [f"{record.node} ({record.reason})" for record in records if not record.kept]
        LOG.info("aggregate_train: %d of %d count%s", len(records) - len(out), len(records), "; not: " * bool(out))
        for each in out:
            LOG.info("\t%s", each)


def _record(model: Model, sent: Sent | None = None, counts: Sequence[Mapping[str, int]] = ()) -> Any:
    """Return a model as a record, in the order of the sent record, whose other arrays are taken over.

    Counters are the largest of `counts`; bfloat16 goes out as it was sent.
    """
    made: dict[str, Any] = {}
    for name, array in model.arrays().items():
        dtype = array.dtype if sent is None else sent.bits.get(name, array.dtype)
        dtype_name = dtype.name if sent is None else str(sent.arrays[name].dtype)
        made[name] = Array(dtype_name, tuple(array.shape), NUMPY, npy_of_array(array.view(dtype)))
    if sent is None:
        return ArrayRecord(made)
    for name, dtype in sent.counters.items():
        if counts_sent := [one[name] for one in counts if name in one]:
            made[name] = Array(np.array(max(counts_sent), dtype))
    return ArrayRecord({name: made.get(name, array) for name, array in sent.arrays.items()})


def _alike(replies: list[tuple[Any, Any]], weight_key: str) -> list[tuple[Any, Any]]:
    """Return the replies with the most common set of metrics, and a weight; means need equal sets."""
    described: list[tuple[tuple[Any, Any], str]] = []
    for one, content in replies:
        records = records_of(content, MetricRecord)
        if len(records) == 1 and 0 < weight_of(records[0].get(weight_key)) <= LARGEST_WEIGHT:
            shape = {key: np.shape(value) for key, value in records[0].items()}
            name = next(name for name, record in content.items() if record is records[0])
            described.append(((one, content), repr((name, sorted(shape.items())))))
    if not described:
        return []
    counted = Counter(shape for _, shape in described)
    most = min(counted, key=lambda shape: (-counted[shape], shape))
    return [pair for pair, shape in described if shape == most]


def _note(metrics: dict[int, Any], server_round: int, found: Any) -> None:
    """Keep and log metrics, where there are any."""
    if found is not None:
        LOG.info("\t└──> %s", found)
        metrics[server_round] = found
