"""A round: which updates are accepted, why others are not, and a record of each."""

import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

import pyarrow as pa

from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.updates.model import Layout, Model
from shoal_engine.federated.updates.update import Update

Reason: TypeAlias = Literal[
    "another layout",
    "bad weight",
    "bad steps",
    "duplicate",
    "stale round",
    "not finite or too large",
    "beyond the bound",
    "below the grid",
    "norm too large",
    "left out by the rule",
    "node failed",
    "unreadable",
    "no answer",
    "too few updates",
    "not drawn",
    "too few partners",
    "wrong shares",
    "round failed",
]

LEAST_WEIGHT, LARGEST_WEIGHT = 2.0**-40, 2.0**40
"""Weights beyond these are no numbers of examples; a round may declare less than the largest."""


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """Record of one update.

    Attributes
    ----------
    node : str
    weight : float
        As claimed.
    norm : float
        Euclidean norm of the update, or of the change from the round's model if the rule uses changes; NaN if not
        measured.
    clipped : bool
        Whether it was shortened.
    distance : float
        Score that the rule selects by; NaN if it selects nobody.
    kept : bool
    reason : str or None
        Why it was not kept; of one that was, that its node gave "wrong shares" of others' masks.
    n_bytes : int
        Of its payload.
    seconds : float
        From the opening of the round to its arrival.
    """

    node: str
    weight: float
    norm: float = math.nan
    clipped: bool = False
    distance: float = math.nan
    kept: bool = True
    reason: Reason | None = None
    n_bytes: int = 0
    seconds: float = 0.0

    def reject(self, reason: Reason) -> "UpdateRecord":
        """Return the record of a rejected update."""
        return replace(self, kept=False, reason=reason)


SCHEMA: Final = pa.schema(
    [
        ("node", pa.string()),
        ("weight", pa.float64()),
        ("norm", pa.float64()),
        ("clipped", pa.bool_()),
        ("distance", pa.float64()),
        ("kept", pa.bool_()),
        ("reason", pa.string()),
        ("bytes", pa.int64()),
        ("seconds", pa.float64()),
    ]
)


def as_table(records: Iterable[UpdateRecord]) -> pa.Table:
    """Return records as an Arrow table of `SCHEMA`, by node."""
    rows = sorted(records, key=lambda record: record.node)
    columns = [[row.n_bytes if name == "bytes" else getattr(row, name) for row in rows] for name in SCHEMA.names]
    return pa.table([pa.array(values, kind) for values, kind in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA)


@dataclass(frozen=True, slots=True, eq=False)
class RoundResult:
    """Result of a round.

    Attributes
    ----------
    model : Model
    records : tuple of UpdateRecord
        One for each update that was observed, by node.
    """

    model: Model
    records: tuple[UpdateRecord, ...] = field(repr=False)

    @property
    def report(self) -> pa.Table:
        """Return one row an update: node, weight, norm, clipped, distance, kept, reason, bytes, seconds."""
        return as_table(self.records)


@dataclass(frozen=True, slots=True)
class UpdateChecks:
    """Checks that an update must pass to be accepted.

    Attributes
    ----------
    like : Model or None
        Expected layout; defaults to the most common layout among the updates. Not compared: aggregators of one round
        may each hold a copy of it.
    round : int or None
        Updates that say they are for another one are stale.
    max_weight : float
        Claims above it do not count.
    min_updates : int
        Fewer good ones are an error.
    once : bool
        Whether the caller vouches that no node is heard twice, as where each is asked once. Folded updates are then not
        kept aside to be taken back. Unless it does, a repeat counts once, and of a node that sent different updates
        none counts, in any order.
    """

    like: Model | None = field(default=None, compare=False)
    round: int | None = None
    max_weight: float = LARGEST_WEIGHT
    min_updates: int = 1
    once: bool = False
    opened: float = field(default_factory=time.monotonic, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not LEAST_WEIGHT <= self.max_weight <= LARGEST_WEIGHT or self.min_updates < 1:
            msg = f"a round needs min_updates of at least 1 and max_weight above 0 and at most {LARGEST_WEIGHT:.0f}"
            raise UpdateError(msg)

    def record(self, update: Update) -> UpdateRecord:
        """Return the record of an update that has just arrived."""
        seconds = time.monotonic() - self.opened
        return UpdateRecord(update.node, float(update.weight), n_bytes=update.model.n_bytes, seconds=seconds)

    def check(self, update: Update, record: UpdateRecord, layout: Layout) -> UpdateRecord:
        """Return the record after a check of everything but the values."""
        if update.model.layout != layout:
            return record.reject("another layout")
        if not LEAST_WEIGHT <= record.weight <= self.max_weight:
            return record.reject("bad weight")
        if self.round is not None and update.round is not None and update.round != self.round:
            return record.reject("stale round")
        return record

    def require_enough(self, records: Iterable[UpdateRecord], needed: int | None = None, why: str = "") -> None:
        """Raise `TooFewUpdates` if too few updates are good.

        Parameters
        ----------
        records : iterable of UpdateRecord
            Of every update that was observed: those that are kept so far are good.
        needed : int, optional
            By the rule; `min_updates` are needed in any case.
        why : str
            Reason for `needed`, for the message.

        Raises
        ------
        TooFewUpdates
            Its records have the reason of each update.
        """
        ordered = sorted(records, key=lambda record: record.node)
        least, n = max(self.min_updates, needed or 1), sum(record.kept for record in ordered)
        if n < least:
            msg = f"{least} good updates are needed{why}, and there are {n}; wait for more, or see the report's reasons"
            raise TooFewUpdates(
                msg, records=tuple(record.reject("too few updates") if record.kept else record for record in ordered)
            )


def common_layout(updates: Iterable[Update]) -> Layout:
    """Return the layout that most updates share; among equals the first by name, so that order decides nothing."""
    counted = Counter(update.model.layout for update in updates)
    most = max(counted.values())
    return min((layout for layout, n in counted.items() if n == most), key=repr)
