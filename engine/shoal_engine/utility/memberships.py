"""Values that the labels of a column allow, and those of them that are known to occur in every class of the label.

A class of an anonymized table holds every member of a set label and both ends of an interval, for the label is the
least that covers the rows. That is no assumption: it follows from how labels are made, and a reader may count on it.
Labels of declared intervals, of bands, of hierarchy nodes and of masks allow values that need not occur.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def weighted_counts(place: Ints, amount: Floats, size: int) -> Floats:
    """Return the sum of amounts at each of `size` places."""
    return np.bincount(place, weights=amount, minlength=size).astype(np.float64, copy=False)


class Memberships(ABC):
    """Values of n_labels labels over n_values values, which are numbered in ascending order."""

    n_values: int

    @abstractmethod
    def total(self, weight: Floats) -> Floats:
        """Return the sum of (n_values,) weights over the values of each label, (n_labels,)."""

    @abstractmethod
    def total_known(self, weight: Floats) -> Floats:
        """Return the sum of (n_values,) weights over the values known to occur under each label, (n_labels,)."""

    @abstractmethod
    def distribute(self, amount: Floats) -> Floats:
        """Return the sum of (n_labels,) amounts over the labels that allow each value, (n_values,)."""

    @abstractmethod
    def distribute_known(self, amount: Floats) -> Floats:
        """Return the sum of (n_labels,) amounts over the labels under which each value is known, (n_values,)."""

    @abstractmethod
    def known_at(self, label: Ints, place: Ints) -> Ints:
        """Return the known value of each label at a place among its known values."""

    @abstractmethod
    def value_at(self, label: Ints, position: Floats, share: Floats) -> Ints:
        """Return the value of each label at a position, 0 to 1, along the shares of its values."""

    @abstractmethod
    def members(self, label: int) -> Ints:
        """Return the values that one label allows."""

    @abstractmethod
    def known_members(self, label: int) -> Ints:
        """Return the values that are known to occur under one label."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranges(Memberships):
    """Labels that allow all values from one to another.

    Attributes
    ----------
    n_values : int
    low, high : (n_labels,) int64, 0 <= low <= high < n_values
    ends_occur : (n_labels,) bool
        Whether both ends are known to occur in every class of the label.
    """

    n_values: int
    low: Ints
    high: Ints
    ends_occur: Flags

    def total(self, weight: Floats) -> Floats:
        """Return the difference of two prefix sums."""
        before = np.concatenate([[0.0], np.cumsum(weight)])
        return before[self.high + 1] - before[self.low]

    def total_known(self, weight: Floats) -> Floats:
        """Return the weights of the two ends, once where they are one value."""
        both = weight[self.low] + np.where(self.high > self.low, weight[self.high], 0.0)
        return np.where(self.ends_occur, both, 0.0)

    def distribute(self, amount: Floats) -> Floats:
        """Add each amount where its range begins, and take it away behind its end."""
        steps = weighted_counts(self.low, amount, self.n_values + 1)
        steps -= weighted_counts(self.high + 1, amount, self.n_values + 1)
        return np.maximum(np.cumsum(steps)[: self.n_values], 0.0)

    def distribute_known(self, amount: Floats) -> Floats:
        """Add each amount at both ends."""
        known = np.where(self.ends_occur, amount, 0.0)
        upper = np.where(self.high > self.low, known, 0.0)
        found = weighted_counts(self.low, known, self.n_values)
        return found + weighted_counts(self.high, upper, self.n_values)

    def known_at(self, label: Ints, place: Ints) -> Ints:
        """Return the lower end, then the upper one."""
        return np.where(place == 0, self.low[label], self.high[label])

    def value_at(self, label: Ints, position: Floats, share: Floats) -> Ints:
        """Look the position up in the sums of shares."""
        after = np.cumsum(share)
        begin = np.where(self.low[label] > 0, after[self.low[label] - 1], 0.0)
        wanted = begin + position * (after[self.high[label]] - begin)
        return np.clip(np.searchsorted(after, wanted, side="right"), self.low[label], self.high[label])

    def members(self, label: int) -> Ints:
        """Return the values of the range."""
        return np.arange(self.low[label], self.high[label] + 1)

    def known_members(self, label: int) -> Ints:
        """Return the ends."""
        return np.unique([self.low[label], self.high[label]]) if self.ends_occur[label] else np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Sets(Memberships):
    """Labels that allow any set of values.

    Attributes
    ----------
    n_values : int
    start : (n_labels + 1,) int64
        Label i allows the values ``value[start[i]:start[i + 1]]``; every label allows at least one.
    value : (start[-1],) int64
    occur : (n_labels,) bool
        Whether every value of the label is known to occur in each of its classes.
    """

    n_values: int
    start: Ints
    value: Ints
    occur: Flags

    @classmethod
    def of_members(cls, n_values: int, members: Sequence[Ints], occur: Flags) -> "Sets":
        """Return the labels of a list of values each."""
        start = np.concatenate([[0], np.cumsum([one.size for one in members], dtype=np.int64)]).astype(np.int64)
        value = np.concatenate([np.empty(0, np.int64), *members]).astype(np.int64)
        return cls(n_values, start, value, occur)

    @classmethod
    def of_flags(cls, allowed: Flags, occur: Flags) -> "Sets":
        """Return the labels of a matrix, (n_labels, n_values): whether a label allows a value."""
        label, value = np.nonzero(allowed)
        start = np.searchsorted(label, np.arange(allowed.shape[0] + 1))
        return cls(allowed.shape[1], start.astype(np.int64), value.astype(np.int64), occur)

    def total(self, weight: Floats) -> Floats:
        """Return sums over the values of each label."""
        return np.add.reduceat(weight[self.value], self.start[:-1]) if self.occur.size else np.empty(0)

    def total_known(self, weight: Floats) -> Floats:
        """Return the same sums where all values occur."""
        return np.where(self.occur, self.total(weight), 0.0)

    def distribute(self, amount: Floats) -> Floats:
        """Add each amount at every value of its label."""
        return weighted_counts(self.value, np.repeat(amount, np.diff(self.start)), self.n_values)

    def distribute_known(self, amount: Floats) -> Floats:
        """Add the amounts of labels whose values all occur."""
        return self.distribute(np.where(self.occur, amount, 0.0))

    def known_at(self, label: Ints, place: Ints) -> Ints:
        """Return the members in order."""
        return self.value[self.start[label] + place]

    def value_at(self, label: Ints, position: Floats, share: Floats) -> Ints:
        """Look the position up in the sums of shares of all labels, one after the other."""
        after = np.cumsum(share[self.value])
        first, last = self.start[label], self.start[label + 1] - 1
        begin = np.where(first > 0, after[first - 1], 0.0)
        wanted = begin + position * (after[last] - begin)
        return self.value[np.clip(np.searchsorted(after, wanted, side="right"), first, last)]

    def members(self, label: int) -> Ints:
        """Return the values of the set."""
        return self.value[self.start[label] : self.start[label + 1]]

    def known_members(self, label: int) -> Ints:
        """Return all of them, or none."""
        return self.members(label) if self.occur[label] else np.empty(0, np.int64)
