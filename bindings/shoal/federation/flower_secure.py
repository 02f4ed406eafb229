# pyright: reportMissingImports=false
"""Flower: rounds whose single updates an honest server never sees, by secure aggregation in several messages a node.

Four of the five stages take one short message each way. In the fourth the model goes out and the node trains, once,
and answers with its update under masks. What stays where:

- A node's secrets of a round are in its ``context.state`` from its first message to its last, or where that one
  never comes to the next round's first. They are taken out of it before each step: the node's Flower must not hand
  them to anybody, nor bring back an older state.
- The server has, during one round, public keys, enciphered shares and one running sum. Nodes are known to each other
  by place, and by nothing else.

Nodes put `shoal.federation.flower_secure_mod.secure_mod` on their app. The server must follow the protocol: rounds
are not signed, and one that lies can open the masks of a node. See `shoal_engine.federated.secure` for what is
promised.
"""

import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any, Final

import numpy as np

from shoal.federation.flower_rounds import LOG, Round, arrays_of, pulled, records_of
from shoal.federation.private_rounds import PrivateRounds
from shoal.federation.rules import Privacy, Rule
from shoal_engine.errors import SecureAggregationError, TooFewSurvivors, TooFewUpdates, UpdateError
from shoal_engine.federated.privacy.private_averaging import PrivateMean, PrivateRoundResult
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.secure.driving import SecureRound, check_asked
from shoal_engine.federated.secure.flat_messages import Field, Fields
from shoal_engine.federated.secure.messages import Stage
from shoal_engine.federated.secure.parameters import SecureParameters
from shoal_engine.federated.secure.vectors import Ints, MaskedClip, MaskedMean, check_clip, length_of, plan_entries
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import Reason, RoundResult, UpdateRecord

try:
    # What Flower's own dependencies are warned of is not for whoever uses shoal to mend.
    with warnings.catch_warnings(action="ignore"):
        from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
except ModuleNotFoundError as error:
    message = "shoal.federation.flower_secure needs Flower 1.41 or later; install it with: pip install 'shoal[flower]'"
    raise ModuleNotFoundError(message, name=error.name) from error

