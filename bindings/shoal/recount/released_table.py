"""Reading of a released table: types of its columns, and what its labels say: values, intervals, sets and nodes.

Parsing of the labels of a release: values, intervals, sets, and nodes of a hierarchy.

It needs only the release and its policy, and shares no code with the writer of the labels.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.io.declared_types import typed
from shoal.io.files import format_of, sources
from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.reading import read_path
from shoal_engine.anonymity.criteria.assessment import released_names
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.declarations import ColumnFormat, Declarations
from shoal_engine.errors import ColumnError, HierarchyError

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.roles import QuasiIdentifier

Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]


def open_released(frame: IntoFrame, policy: Policy) -> pl.LazyFrame:
    """Open a released table; labels in a delimited file stay text.

    Raises
    ------
    InputError, ColumnError
        As for `shoal.read_table`.
    """
    if not isinstance(frame, str | Path) or format_of(sources(frame)[0]) != "csv":
        return into_lazy(frame)
    kept = {
        name: as_released(one)
        for name, one in policy.column.items()
        if name in policy.sensitive or name in policy.insensitive
    }
    labels = {*released_names(policy), *policy.identifiers}
    ordered = [name for name in policy.sensitive if name not in kept]
    return read_path(frame, Declarations(columns=kept), as_text=labels, only=ordered).frame


def as_released(declared: ColumnFormat) -> ColumnFormat:
    """Return the declaration of a column after release: ISO 8601 and plain numbers.

    Examples
    --------
    >>> as_released(ColumnFormat(type="date", format="%d.%m.%Y", nulls=["?"])) == ColumnFormat(type="date")
    True
    """
    zone = declared.zone or ("UTC" if "%z" in (declared.format or "") else None)
    return ColumnFormat(type=declared.type, scale=declared.scale, zone=zone)


def format_of_type(kind: pl.DataType) -> ColumnFormat | None:
    """Return the declaration of a type as a release writes it to text, or None if it cannot."""
    match kind:
        case pl.Decimal():
            return ColumnFormat(type="decimal", scale=kind.scale)
        case pl.Date():
            return ColumnFormat(type="date")
        case pl.Datetime():
            plain = ColumnFormat(type="datetime")
            return plain if kind.time_zone is None else msgspec.structs.replace(plain, zone=kind.time_zone)
        case pl.Time():
            return ColumnFormat(type="time")
        case _ if kind.is_integer():
            return ColumnFormat(type="integer")
        case _:
            return ColumnFormat(type="float") if kind.is_float() else None


class Runs(NamedTuple):
    """The values that labels cover, as runs of neighbors; values are placed in an order in which runs are few.

    Attributes
    ----------
    place : (n_values,) int64
        Place of each value.
    label, low, high : (n_runs,) int64
        Places that a label covers; some may be covered twice.
    """

    place: Codes
    label: Codes
    low: Codes
    high: Codes


class Reading(ABC):
    """Parsed labels of one column over a domain of values; null, if any, is the first value."""

    @abstractmethod
    def fits(self, label: int, codes: Codes) -> Flags:
        """Return which of the values, (n,) codes, a label covers."""

    @abstractmethod
    def runs(self) -> Runs:
        """Return the values that all labels cover."""


class Spans(Reading):
    """Labels that cover all values between two ranks; null has rank -1."""

    def __init__(self, rank: Codes, ends: Sequence[tuple[int, int]]) -> None:
        self.rank, self.ends = rank, ends

    def fits(self, label: int, codes: Codes) -> Flags:
        """Return which values lie between the ends."""
        low, high = self.ends[label]
        rank = self.rank[codes]
        return (rank >= low) & (rank <= high)

    def runs(self) -> Runs:
        """Return the places of values by rank, and one run a label."""
        ends = np.array(self.ends, np.int64).reshape(-1, 2)
        ranks, place = np.unique(self.rank, return_inverse=True)
        low = np.searchsorted(ranks, ends[:, 0], side="left")
        high = np.searchsorted(ranks, ends[:, 1], side="right") - 1
        return Runs(place.astype(np.int64), np.arange(len(ends)), low.astype(np.int64), high.astype(np.int64))


class Sets(Reading):
    """Labels that list the values they cover."""

    def __init__(self, members: Sequence[Codes], n_values: int) -> None:
        self.members = members
        self._listed = np.zeros(n_values, np.bool_)

    def fits(self, label: int, codes: Codes) -> Flags:
        """Return which values are listed."""
        # The flags are cleared again, so that a label costs its members and not the domain.
        self._listed[self.members[label]] = True
        found = self._listed[codes]
        self._listed[self.members[label]] = False
        return found

    def runs(self) -> Runs:
        """Return the places of values as they are, and the runs of listed ones."""
        n_values = self._listed.size
        label = np.repeat(np.arange(len(self.members)), [one.size for one in self.members])
        code = np.concatenate([np.empty(0, np.int64), *self.members]).astype(np.int64)
        # Labels lie more than a value apart, so a run ends where the next number is not one more.
        joint = np.unique(label * (n_values + 1) + code)
        first = np.diff(joint, prepend=-2) > 1
        label, low = np.divmod(joint[first], n_values + 1)
        high = joint[np.append(first[1:], [True] * bool(joint.size))] % (n_values + 1)
        return Runs(np.arange(n_values), label, low, high)


class Nodes(Reading):
    """Labels that name nodes of a hierarchy; `names`, (n_levels, n_values), are integer codes of names."""

    def __init__(self, names: Codes, wanted: Sequence[int]) -> None:
        self._names, self._wanted = names, wanted

    def fits(self, label: int, codes: Codes) -> Flags:
        """Return which values lie below a node of the name."""
        return (self._names[:, codes] == self._wanted[label]).any(axis=0)

    def runs(self) -> Runs:
        """Return the places of values as they are, and the runs below nodes of each name."""
        label_of = {name: label for label, name in enumerate(self._wanted) if name >= 0}
        parts: list[tuple[Codes, Codes, Codes]] = []
        for names in self._names:
            low = np.flatnonzero(np.diff(names, prepend=-1))
            label = np.array([label_of.get(name, -1) for name in names[low].tolist()], np.int64)
            high = np.append(low[1:], len(names)) - 1
            parts.append((label[label >= 0], low[label >= 0], high[label >= 0]))
        return Runs(np.arange(self._names.shape[1]), *(np.concatenate(part) for part in zip(*parts, strict=True)))


def read_labels(
    labels: pl.DataFrame, domain: pl.Series, name: str, role: "QuasiIdentifier", policy: "Policy"
) -> Reading:
    """Parse the distinct labels of a quasi-identifier.

    Parameters
    ----------
    labels : pl.DataFrame
        One column of labels, or two of bounds.
    domain : pl.Series
        Distinct values of the population, null first if any, then ascending.
    name, role, policy

    Raises
    ------
    HierarchyError
        The hierarchy does not cover the values.
    """
    from shoal_engine.anonymity.policy.hierarchies import Order, is_line

    has_null, known = domain.null_count() > 0, domain.drop_nulls()
    anything = -1 if role.nulls == "generalize" else 0
    if role.output == "bounds":
        return _bounds(labels, known, name, has_null=has_null, of_null=len(known) if anything < 0 else -1)
    texts = _texts(known)
    found = labels.get_column(name)
    written: list[str | None] = (found if found.dtype == pl.String else pl.Series(_texts(found))).to_list()
    if role.hierarchy is not None and not is_line(role.hierarchy):
        return _nodes(written, known, name, role, policy, has_null=has_null)
    if role.hierarchy is None and (role.kind == "category" or isinstance(known.dtype, pl.String | pl.Boolean)):
        return Sets(_members(written, texts, has_null=has_null, role=role), len(texts) + has_null)
    declared = role.hierarchy.values if isinstance(role.hierarchy, Order) else texts
    place = {text: rank for rank, text in enumerate(declared)}
    if any(text not in place for text in texts):
        msg = f"the order of {name!r} does not list every value of the population; add the missing ones"
        raise HierarchyError(msg)
    rank = np.array([-1] * has_null + [place[text] for text in texts], np.int64)
    return Spans(rank, [_ends(label, place, name, anything) for label in written])


def _texts(known: pl.Series) -> list[str]:
    """Return the texts of single values in a release."""
    from shoal_engine.tables.value_texts import value_texts

    return value_texts(known.to_arrow()).to_pylist()


def _bounds(labels: pl.DataFrame, known: pl.Series, name: str, *, has_null: bool, of_null: int) -> Reading:
    """Parse two bounds; without bounds, a label covers null up to rank `of_null`."""
    lower, upper = (labels.get_column(f"{name}_{end}") for end in ("lower", "upper"))
    lower, upper = (_as_values(end, known.dtype, name) for end in (lower, upper))
    low = known.search_sorted(lower, side="left").to_list()
    high = (known.search_sorted(upper, side="right").cast(pl.Int64) - 1).to_list()
    ends = [(-1, of_null) if lost else (a, b) for lost, a, b in zip(lower.is_null(), low, high, strict=True)]
    return Spans(np.arange(len(known) + has_null) - has_null, ends)


def _as_values(end: pl.Series, kind: pl.DataType, name: str) -> pl.Series:
    """Return bounds with the population's type; bounds from a delimited file are text."""
    declared = format_of_type(kind)
    if end.dtype != pl.String or declared is None:
        return end if end.dtype == kind else end.cast(kind, strict=False)
    values = end.to_frame(name).select(typed(pl.col(name), declared)).to_series()
    if values.null_count() > end.null_count():
        msg = f"a bound of {name!r} is not of type {declared.type} as in the population; give this policy's release"
        raise ColumnError(msg)
    return values.cast(kind)


