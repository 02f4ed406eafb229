"""Kept columns that narrow the labels of a quasi-identifier, found from a released table alone.

If a kept column determines a quasi-identifier, all rows of one kept value have the same value of it, so their labels
have that value in common: whoever holds the release intersects them. We count, over the kept values that repeat, the
rows whose labels allow the value that most labels allow, one row of each group left out as in `determination`; for
columns that lie on a line, also the neighbors in the kept column whose labels overlap. Wide labels have values in
common by chance, so the base is the same count after the labels were exchanged between the rows, always in one way.
"""

import numpy as np
import numpy.typing as npt

from shoal_engine.findings.determination import Agreement
from shoal_engine.findings.label_readings import Ranges, Sets

Ints = npt.NDArray[np.int64]
MOST_ROWS = 1 << 14
"""Rows that are compared at most."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


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