KEY: Final = "shoal.secure"
"""Of the record that tells of the protocol, in messages and in a node's state."""
VECTOR: Final = "shoal.secure.vector"
"""Of the record of the masked vector."""
STAGE: Final = "stage"
WEIGHT_KEY: Final = "weight-key"
BFLOAT16: Final = "bfloat16"
"""Whether 16-bit integers are the bits of bfloat16 numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureExchange:
    """Secure aggregation of each training round: ``Strategy(secure=SecureExchange(...))``.

    Parameters
    ----------
    threshold : int
        Nodes that must be left at every stage, and the fewest whose sum is ever seen; over half of those asked, or of
        `neighbors` + 1.
    bound, max_weight : float, optional
        On the size of values, and of weights: nodes beyond them drop out. Needed unless the strategy has `privacy`.
    max_updates : int, optional
        At least as many as are ever asked. Needed unless the strategy has `privacy`.
    neighbors : int, optional
        Even: number of others that each node shares masks with. Default: all others.
    stage_timeout : float
        Seconds that the short messages are waited for. Training is waited for as long as `start` says.

    Notes
    -----
    The model of a round is that of ``WeightedMean(checks, bound=bound, max_updates=max_updates)`` over the nodes that
    sent a masked vector, bit for bit where weights are integers.

    With `privacy`, a `PrivateRounds` of rate 1 and with a fixed clip, each node clips its change and adds its share of
    the noise before it masks: where the server follows the protocol, no one but the node itself sees anything without
    all of the noise, but for who drops out and for which of the report's reasons. Rounds may fail for want of nodes,
    which the first message states.
    """

    threshold: int
    bound: float | None = None
    max_weight: float | None = None
    max_updates: int | None = None
    neighbors: int | None = None
    stage_timeout: float = 60.0

    def __post_init__(self) -> None:
        # Errors are raised before any training.
        self._parameters(0, 1)
        if not self.stage_timeout > 0:
            msg = f"stage_timeout={self.stage_timeout}; give seconds above 0, as many as a node may need to answer"
            raise UpdateError(msg)
        if None not in (self.bound, self.max_weight, self.max_updates):
            self._mean()

    def check(self, rule: Rule, privacy: Privacy | None) -> None:
        """Refuse what cannot be had under masks.

        Raises
        ------
        UpdateError
        """
        if rule is not WeightedMean:
            msg = "under masks there are sums only: leave the rule out, or leave the masks out"
            raise UpdateError(msg)
        if privacy is None:
            self._mean()
        elif not isinstance(privacy, PrivateRounds) or privacy.training.rate != 1:
            # Each node learns who else takes part, and a sample must stay secret.
            msg = "masked rounds are private as PrivateRounds in which all take part; give a training of rate 1"
            raise UpdateError(msg)
        else:
            check_clip(privacy.clip)

    def check_asked(self, n: int) -> None:
        """Raise if `n` nodes cannot be asked, before a round begins.

        Raises
        ------
        UpdateError
        """
        check_asked(self._parameters(0, 1), n, self.max_updates)

    def train(
        self, grid: Any, messages: list[Any], opened: Round, *, weight_key: str, timeout: float | None
    ) -> RoundResult:
        """Train one round.

        Raises
        ------
        SecureAggregationError
            It failed, `TooFewSurvivors` mostly; the round's `rejected` has a record of each node.
        TooFewUpdates
            Fewer are left than the strategy's `min_updates`.
        UpdateError
            More nodes are asked than there is room for, or each node's noise would be too small.
        """
        assert opened.sent is not None
        like, private = opened.sent.model, opened.aggregator
        plan = MaskedClip.of_mean(private, self.threshold) if isinstance(private, PrivateMean) else self._mean()
        check_asked(self._parameters(0, 1), len(messages), plan.max_updates)
        messages = sorted(messages, key=lambda message: message.metadata.dst_node_id)
        nodes = [str(message.metadata.dst_node_id) for message in messages]
        asking = _Asking(self, grid, messages, plan, weight_key, timeout, bfloat16=bool(opened.sent.bits))
        driven = SecureRound(self._parameters(opened.number, length_of(like.layout)), nodes)
        if isinstance(private, PrivateMean):
            private.permit.use()
        try:
            total = driven.total(asking.ask)
            update_records = driven.records()
            for record in update_records:
                if record.reason == "wrong shares":
                    LOG.warning("\t%s gave wrong shares of others' masks; the round went on without them", record.node)
            opened.checks.require_enough(update_records)
            return _aggregate(plan, total, like, update_records)
        except (SecureAggregationError, TooFewUpdates) as error:
            too_few = isinstance(error, TooFewSurvivors | TooFewUpdates)
            opened.rejected.extend(driven.records("too few updates" if too_few else "round failed"))
            raise

    def _parameters(self, number: int, length: int) -> SecureParameters:
        # A session for each round: no two rounds can be taken for one another, whoever counts them.
        return SecureParameters(self.threshold, token_bytes(16), number, length, self.neighbors)

    def _mean(self) -> MaskedMean:
        if self.bound is None or self.max_weight is None or self.max_updates is None:
            msg = "masked updates lie on a grid that all agree on; declare bound, max_weight and max_updates"
            raise UpdateError(msg)
        return MaskedMean(self.bound, self.max_weight, self.max_updates)


def _aggregate(
    plan: MaskedMean | MaskedClip, total: Ints, like: Model, update_records: tuple[UpdateRecord, ...]
) -> RoundResult:
    """Return the result of a round from its unmasked sum."""
    model = plan.released(total, like)
    if isinstance(plan, MaskedMean):
        return RoundResult(model, update_records)
    return PrivateRoundResult(model, update_records, plan.std(sum(record.kept for record in update_records)), plan.clip)


@dataclass(frozen=True, slots=True)
class _Asking:
    """Fields of a stage as Flower's messages, and back."""

    exchange: SecureExchange
    grid: Any
    messages: list[Any]
    plan: MaskedMean | MaskedClip
    weight_key: str
    timeout: float | None
    bfloat16: bool

    def ask(self, stage: Stage, entries: Mapping[int, Fields]) -> Iterator[tuple[int, Fields | Reason]]:
        """Send each node, by its place, its entries; yield answers as they come."""
        LOG.info("\t%s: %d nodes are asked", stage.name.lower(), len(entries))
        began = time.monotonic()
        made = {place: self._message(stage, place, fields) for place, fields in entries.items()}
        sent = [message_id for message_id in self.grid.push_messages(list(made.values())) if message_id]
        place_of = {message.metadata.message_id: place for place, message in made.items()}
        timeout = self.timeout if stage is Stage.MASK else self.exchange.stage_timeout
        for reply in pulled(self.grid, sent, timeout):
            place = place_of.get(reply.metadata.reply_to_message_id)
            if place is not None:
                yield place, _answer_of(reply)
        LOG.debug("\t%s took %.2f s", stage.name.lower(), time.monotonic() - began)

    def _message(self, stage: Stage, place: int, fields: Fields) -> Any:
        asked = self.messages[place]
        entries: dict[str, Any] = {**fields, STAGE: int(stage)}
        # The model goes out where it is trained, and nowhere else.
        content = RecordDict(dict(asked.content) if stage is Stage.MASK else {})
        if stage is Stage.MASK:
            entries |= {**plan_entries(self.plan), WEIGHT_KEY: self.weight_key, BFLOAT16: self.bfloat16}
        content[KEY] = ConfigRecord(entries)
        metadata = asked.metadata
        return Message(content, metadata.dst_node_id, metadata.message_type, group_id=metadata.group_id)


def _answer_of(reply: Any) -> Fields | Reason:
    """Return the fields of a reply, or the reason that it has no fields."""
    if reply.has_error():
        LOG.info("\t%d failed: %r", reply.metadata.src_node_id, reply.error.reason)
        return "node failed"
    record = reply.content.get(KEY)
    if not isinstance(record, ConfigRecord):
        return "unreadable"
    fields: dict[str, Any] = dict(record)
    try:
        for vector in records_of(reply.content, ArrayRecord):
            fields |= arrays_of(vector)
    except UpdateError:
        return "unreadable"
    return fields


def reply_of(fields: Mapping[str, Field], message: Any) -> Any:
    """Return a node's fields as a reply: numbers and bytes in one record, the masked vector in another."""
    plain: dict[str, Any] = {name: value for name, value in fields.items() if not isinstance(value, np.ndarray)}
    arrays = {name: Array(value) for name, value in fields.items() if isinstance(value, np.ndarray)}
    content: dict[str, Any] = {KEY: ConfigRecord(plain)}
    if arrays:
        content[VECTOR] = ArrayRecord(arrays)
    return Message(RecordDict(content), reply_to=message)
