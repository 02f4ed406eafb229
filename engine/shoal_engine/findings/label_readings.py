"""What the labels of a released quasi-identifier allow, read from their texts alone: ranges of values, or sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.hierarchies.labels import EVERYTHING
from shoal_engine.anonymity.policy.hierarchies import Dates
from shoal_engine.anonymity.policy.roles import QuasiIdentifier

Ints = npt.NDArray[np.int64]
_LAST = "\uffff"


@dataclass(frozen=True, slots=True)
class Ranges:
    """Labels as ranges of ranks.

    Attributes
    ----------
    low, high : (n_labels,) int64
        Ends of each label; low is -1 where a label allows anything, or is null.
    is_several : (n_labels,) bool
        The label stands for more than one value.
    """

    low: Ints
    high: Ints
    is_several: npt.NDArray[np.bool_]

    @property
    def is_read(self) -> npt.NDArray[np.bool_]:
        """Return which labels say something."""
        return self.low >= 0


@dataclass(frozen=True, slots=True)
class Sets:
    """Labels as sets of items.

    Attributes
    ----------
    start : (n_labels + 1,) int64
    item : (start[-1],) int64
        The items of label i are ``item[start[i]:start[i + 1]]``; a label that allows anything, or is null, has none.
    """

    start: Ints
    item: Ints

    @property
    def is_read(self) -> npt.NDArray[np.bool_]:
        """Return which labels say something."""
        return np.diff(self.start) > 0

    @property
    def is_several(self) -> npt.NDArray[np.bool_]:
        """Return which labels stand for more than one value."""
        return np.diff(self.start) > 1


def read_labels(labels: Sequence[Any], role: QuasiIdentifier) -> Ranges | Sets:
    """Read distinct labels of a column.

    Examples
    --------
    >>> read_labels(["[1, 3]", "3", "*"], QuasiIdentifier())
    Ranges(low=array([ 0,  1, -1]), high=array([1, 1, 0]), is_several=array([ True, False, False]))
    >>> read_labels(["{a, b}", "b", None], QuasiIdentifier()).item.tolist()
    [0, 1, 1]
    """
    texts = [None if label is None or label == EVERYTHING else str(label) for label in labels]
    if any(text is not None and text.startswith("{") for text in texts):
        members = [[] if text is None else _items(text) for text in texts]
        place = {item: number for number, item in enumerate(sorted({item for items in members for item in items}))}
        start = np.r_[0, np.cumsum([len(items) for items in members])]
        return Sets(start, np.array([place[item] for items in members for item in items], np.int64))
    ends = [(None, None) if text is None else _ends(text) for text in texts]
    several = [text is not None and _is_several(text, role) for text in texts]
    # Digits of which the last are masked are text: 02* holds 021.
    masked = any(text is not None and text.endswith("*") for text in texts)
    return ranges([low for low, _ in ends], [high for _, high in ends], several, as_text=masked)


def ranges(low: Sequence[Any], high: Sequence[Any], is_several: Sequence[bool], *, as_text: bool = False) -> Ranges:
    """Return ranges between two ends each, None for both ends of no range; numbers by value unless `as_text`."""
    known = [end for end in (*low, *high) if end is not None]
    if not as_text and all(_is_number(end) for end in known):
        key: Any = float
    else:
        key, high = str, [None if end is None else f"{end}{_LAST}" for end in high]
    ordered = sorted({key(end) for end in (*low, *high) if end is not None})
    place = {end: rank for rank, end in enumerate(ordered)}
    return Ranges(
        np.array([-1 if end is None else place[key(end)] for end in low], np.int64),
        np.array([0 if end is None else place[key(end)] for end in high], np.int64),
        np.array(is_several, np.bool_),
    )


def _items(text: str) -> list[str]:
    """Return the values of a set, or the value that a label is."""
    return text[1:-1].split(", ") if text.startswith("{") else [text]


def _ends(text: str) -> tuple[str, str]:
    """Return the ends of an interval; of any other label itself, masked characters left out."""
    if text.startswith("[") and ", " in text:
        # Values that hold the separator cut the label in the middle.
        parts = text[1:-1].split(", ")
        half = len(parts) // 2
        return ", ".join(parts[:half]), ", ".join(parts[half:])
    return text.rstrip("*"), text.rstrip("*")


def _is_several(text: str, role: QuasiIdentifier) -> bool:
    """Return whether a label stands for more than one value, as far as its text shows."""
    return text.startswith("[") or text.endswith("*") or isinstance(role.hierarchy, Dates)


def _is_number(end: Any) -> bool:
    """Return whether an end is a number."""
    try:
        return float(end) == float(end)
    except (TypeError, ValueError):
        return False
