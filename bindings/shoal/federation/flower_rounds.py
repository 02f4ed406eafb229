"""Rounds of Flower under way: replies pulled one at a time, and turned into updates over their bytes.

Records and messages are taken as they come, so nothing here imports Flower.
"""

import logging
import math
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from shoal.federation.rules import Aggregator, Privacy, Rule
from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.npy import array_of_npy
from shoal_engine.federated.updates.round import Reason, RoundResult, UpdateChecks, UpdateRecord
from shoal_engine.federated.updates.update import Update

LOG: Final = logging.getLogger("flwr")
NUMPY: Final = "numpy.ndarray"
"""What Flower calls arrays in NumPy's format."""
_BFLOAT16: Final = np.dtype(np.uint16)
"""As what bfloat16 is kept."""
_COUNTER_BYTES: Final = 4
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0
"""Seconds between looks for replies: longer the longer none came."""


def pulled(grid: Any, message_ids: Iterable[str], timeout: float | None) -> Iterator[Any]:
    """Yield replies as they come, never holding more than one.

    Parameters
    ----------
    grid : Grid
    message_ids : iterable of str
        Ids of the messages that were pushed.
    timeout : float, optional
        Seconds after which those that are missing are left out; those that are there by then are not.
    """
    waiting = deque(message_ids)
    ends = float("inf") if timeout is None else time.monotonic() + timeout
    pause = _SHORTEST_PAUSE
    while waiting:
        came = False
        # One at a time: asked for several, a grid loads all of them before it returns.
        for _ in range(len(waiting)):
            message_id = waiting.popleft()
            found = list(grid.pull_messages([message_id]))
            if not found:
                waiting.append(message_id)
            while found:
                came = True
                yield found.pop()
        # Only between looks at all of them: a reply that is there counts, however long those before it took.
        if time.monotonic() >= ends:
            return
        if waiting:
            pause = _SHORTEST_PAUSE if came else min(2 * pause, _LONGEST_PAUSE)
            time.sleep(min(pause, max(0.0, ends - time.monotonic())))


@dataclass(slots=True)
class Sent:
    """The model that a round sends out.

    Attributes
    ----------
    arrays : ArrayRecord
    model : Model
        Model of the tensors that are averaged.
    bits : dict of str to dtype
        How those of bfloat16 were sent: as NumPy has no such numbers, by their bits.
    counters : dict of str to dtype
        Single integers, such as the batches that a normalization has seen.
    others : dict of str to dtype
        The tensors that go on as they were sent out.
    """

    arrays: Any
    model: Model
    bits: dict[str, Any] = field(default_factory=dict[str, Any])
    counters: dict[str, Any] = field(default_factory=dict[str, Any])
    others: dict[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, arrays: Any, *, bfloat16: bool = False) -> "Sent":
        """Split a record into the averaged tensors and the rest.

        Parameters
        ----------
        arrays : ArrayRecord
        bfloat16 : bool
            Whether integers of 16 bits are the bits of bfloat16 numbers; where the record says so they are anyway.
        """
        read, floats = arrays_of(arrays), dict[str, Any]()
        bits, counters, others = dict[str, Any](), dict[str, Any](), dict[str, Any]()
        for name, array in read.items():
            is_named = str(arrays[name].dtype) == "bfloat16" and array.dtype.itemsize == _BFLOAT16.itemsize
            if array.dtype.kind == "f":
                floats[name] = array
            elif is_named or (bfloat16 and array.dtype.kind in "iu" and array.dtype.itemsize == _BFLOAT16.itemsize):
                bits[name], floats[name] = array.dtype, array.view(_BFLOAT16)
            elif array.dtype.kind in "iu" and not array.shape and array.dtype.itemsize >= _COUNTER_BYTES:
                counters[name] = array.dtype
            else:
                others[name] = array.dtype
        return cls(arrays, Model.of_arrays(floats, bfloat16=True), bits, counters, others)

    def model_of(self, arrays: dict[str, Any]) -> Model:
        """Return a node's tensors as a model, in the order of the record that was sent out.

        Raises
        ------
        UpdateError
        """
        stay = self.others.keys() | self.counters.keys()
        arrays = {name: array for name, array in arrays.items() if name not in stay}
        for name, dtype in self.bits.items():
            if name in arrays and arrays[name].dtype == dtype:
                arrays[name] = arrays[name].view(_BFLOAT16)
        names = [tensor.name for tensor in self.model.layout]
        # Records are mappings: a node may fill one in any order.
        arrays = {name: arrays[name] for name in names} if arrays.keys() == set(names) else arrays
        return Model.of_arrays(arrays, bfloat16=bool(self.bits))

    def counted(self, arrays: dict[str, Any]) -> dict[str, int]:
        """Return a node's counters, those that it sent as such."""
        found = {name: arrays.get(name) for name in self.counters}
        return {
            name: int(array)
            for name, array in found.items()
            if array is not None and not array.shape and array.dtype == self.counters[name]
        }


