"""Rules that look at all updates of a round at once: they hold references until the release, and no copies."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.sums.fixed_point_sums import norm_of, tile_squares
from shoal_engine.federated.updates.model import Layout
from shoal_engine.federated.updates.repeated_updates import fingerprint
from shoal_engine.federated.updates.round import RoundResult, UpdateChecks, UpdateRecord, common_layout
from shoal_engine.federated.updates.tensors import widened
from shoal_engine.federated.updates.update import Update


@dataclass(frozen=True, slots=True)
class AcceptedUpdates:
    """Updates that count so far, by node, with their records.

    Attributes
    ----------
    layout : Layout
    updates : tuple of Update
    records : tuple of UpdateRecord
        One each.
    rejected : tuple of UpdateRecord
        Of those that do not count.
    """

    layout: Layout
    updates: tuple[Update, ...]
    records: tuple[UpdateRecord, ...]
    rejected: tuple[UpdateRecord, ...] = ()

    @property
    def reported(self) -> tuple[UpdateRecord, ...]:
        """Return the records of all updates, also of those that do not count."""
        return (*self.records, *self.rejected)

    def require_enough(
        self,
        checks: UpdateChecks,
        needed: int | None = None,
        why: str = "",
        look: Callable[[UpdateRecord, Update], UpdateRecord] | None = None,
    ) -> None:
        """Raise where too few updates are left; their values are then looked at, so that each has its own reason.

        Parameters
        ----------
        checks : UpdateChecks
        needed, why
            As of `UpdateChecks.require_enough`.
        look : callable, optional
            From a record and its update to the record after a look at the values; default: they must be finite.

        Raises
        ------
        TooFewUpdates
        """
        try:
            checks.require_enough(self.reported, needed, why)
        except TooFewUpdates:
            pairs = zip(self.records, self.updates, strict=True)
            looked = [
                (look or measure_norm)(record, one) if math.isnan(record.norm) else record for record, one in pairs
            ]
            checks.require_enough((*looked, *self.rejected), needed, why)

    def without(self, outs: dict[int, UpdateRecord]) -> "AcceptedUpdates":
        """Return the rest after some, by place, were checked out."""
        stay = [place for place in range(len(self.updates)) if place not in outs]
        return AcceptedUpdates(
            self.layout,
            tuple(self.updates[place] for place in stay),
            tuple(self.records[place] for place in stay),
            (*self.rejected, *outs.values()),
        )


@dataclass(slots=True)
class BufferedAggregator(ABC):
    """Observe updates, merge with others, release once: whatever the order, cut or thread count, the same bytes."""

    checks: UpdateChecks = field(default_factory=UpdateChecks)
    _arrived: list[tuple[Update, UpdateRecord]] = field(
        default_factory=list[tuple[Update, UpdateRecord]], init=False, repr=False, compare=False
    )

    def observe(self, update: Update) -> None:
        """Take one update of the round; its memory is kept until the release."""
        self._arrived.append((update, self.checks.record(update)))

    def merge(self, other: "BufferedAggregator") -> None:
        """Take what another aggregator of the same rule has observed.

        Raises
        ------
        UpdateError
            The other follows another rule.
        """
        if self is other:
            msg = "an aggregator was to be merged with itself; merge others, which mostly have no node in common"
            raise UpdateError(msg)
        if self != other:
            msg = "aggregators of different rules cannot be merged; give both the same parameters"
            raise UpdateError(msg)
        self._arrived.extend(other._arrived)

    def accepted(self) -> AcceptedUpdates:
        """Check an update's header, layout and weight; values are checked later.

        Raises
        ------
        TooFewUpdates
            None was observed.
        """
        if not self._arrived:
            self.checks.require_enough(())
        like = self.checks.like
        by_node: dict[str, list[tuple[Update, UpdateRecord]]] = {}
        for update, record in self._arrived:
            by_node.setdefault(update.node, []).append((update, record))
        differing = {
            node
            for node, several in by_node.items()
            if len(several) > 1 and len({fingerprint(update) for update, _ in several}) > 1
        }
        if like is None:
            # A node that sends many must not have as many votes.
            single = [several[0][0] for node, several in by_node.items() if node not in differing]
            layout = common_layout(single or (update for update, _ in self._arrived))
        else:
            layout = like.layout
        kept: list[tuple[Update, UpdateRecord]] = []
        rejected: list[UpdateRecord] = []
        for node in sorted(by_node):
            # Of a node that sent different ones none can be preferred without looking at the order of arrival.
            several = sorted(by_node[node], key=lambda one: one[1].seconds)
            checked = [
                record.reject("duplicate") if place or node in differing else self.checks.check(update, record, layout)
                for place, (update, record) in enumerate(several)
            ]
            kept += [(update, record) for (update, _), record in zip(several, checked, strict=True) if record.kept]
            rejected += [record for record in checked if not record.kept]
        return AcceptedUpdates(
            layout, tuple(one for one, _ in kept), tuple(record for _, record in kept), tuple(rejected)
        )

    @abstractmethod
    def release(self) -> RoundResult:
        """Return the round's model and a record of each update.

        Raises
        ------
        TooFewUpdates
            Fewer updates are good than the rule needs.
        """


def measure_norm(record: UpdateRecord, update: Update) -> UpdateRecord:
    """Return the record of an update with its norm, rejected if that is not finite."""
    tensors = zip(update.model.payloads(), update.model.layout, strict=True)
    return with_norm(record, np.concatenate([tile_squares(widened(values, one.dtype)) for values, one in tensors]))


def with_norm(record: UpdateRecord, squares: npt.NDArray[np.float64]) -> UpdateRecord:
    """Return the record with the norm, from sums of squares; rejected if that is not finite."""
    norm = norm_of(squares)
    return replace(record, norm=norm) if math.isfinite(norm) else record.reject("not finite or too large")