def _ends(label: str | None, place: Mapping[str, int], name: str, anything: int) -> tuple[int, int]:
    """Return the lowest and highest rank that a label covers; ``*`` begins at rank `anything`."""
    if label is None:
        return -1, -1
    if label in place:
        return place[label], place[label]
    if label == "*":
        return anything, len(place)
    parts = label[1:-1].split(", ")
    for cut in range(1, len(parts)):
        lower, upper = ", ".join(parts[:cut]), ", ".join(parts[cut:])
        if lower in place and upper in place:
            return place[lower], place[upper]
    msg = f"a label of {name!r} is not an interval of values in the population; give the release of this policy"
    raise ColumnError(msg)


def _members(
    written: Sequence[str | None], texts: Sequence[str], *, has_null: bool, role: "QuasiIdentifier"
) -> list[Codes]:
    """Return the values that each set covers, including null if nulls are generalized."""
    mixes = role.nulls == "generalize"
    place = {text: code for code, text in enumerate(texts, has_null)}
    # A text with the separator in it may be several members, too.
    parted = [text for text in texts if ", " in text]
    everything = np.arange(0 if mixes else int(has_null), len(texts) + has_null)
    found: list[Codes] = []
    for label in written:
        if label == "*":
            found.append(everything)
            continue
        listed = [] if label is None else [label]
        if label is not None and label.startswith("{"):
            listed += label[1:-1].split(", ")
            listed += [text for text in parted if f", {text}, " in f", {label[1:-1]}, "]
        codes = {place[text] for text in listed if text in place}
        if has_null and (label is None or (mixes and "null" in listed[1:])):
            codes.add(0)
        found.append(np.array(sorted(codes), np.int64))
    return found


def _nodes(
    written: Sequence[str | None],
    known: pl.Series,
    name: str,
    role: "QuasiIdentifier",
    policy: "Policy",
    *,
    has_null: bool,
) -> Reading:
    """Parse names of nodes; a name covers all nodes that have it."""
    from shoal_engine.anonymity.hierarchies.trees import plant

    assert role.hierarchy is not None
    tree = plant(role.hierarchy, known.to_arrow(), has_null=has_null, column=name, folder=policy.folder)
    number: dict[str | None, int] = {}
    of_node = np.array([number.setdefault(text, len(number)) for text in tree.label.to_pylist()], np.int64)
    names = of_node[tree.ancestor][:, tree.leaf]
    if has_null and role.nulls == "apart":
        names[:, 0] = number[None]
    return Nodes(names, [number.get(label, -1) for label in written])
