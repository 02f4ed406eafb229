"""What a policy says of a hierarchy: how values generalize, before any data is seen.

All values are frozen. `msgspec` checks their types and ranges when they are read from TOML, and again when a
`Policy` is built from them in Python; what spans several fields is checked by each class itself.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from shoal_engine.anonymity.policy.intervals import Dates, Fanout, Intervals, check_labels
from shoal_engine.errors import PolicyError
from shoal_engine.policy_values import MOST, PolicyValue

MAX_LENGTH = 1000
"""Places of a redaction, each of which may be a level of its own; the longest text of the data may have more."""
MAX_ALPHABET = 0x110000
"""Characters of Unicode."""

Character: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1)]
Keep: TypeAlias = Sequence[Annotated[int, Meta(ge=1, le=MOST)]]


class Order(PolicyValue, frozen=True, tag_field="kind", tag="order"):
    """Leaves on a line, in the declared order; with `fanout`, neighbors on it make nodes.

    Attributes
    ----------
    values : sequence of str
        Every value that may occur, as text, lowest first; with `fanout` it may be left out for the natural
        order of the values that occur: numbers by value, text by code point.
    fanout : sequence of int
        One number a level: how many neighbors of the level before make a node, counted from the lowest.
        Without it there are no nodes, and values lie at equal distances on a line.
    labels : sequence of sequences of str
        Names of the nodes, one sequence a level of `fanout`; ``[low, high]`` unless given.
    """

    values: Sequence[str] = ()
    fanout: Sequence[Fanout] = ()
    labels: Sequence[Sequence[str]] = ()

    def _check(self) -> None:
        """Check that no value is listed twice, and that there is a line or nodes."""
        if not self.values and not self.fanout:
            msg = "an order needs `values`, lowest first, or a `fanout` over the natural order"
            raise PolicyError(msg)
        if len(set(self.values)) != len(self.values):
            msg = "`values` of an order lists a value twice"
            raise PolicyError(msg)
        check_labels(self.labels, len(self.fanout))


class Redaction(PolicyValue, frozen=True, tag_field="kind", tag="redaction"):
    """Texts that lose one character after the other from one side: 12345, 1234*, 123**, ...

    Attributes
    ----------
    mask : str
        The one character that stands for a lost one.
    redact : str
        The side that characters are lost from: right or left.
    align : str, optional
        The side on which texts of unequal length are flush. Default: the side that is kept.
    pad : str, optional
        The one character that fills texts up to the longest before any is lost. Without it, a text stays
        whole as long as only places beyond its end are lost.
    keep : sequence of int
        How many places to keep at each level, descending; empty for every number there is.
    length : int, optional
        Places of the longest text that may occur; the longest of the data unless given.
    alphabet : int, optional
        How many characters may occur at a place: the hierarchy then has ``alphabet ** length`` leaves, and
        ``alphabet ** n`` of them under a node with n places lost. Without it, the values that occur count.
    """

    mask: Character = "*"
    redact: Literal["right", "left"] = "right"
    align: Literal["left", "right"] | None = None
    pad: Character | None = None
    keep: Keep = ()
    length: Annotated[int, Meta(ge=1, le=MAX_LENGTH)] | None = None
    alphabet: Annotated[int, Meta(ge=2, le=MAX_ALPHABET)] | None = None

    def _check(self) -> None:
        """Check that every level keeps fewer characters than the one before."""
        _check_keep(self.keep)
        if self.length is not None and self.keep and self.keep[0] >= self.length:
            msg = "`keep` must be below `length`: a level that keeps everything is that of the leaves"
            raise PolicyError(msg)


class Prefix(PolicyValue, frozen=True, tag_field="kind", tag="prefix"):
    """Texts that lose one character after the other from the end: 12345, 1234*, 123**, ...

    The common case of `Redaction`.

    Attributes
    ----------
    mask : str
        The one character that stands for a lost one.
    keep : sequence of int
        How many characters to keep at each level, descending; empty for every length there is.
    """

    mask: Character = "*"
    keep: Keep = ()

    def _check(self) -> None:
        """Check that every level keeps fewer characters than the one before."""
        _check_keep(self.keep)


class NamedTree(PolicyValue, frozen=True, tag_field="kind", tag="tree"):
    """A tree with named nodes, from a file or written out.

    Attributes
    ----------
    file : str
        ``leaf;level 1;...;*`` a line, as ARX writes it, UTF-8; relative to the policy's folder.
    nodes : mapping
        Name of a node to a table of its children, or to the list of its leaves. One top entry is the root;
        several are below a root named ``*``.
    """

    file: str | None = None
    nodes: Mapping[str, Any] | None = None

    def _check(self) -> None:
        """Check that the tree comes from exactly one place."""
        if bool(self.file) == bool(self.nodes):
            msg = "a tree needs either `file` or `nodes`"
            raise PolicyError(msg)


class Priority(PolicyValue, frozen=True, tag_field="kind", tag="priority"):
    """Values give way to one node step by step, those of the lowest priority first.

    Attributes
    ----------
    values : sequence of str
        Every value that may occur, as text, highest priority first. Without it, frequent values come before
        rare ones, and lower ones before higher ones of the same frequency.
    levels : int
        Steps from the leaves to the root; each takes the same number of values, as nearly as can be.
    other : str
        Name of the node, followed by its level: ``other 1``.
    """

    values: Sequence[str] = ()
    levels: Annotated[int, Meta(ge=2, le=MOST)] = 10
    other: Annotated[str, Meta(min_length=1)] = "other"

    def _check(self) -> None:
        """Check that no value is listed twice."""
        if len(set(self.values)) != len(self.values):
            msg = "`values` of priorities lists a value twice"
            raise PolicyError(msg)


class Auto(PolicyValue, frozen=True, tag_field="kind", tag="auto"):
    """A hierarchy grown from the rows: numbers and dates become intervals, other values sets.

    The level d steps below the root has at most ``fanout ** d`` nodes.

    Attributes
    ----------
    balance : str
        frequency: from the root down, nodes are split into parts of as many rows each, as nearly as can be;
        entropy: from the leaves up, those two nodes are merged that lose the least entropy.
    fanout : int
        How much coarser each level is than the one before.
    levels : int, optional
        Levels between leaves and root, from the root down; as many as there can be unless given.
    ordered : bool, optional
        Only neighbors share a node. Numbers and dates are ordered, other values are not, unless given.
    """

    balance: Literal["frequency", "entropy"] = "frequency"
    fanout: Fanout = 2
    levels: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    ordered: bool | None = None


Hierarchy: TypeAlias = Intervals | Order | Redaction | Prefix | Dates | NamedTree | Priority | Auto


def is_line(hierarchy: Hierarchy | None) -> bool:
    """Return whether values lie on a line without nodes."""
    return isinstance(hierarchy, Order) and not hierarchy.fanout


def counts_rows(hierarchy: Hierarchy | None) -> bool:
    """Return whether the nodes depend on how many rows hold each value."""
    return isinstance(hierarchy, Auto) or (isinstance(hierarchy, Priority) and not hierarchy.values)


def is_grown(hierarchy: Hierarchy | None) -> bool:
    """Return whether other values in the data would make other nodes of the same values."""
    return counts_rows(hierarchy) or (isinstance(hierarchy, Order) and not hierarchy.values)


def _check_keep(keep: Keep) -> None:
    if any(a <= b for a, b in pairwise(keep)):
        msg = "`keep` must descend, for example keep = [4, 3, 2]"
        raise PolicyError(msg)