@dataclass(slots=True)
class Round:
    """A round under way."""

    number: int
    checks: UpdateChecks
    aggregator: Aggregator
    sent: Sent | None
    asked: set[int] = field(default_factory=set[int])
    node_of: dict[str, int] = field(default_factory=dict[str, int])
    observed: list[UpdateRecord] = field(default_factory=list[UpdateRecord])
    rejected: list[UpdateRecord] = field(default_factory=list[UpdateRecord])
    metrics: dict[str, Any] = field(default_factory=dict[str, Any])
    counters: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])

    def observe(self, reply: Any, records: list[Any], metrics: list[Any], weight_key: str) -> None:
        """Observe a reply, with its records of arrays and of metrics; one that is no update is rejected."""
        metadata = reply.metadata
        number = self.node_of.get(metadata.reply_to_message_id, metadata.src_node_id)
        self.asked.discard(number)
        node = str(number)
        if reply.has_error():
            LOG.info("\t%s failed: %r", node, reply.error.reason)
            self._reject(node, "node failed")
            return
        weight = weight_of(metrics[0].get(weight_key)) if len(metrics) == 1 else float("nan")
        # As the node says; that of another round makes the reply stale.
        group = int(metadata.group_id) if re.fullmatch("[0-9]{1,18}", metadata.group_id) else None
        try:
            model, counters = model_of(records, self.sent)
        except UpdateError as error:
            LOG.info("\t%s: %s", node, error)
            self._reject(node, "unreadable", weight)
            return
        update = Update(model, node, weight, group)
        self.observed.append(self.checks.record(update))
        self.aggregator.observe(update)
        self.counters[node] = counters
        if len(metrics) == 1:
            self.metrics[node] = metrics[0]

    def note_silent(self) -> None:
        """Refuse the nodes that did not answer."""
        for number in sorted(self.asked):
            self._reject(str(number), "no answer")
        self.asked.clear()

    def _reject(self, node: str, reason: Reason, weight: float = float("nan")) -> None:
        seconds = time.monotonic() - self.checks.opened
        self.rejected.append(UpdateRecord(node, weight, seconds=seconds).reject(reason))


class Exchange(Protocol):
    """Trains one round in place of the plain exchange of messages, as `flower_secure.SecureExchange` does."""

    def check(self, rule: Rule, privacy: Privacy | None) -> None:
        """Refuse a rule, or a kind of privacy, that it cannot follow."""
        ...

    def check_asked(self, n: int) -> None:
        """Raise if `n` nodes cannot be asked, before a round begins."""
        ...

    def train(
        self, grid: Any, messages: list[Any], opened: Round, *, weight_key: str, timeout: float | None
    ) -> RoundResult:
        """Return the result of the round.

        Raises
        ------
        SecureAggregationError
            The round failed. The round's `rejected` has a record of each node.
        """
        ...


def records_of(content: Any, kind: type[Any]) -> list[Any]:
    """Return the records of a kind.

    Not by Flower's properties for it: those make reference cycles, and arrays then stay until garbage is collected.
    """
    return [record for record in content.values() if isinstance(record, kind)]


def model_of(records: list[Any], sent: Sent | None) -> tuple[Model, dict[str, int]]:
    """Return the model that a node's records of arrays hold, over their bytes, and its counters.

    Raises
    ------
    UpdateError
        There is not one record, or it holds no tensors.
    """
    if len(records) != 1:
        msg = f"a reply holds one record of arrays; got {len(records)}"
        raise UpdateError(msg)
    try:
        arrays = arrays_of(records[0])
        return (Model.of_arrays(arrays), {}) if sent is None else (sent.model_of(arrays), sent.counted(arrays))
    except UpdateError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        # Arrow and NumPy refuse some shapes and names of their own; one node must not end the training.
        msg = f"a reply's arrays are no tensors ({type(error).__name__}); send those of the model"
        raise UpdateError(msg) from None


def arrays_of(record: Any) -> dict[str, Any]:
    """Return the arrays of a record, over its bytes."""
    found: dict[str, Any] = {}
    for name, array in record.items():
        if array.stype != NUMPY:
            msg = f"tensor {name!r} is serialized as {array.stype!r}; send arrays of NumPy ({NUMPY!r})"
            raise UpdateError(msg)
        found[name] = array_of_npy(array.data, name)
    return found


def weight_of(claimed: Any) -> float:
    """Return the weight that a node claims as a float; NaN if it is not a number."""
    if not isinstance(claimed, int | float):
        return math.nan
    try:
        return float(claimed)
    except OverflowError:
        return math.copysign(math.inf, claimed)
