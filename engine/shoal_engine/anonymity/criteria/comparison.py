"""A table before and after its release: class sizes in bins, risk, and each column; no count of people below k.

Every count that is stated comes from one list of bins, in which a bin holds nobody or at least k. So no difference of
two stated counts is below k either. People are rows, or units where the policy names one; a unit is in the bin of its
smallest class.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Ints: TypeAlias = npt.NDArray[np.int64]
Action: TypeAlias = Literal[
    "generalized", "unchanged", "removed", "dropped", "pseudonym", "released as it is", "items generalized"
]

_FEW = 1 << 16
_AT_RISK = 5
"""Classes below this size are at a risk above 20 %."""
_STEPS = (1, 1.5, 2, 3, 5, 10, 20, 50, 100)
"""Edges from k on, in multiples of k."""


class SizeBin(Struct, frozen=True, kw_only=True):
    """People in classes of some sizes, before and after: rows, or units where the policy names one.

    Attributes
    ----------
    least, most : int
        Sizes of the classes, both ends included; None for all larger ones.
    before, after : int
        Rows or units; 0, or at least k.
    """

    least: int
    most: int | None
    before: int
    after: int


class Before(Struct, frozen=True, kw_only=True):
    """A table before its release, after transformations that the policy declares.

    Attributes
    ----------
    rows, equivalence_classes : int
    columns : int
        Columns of the input.
    units : int, optional
        Distinct privacy units, if the policy names a unit.
    k : int, optional
        Size of the smallest class; None if fewer than k people are in classes of that size.
    highest_risk : float, optional
        1 / `k`; None with it.
    average_risk : float
        Classes / rows, or classes / units of all classes.
    """

    rows: int
    columns: int
    equivalence_classes: int
    units: int | None = None
    k: int | None = None
    highest_risk: float | None = None
    average_risk: float


class ColumnChange(Struct, frozen=True, kw_only=True):
    """One input column in the release.

    Attributes
    ----------
    name, role : str
    action : str
    distinct_before, distinct_after : int, optional
        Distinct values, and distinct labels; None if not counted.
    loss : float, optional
        Mean over all rows of the share of the column's range that the row's label covers, 1 for a suppressed row; None
        for a column that is not a quasi-identifier.
    """

    name: str
    role: str
    action: Action
    distinct_before: int | None = None
    distinct_after: int | None = None
    loss: float | None = None


def size_edges(k: int, largest: int) -> list[int]:
    """Return the smallest size of each bin, ascending from 1; k is one of them.

    Examples
    --------
    >>> size_edges(10, 60), size_edges(3, 7)
    ([1, 2, 5, 10, 15, 20, 30, 50], [1, 2, 3, 5, 6])
    """
    decades = [step * 10**power for power in range(13) for step in (1, 2, 5)]
    below = [size for size in decades if size < k or size <= _AT_RISK]
    above = [-int(-step * k // 1) for step in _STEPS]
    return sorted({edge for edge in (*below, *above) if edge <= max(largest, k)})


def size_bins(before: tuple[Ints, Ints], after: tuple[Ints, Ints], k: int) -> tuple[SizeBin, ...]:
    """Return people by class size before and after, in bins that hold nobody or at least k.

    Parameters
    ----------
    before, after : (sizes, people), each (n,) int64
        Sizes of classes, and the people of each: its rows, or 1 for the smallest class of each unit.
    k : int
        Bins with fewer people are merged with a neighbor, if possible on the same side of k.

    Examples
    --------
    >>> sizes = np.array([1, 2, 6, 3], np.int64)
    >>> together = np.array([6, 6], np.int64)
    >>> [(b.least, b.most, b.before, b.after) for b in size_bins((sizes, sizes), (together, together), 3)]
    [(1, 2, 3, 0), (3, 4, 3, 0), (5, 5, 0, 0), (6, None, 6, 12)]
    """
    largest = max((int(sizes.max(initial=0)) for sizes, _ in (before, after)), default=0)
    edges = size_edges(k, largest)
    counts = [_binned(*one, edges) for one in (before, after)]
    starts = _merged(edges, counts, k)
    groups = list(pairwise([*(edges.index(start) for start in starts), len(edges)]))
    bins = [
        SizeBin(
            least=edges[first],
            most=edges[end] - 1 if end < len(edges) else None,
            before=int(counts[0][first:end].sum()),
            after=int(counts[1][first:end].sum()),
        )
        for first, end in groups
    ]
    return _without_empty_ends(bins, k)


def _without_empty_ends(bins: list[SizeBin], k: int) -> tuple[SizeBin, ...]:
    """Leave out empty bins at the upper end."""
    kept = len(bins)
    while kept > 1 and not (bins[kept - 1].before or bins[kept - 1].after) and bins[kept - 1].least > k:
        kept -= 1
    return tuple(bins[:kept])


def _binned(sizes: Ints, people: Ints, edges: Sequence[int]) -> Ints:
    """Return the people of each bin."""
    place = np.searchsorted(np.array(edges), sizes, side="right") - 1
    return np.bincount(place, weights=people, minlength=len(edges)).astype(np.int64)


def _merged(edges: Sequence[int], counts: Sequence[Ints], k: int) -> list[int]:
    """Return the starts of the bins after merging: in each table a bin holds nobody or at least k."""
    starts, held = list(edges), np.array(counts)
    while len(starts) > 1:
        few = np.flatnonzero(np.any((held > 0) & (held < k), axis=0))
        if not few.size:
            break
        small = int(few[0])
        neighbors = [i for i in (small - 1, small + 1) if 0 <= i < len(starts)]
        same_side = [i for i in neighbors if (starts[i] < k) == (starts[small] < k)]
        # The emptiest neighbor that is not empty: fewest people change their bin, and no bin gets wider in vain.
        other = min(same_side or neighbors, key=lambda i: (held[:, i].sum() == 0, held[:, i].sum()))
        first, second = sorted((small, other))
        held[:, first] += held[:, second]
        held = np.delete(held, second, axis=1)
        starts.pop(second)
    return starts


def by_size(sizes: Ints) -> tuple[Ints, Ints]:
    """Return each size of classes once, with the people of all classes of that size.

    Examples
    --------
    >>> by_size(np.array([2, 1, 2]))
    (array([1, 2]), array([1, 4]))
    """
    few = sizes[sizes < _FEW]
    counts = np.bincount(few, minlength=1)
    small = np.flatnonzero(counts)
    large, n_large = np.unique(sizes[sizes >= _FEW], return_counts=True)
    distinct = np.concatenate([small, large])
    return distinct, distinct * np.concatenate([counts[small], n_large])


def smallest_class(sizes: Ints, people: Ints, k: int) -> int | None:
    """Return the size of the smallest class; None if fewer than k people are in classes of that size.

    Examples
    --------
    >>> [smallest_class(np.array(sizes), np.array(sizes), 2) for sizes in ([1, 1, 5], [1, 5])]
    [1, None]
    """
    if not sizes.size:
        return None
    least = int(sizes.min())
    return least if least >= k or int(people[sizes == least].sum()) >= k else None


def people_alone(bins: Sequence[SizeBin]) -> tuple[int, int] | None:
    """Return the people in classes of size 1 before and after; None if their bin was merged."""
    if not bins or bins[0].least != 1 or bins[0].most != 1:
        return None
    return bins[0].before, bins[0].after


def people_at_risk(bins: Sequence[SizeBin]) -> tuple[int, int] | None:
    """Return the people at a risk above 20 %, in classes below 5, before and after; None if a bin crosses 5."""
    below = [one for one in bins if one.least < _AT_RISK]
    if not below or any(one.most is None or one.most >= _AT_RISK for one in below):
        return None
    return sum(one.before for one in below), sum(one.after for one in below)


def before_of(
    sizes: Ints, held: tuple[Ints, Ints], *, k: int, rows: int, columns: int, units: int | None = None
) -> Before:
    """Return the figures of a table before its release.

    Parameters
    ----------
    sizes : (n_classes,) int64
        Size of each class, in rows or units.
    held : (sizes, people)
        As for `size_bins`.
    k, rows, columns, units : int
        Limit of the policy; rows, columns and units of the table.
    """
    least = smallest_class(*held, k)
    members = int(sizes.sum())
    return Before(
        rows=rows,
        columns=columns,
        equivalence_classes=int(sizes.size),
        units=units,
        k=least,
        highest_risk=None if least is None else 1 / least,
        average_risk=sizes.size / members if members else 0.0,
    )
