"""Kept columns that narrow the labels of a quasi-identifier, found from a released table alone.

If a kept column determines a quasi-identifier, all rows of one kept value have the same value of it, so their labels
have that value in common: whoever holds the release intersects them. We count, over the kept values that repeat, the
rows whose labels allow the value that most labels allow, one row of each group left out as in `determination`; for
columns that lie on a line, also the neighbors in the kept column whose labels overlap. Wide labels have values in
common by chance, so the base is the same count after the labels were exchanged between the rows, always in one way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.hierarchies.labels import EVERYTHING
from shoal_engine.anonymity.policy.hierarchies import Dates
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.findings.determination import Agreement

Ints = npt.NDArray[np.int64]

_LAST = "\uffff"
MOST_ROWS = 1 << 14
"""Rows that are compared at most."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


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


def narrowing(kept: Ints, label: Ints, rows: Ints, reading: Ranges | Sets, *, is_ordered: bool) -> Agreement | None:
    """Return how far a kept column narrows labels, if it nearly determines what they stand for.

    Parameters
    ----------
    kept, label, rows : (n,) int64
        Distinct pairs of a kept value and a label, ascending, and the rows of each.
    reading : Ranges or Sets
        What the labels allow.
    is_ordered : bool
        The kept column lies on a line, in the order of its codes.
    """
    read = reading.is_read[label]
    kept, label = _chosen(kept[read], label[read], rows[read])
    if len(kept) < 2 or not reading.is_several[label].any():
        return None
    # Not for secrecy: the same rows are always exchanged alike.
    exchanged = label[np.random.Generator(np.random.PCG64(0)).permutation(len(label))]
    measures = [_in_common] + ([_overlapping] if is_ordered and isinstance(reading, Ranges) else [])
    for measure in measures:
        agreeing, compared = measure(kept, label, reading)
        by_chance, _ = measure(kept, exchanged, reading)
        found = Agreement(agreeing / max(1, compared), by_chance / max(1, compared), compared)
        if found.nearly_determined:
            return found
    return None


def _chosen(kept: Ints, label: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Return single rows of the pairs; of too many, those of some kept values, and evenly spaced ones."""
    n_rows = int(rows.sum())
    if n_rows > MOST_ROWS and len(np.unique(kept)) > MOST_ROWS // 16:
        spread = (kept.astype(np.uint64) * _SPREAD) >> np.uint64(32)
        some = spread < np.uint64((MOST_ROWS << 32) // n_rows)
        kept, label, rows = kept[some], label[some], rows[some]
        n_rows = int(rows.sum())
    n = min(n_rows, MOST_ROWS)
    at = np.searchsorted(np.cumsum(rows), (np.arange(n) * n_rows) // max(1, n), side="right")
    return kept[at], label[at]


def _in_common(kept: Ints, label: Ints, reading: Ranges | Sets) -> tuple[int, int]:
    """Count rows that allow the value that most rows of their kept value allow; one row of each group is free."""
    size = np.bincount(kept)
    if isinstance(reading, Sets):
        length = np.diff(reading.start)[label]
        at = np.repeat(reading.start[label] - np.r_[0, np.cumsum(length)[:-1]], length) + np.arange(int(length.sum()))
        group, item = np.repeat(kept, length), reading.item[at]
        pairs, held = np.unique(group * (int(reading.item.max()) + 1) + item, return_counts=True)
        most = np.zeros(len(size), np.int64)
        np.maximum.at(most, pairs // (int(reading.item.max()) + 1), held)
    else:
        # Sweep the ends of each group from low to high; a label opens before others close at the same value.
        group = np.r_[kept, kept]
        end = np.r_[reading.low[label], reading.high[label]]
        step = np.r_[np.ones(len(kept), np.int64), -np.ones(len(kept), np.int64)]
        order = np.lexsort((-step, end, group))
        most = np.zeros(len(size), np.int64)
        np.maximum.at(most, group[order], np.cumsum(step[order]))
    repeats = size > 1
    return int((most - 1)[repeats].sum()), int((size - 1)[repeats].sum())


def _overlapping(kept: Ints, label: Ints, reading: Ranges | Sets) -> tuple[int, int]:
    """Count neighbors in the kept column whose labels overlap."""
    assert isinstance(reading, Ranges)
    mixed = np.random.Generator(np.random.PCG64(1)).permutation(len(kept))
    order = mixed[np.argsort(kept[mixed], kind="stable")]
    low, high = reading.low[label[order]], reading.high[label[order]]
    return int(((low[1:] <= high[:-1]) & (low[:-1] <= high[1:])).sum()), len(kept) - 1
