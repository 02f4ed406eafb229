"""Rules that look at all updates of a round at once: they hold references until the release, and no copies."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import UpdateError
from shoal_engine.federated.fixed_point_sums import length
from shoal_engine.federated.models import Layout
from shoal_engine.federated.rounds import Admission, Aggregate, Line, common_layout
from shoal_engine.federated.updates import Update


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
        self.admission.enough(len(self._arrived))
        like = self.admission.like
        by_node: dict[str, list[tuple[Update, Line]]] = {}
        for update, line in self._arrived:
            by_node.setdefault(update.node, []).append((update, line))
        if like is None:
            # A node that sends many must not have as many votes.
            single = [several[0][0] for several in by_node.values() if len(several) == 1]
            layout = common_layout(single or (update for update, _ in self._arrived))
        else:
            layout = like.layout
        kept: list[tuple[Update, Line]] = []
        refused: list[Line] = []
        for node in sorted(by_node):
            # Of a node that sent several none can be preferred without looking at the order of arrival.
            several = by_node[node]
            judged = [
                line.out("duplicate") if len(several) > 1 else self.admission.judged(update, line, layout)
                for update, line in several
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


def measured(line: Line, squares: npt.NDArray[np.float64]) -> Line:
    """Return the line with the length of what was sent, from sums of squares; out where that is not finite."""
    norm = length(squares)
    return replace(line, norm=norm) if math.isfinite(norm) else line.out("not finite or too large")
