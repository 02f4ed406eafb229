"""Rules that look at all updates of a round at once: they hold references until the release, and no copies."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.sums.fixed_point_sums import length, tile_squares
from shoal_engine.federated.updates.model import Layout
from shoal_engine.federated.updates.repeated_updates import fingerprint
from shoal_engine.federated.updates.round import Admission, Aggregate, Line, common_layout
from shoal_engine.federated.updates.tensors import widened
from shoal_engine.federated.updates.update import Update


@dataclass(frozen=True, slots=True)
class Admitted:
    """Updates that count so far, by node, with their lines.

    Attributes
    ----------
    layout : Layout
    updates : tuple of Update
    lines : tuple of Line
        One each.
    refused : tuple of Line
        Of those that do not count.
    """

    layout: Layout
    updates: tuple[Update, ...]
    lines: tuple[Line, ...]
    refused: tuple[Line, ...] = ()

    @property
    def told(self) -> tuple[Line, ...]:
        """Return the lines of all updates, also of those that do not count."""
        return (*self.lines, *self.refused)

    def enough(
        self,
        admission: Admission,
        needed: int | None = None,
        why: str = "",
        look: Callable[[Line, Update], Line] | None = None,
    ) -> None:
        """Raise where too few updates are left; their values are then looked at, so that each has its own reason.

        Parameters
        ----------
        admission : Admission
        needed, why
            As of `Admission.enough`.
        look : callable, optional
            From a line and its update to the line after a look at the values; unless given they must be finite.

        Raises
        ------
        TooFewUpdates
        """
        try:
            admission.enough(self.told, needed, why)
        except TooFewUpdates:
            pairs = zip(self.lines, self.updates, strict=True)
            looked = [(look or looked_at)(line, one) if math.isnan(line.norm) else line for line, one in pairs]
            admission.enough((*looked, *self.refused), needed, why)

    def without(self, outs: dict[int, Line]) -> "Admitted":
        """Return the rest after some, by place, were judged out."""
        stay = [place for place in range(len(self.updates)) if place not in outs]
        return Admitted(
            self.layout,
            tuple(self.updates[place] for place in stay),
            tuple(self.lines[place] for place in stay),
            (*self.refused, *outs.values()),
        )


@dataclass(slots=True)
class Holding(ABC):
    """Observe updates, merge with others, release once: whatever the order, cut or thread count, the same bytes."""

    admission: Admission = field(default_factory=Admission)
    _arrived: list[tuple[Update, Line]] = field(
        default_factory=list[tuple[Update, Line]], init=False, repr=False, compare=False
    )

    def observe(self, update: Update) -> None:
        """Take one update of the round; its memory is kept until the release."""
        self._arrived.append((update, self.admission.line(update)))

    def merge(self, other: "Holding") -> None:
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

    def admitted(self) -> Admitted:
        """Judge everything but the values.

        Raises
        ------
        TooFewUpdates
            None was observed.
        """
        if not self._arrived:
            self.admission.enough(())
        like = self.admission.like
        by_node: dict[str, list[tuple[Update, Line]]] = {}
        for update, line in self._arrived:
            by_node.setdefault(update.node, []).append((update, line))
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
        kept: list[tuple[Update, Line]] = []
        refused: list[Line] = []
        for node in sorted(by_node):
            # Of a node that sent different ones none can be preferred without looking at the order of arrival.
            several = sorted(by_node[node], key=lambda one: one[1].seconds)
            judged = [
                line.out("duplicate") if place or node in differing else self.admission.judged(update, line, layout)
                for place, (update, line) in enumerate(several)
            ]
            kept += [(update, line) for (update, _), line in zip(several, judged, strict=True) if line.kept]
            refused += [line for line in judged if not line.kept]
        return Admitted(layout, tuple(one for one, _ in kept), tuple(line for _, line in kept), tuple(refused))

    @abstractmethod
    def release(self) -> Aggregate:
        """Return the round's model and what is told of each update.

        Raises
        ------
        TooFewUpdates
            Fewer updates are good than the rule needs.
        """


def looked_at(line: Line, update: Update) -> Line:
    """Return the line of an update with the length of what was sent; out where that is not finite."""
    tensors = zip(update.model.payloads(), update.model.layout, strict=True)
    return measured(line, np.concatenate([tile_squares(widened(values, one.dtype)) for values, one in tensors]))


def measured(line: Line, squares: npt.NDArray[np.float64]) -> Line:
    """Return the line with the length of what was sent, from sums of squares; out where that is not finite."""
    norm = length(squares)
    return replace(line, norm=norm) if math.isfinite(norm) else line.out("not finite or too large")
