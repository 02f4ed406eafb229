"""What released labels say of one column: the values that each is compatible with, as ranges of ranks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal_kernels.risk.class_matching import fill_bitmaps

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
UNKNOWN = -1
"""Rank of a value that is not known: every label is compatible with it."""
_MIX = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labels of one column, over values that are ranked from 0 without gaps.

    Attributes
    ----------
    of_class : (n_classes,) int64, each below n_labels
    label, low, high : (n_ranges,) int64
        A label is compatible with the ranks from `low` to `high`, for each of its ranges; ranges of one label are
        disjoint.
    size : (n_labels,) float64, at least 1
        Values of the column that each label may stand for.
    n_values : int
        Ranks.
    """

    of_class: Ints
    label: Ints
    low: Ints
    high: Ints
    size: Floats
    n_values: int

    @classmethod
    def of_ranges(cls, of_class: Ints, label: Ints, low: Ints, high: Ints, *, n_labels: int, n_values: int) -> "Labels":
        """Return labels of some ranges, which may overlap; the size of a label is the number of its ranks."""
        label, low, high = merged(label, low, high)
        size = np.bincount(label, weights=high - low + 1, minlength=n_labels)
        return cls(of_class, label, low, high, np.maximum(1.0, size), n_values)

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return self.size.size

    def fills(self) -> Floats:
        """Return the share of each class's label that one value fills, (n_classes,)."""
        return 1.0 / self.size[self.of_class]

    def some(self, classes: Ints) -> "Labels":
        """Return the labels of some classes, (m,) places."""
        return Labels(self.of_class[classes], self.label, self.low, self.high, self.size, self.n_values)

    def widened(self, value: Floats, tolerance: float) -> "Labels":
        """Return the same labels, compatible with values up to `tolerance` outside.

        Parameters
        ----------
        value : (n_values,) float64, ascending
        tolerance : float, at least 0
        """
        low = np.searchsorted(value, value[self.low] - tolerance, side="left").astype(np.int64)
        high = np.searchsorted(value, value[self.high] + tolerance, side="right").astype(np.int64) - 1
        return Labels(self.of_class, *merged(self.label, low, high), self.size, self.n_values)

    def groups(self) -> "Groups":
        """Group values that the same labels cover."""
        begin = np.unique(np.concatenate([[0], self.low, self.high + 1]))
        begin = begin[begin < self.n_values]
        # Labels enter and leave a running sum of two words of their own: equal sums, equal sets of labels.
        key = np.zeros((2, begin.size + 1), np.uint64)
        number = self.label.astype(np.uint64) + np.uint64(1)
        for word, seed in zip(key, _MIX[:2], strict=True):
            mixed = _mixed(number * _MIX[0] + seed)
            np.add.at(word, np.searchsorted(begin, self.low), mixed)
            np.subtract.at(word, np.searchsorted(begin, self.high + 1), mixed)
        sums = np.cumsum(key[:, : begin.size], axis=1, dtype=np.uint64)
        _, first, of_run = np.unique(sums, axis=1, return_index=True, return_inverse=True)
        return Groups(self, begin, of_run.reshape(-1).astype(np.int64), begin[first])


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Values of a column, grouped by the set of labels that cover them.

    Attributes
    ----------
    labels : Labels
    begin : (n_runs,) int64
        First rank of each run of neighbors in one group.
    of_run : (n_runs,) int64
    example : (n_groups,) int64
        One rank of each group.
    """

    labels: Labels
    begin: Ints
    of_run: Ints
    example: Ints

    def of(self, rank: Ints) -> Ints:
        """Return the group of each rank; `UNKNOWN` stays."""
        run = np.searchsorted(self.begin, np.maximum(rank, 0), side="right") - 1
        return np.where(rank < 0, UNKNOWN, self.of_run[run])

    def covering(self, groups: Ints) -> npt.NDArray[np.bool_]:
        """Return the labels that cover each of some groups, (n, n_labels)."""
        labels = self.labels
        member = np.zeros((groups.size, labels.n_labels), np.bool_)
        for row, rank in zip(member, self.example[groups], strict=True):
            row[labels.label[(labels.low <= rank) & (rank <= labels.high)]] = True
        return member

    def fill(self, groups: Ints, bits: npt.NDArray[np.uint64], summary: npt.NDArray[np.uint64]) -> None:
        """Set the bitmaps of some groups; they are 0 before."""
        fill_bitmaps(self.covering(groups), self.labels.of_class, bits, summary)


def merged(label: Ints, low: Ints, high: Ints) -> tuple[Ints, Ints, Ints]:
    """Join ranges of one label that overlap or touch; ranges without ranks are dropped.

    Examples
    --------
    >>> one = np.array([0, 0, 0, 1, 1]), np.array([5, 0, 2, 3, 4]), np.array([6, 3, 4, 3, 3])
    >>> [part.tolist() for part in merged(*one)]
    [[0, 1], [0, 3], [6, 3]]
    """
    kept = low <= high
    label, low, high = label[kept], low[kept], high[kept]
    if not label.size:
        return label, low, high
    order = np.lexsort((low, label))
    label, low, high = label[order], low[order], high[order]
    # Ranges of different labels are moved so far apart that they never touch.
    apart = label * (int(high.max()) + 3)
    reach = np.maximum.accumulate(high + apart)
    first = np.ones(label.size, np.bool_)
    first[1:] = (low + apart)[1:] > reach[:-1] + 1
    last = np.append(np.flatnonzero(first)[1:] - 1, label.size - 1)
    return label[first], low[first], (reach - apart)[last]


def _mixed(word: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return words as random as they are many (Steele, Lea, Flood 2014, SplitMix64)."""
    word = (word ^ (word >> np.uint64(30))) * _MIX[1]
    word = (word ^ (word >> np.uint64(27))) * _MIX[2]
    return word ^ (word >> np.uint64(31))
