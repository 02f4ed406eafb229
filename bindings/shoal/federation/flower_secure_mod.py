# pyright: reportMissingImports=false
"""Flower: a mod of a node's app, so that its updates leave it under masks only.

::

    from shoal.federation.flower_secure_mod import secure_mod

    app = ClientApp(mods=[secure_mod])

The app trains as ever, and its result is clipped or checked, put on the grid, masked and sent. Nothing else is,
metrics and errors' words neither: they would disclose something about one node. Where no vector is sent, one of a few
reasons is.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Final

from shoal.federation.flower_rounds import LOG, Sent, model_of, records_of, weight_of
from shoal.federation.flower_secure import BFLOAT16, KEY, STAGE, WEIGHT_KEY, reply_of
from shoal_engine.errors import SecureAggregationError, UpdateError
from shoal_engine.federated.secure.driving import REFUSED, answered
from shoal_engine.federated.secure.flat_messages import integer
from shoal_engine.federated.secure.messages import Stage
from shoal_engine.federated.secure.vectors import Ints, read_plan
from shoal_engine.federated.updates.round import Reason
from shoal_engine.federated.updates.update import Update

try:
    # What Flower's own dependencies are warned of is not for whoever uses shoal to mend.
    with warnings.catch_warnings(action="ignore"):
        from flwr.app import ArrayRecord, ConfigRecord, MetricRecord
except ModuleNotFoundError as error:
    message = (
        "shoal.federation.flower_secure_mod needs Flower 1.41 or later; install it with: pip install 'shoal[flower]'"
    )
    raise ModuleNotFoundError(message, name=error.name) from error


@dataclass(frozen=True, slots=True)
class SecureMod:
    """A mod that trains under masks only: a request for a plain update is rejected.

    Messages that do not ask for training are passed on untouched, and so are the app's answers.

    Parameters
    ----------
    min_threshold : int
        A round that could show the sum of fewer nodes is rejected.
    """

    min_threshold: int = 2

    def __call__(self, message: Any, context: Any, call_next: Any) -> Any:
        """Answer one message of a round; the secrets of the round are in ``context.state`` between messages."""
        if message.metadata.message_type.split(".")[0] != "train":
            return call_next(message, context)
        record = message.content.get(KEY)
        if not isinstance(record, ConfigRecord):
            msg = "a plain update was asked for, and this node sends masked ones only; give the strategy `secure`"
            raise SecureAggregationError(msg)
        # Taken out before anything else: whatever happens, no step is taken twice.
        kept = context.state.pop(KEY, None)
        entries: dict[str, Any] = dict(record)
        try:
            stage = _stage(entries)
            if stage is Stage.ADVERTISE and integer("threshold", entries) < self.min_threshold:
                msg = f"the round's threshold is below {self.min_threshold}, the least that this node takes part with"
                raise SecureAggregationError(msg)
            fields, keep = answered(stage, entries, kept, lambda: _vector(message, context, call_next, entries))
        except SecureAggregationError as error:
            LOG.warning("secure aggregation: %s", error)
            fields, keep = {REFUSED: "node failed"}, None
        if keep is not None:
            context.state[KEY] = ConfigRecord(dict[str, Any](keep))
        return reply_of(fields, message)


secure_mod: Final = SecureMod()
"""For ``ClientApp(mods=[secure_mod])``."""


def _stage(entries: dict[str, Any]) -> Stage:
    number = integer(STAGE, entries)
    if number > Stage.FINISHED:
        msg = f"{number} is no stage of secure aggregation; use one version everywhere"
        raise SecureAggregationError(msg)
    return Stage(number)


def _vector(message: Any, context: Any, call_next: Any, entries: dict[str, Any]) -> Ints | Reason:
    """Let the app train, and return the vector of its update, or the reason that there is no vector."""
    # The app gets what it would get without masks.
    del message.content[KEY]
    try:
        plan = read_plan(entries)
        (arrays,) = records_of(message.content, ArrayRecord) or (None,)
        sent = Sent.of(arrays, bfloat16=entries.get(BFLOAT16) is True)
    except (UpdateError, ValueError, AttributeError) as error:
        LOG.warning("secure aggregation: %s", error)
        return "unreadable"
    try:
        reply = call_next(message, context)
    except Exception:
        # Flower would send the server the error's own message, and they may quote a row.
        LOG.exception("secure aggregation: the app failed")
        return "node failed"
    if reply.has_error():
        LOG.warning("secure aggregation: the app failed: %r", reply.error.reason)
        return "node failed"
    metrics = records_of(reply.content, MetricRecord)
    weight = weight_of(metrics[0].get(str(entries.get(WEIGHT_KEY)))) if len(metrics) == 1 else float("nan")
    try:
        model, _ = model_of(records_of(reply.content, ArrayRecord), sent)
        return plan.vector(Update(model, "", weight), sent.model)
    except UpdateError as error:
        LOG.warning("secure aggregation: %s", error)
        return "unreadable"
