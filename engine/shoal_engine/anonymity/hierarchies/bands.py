"""Bands of an ordered column: nested intervals, cut where rows lose least, that all classes take their labels from."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.hierarchies.labels import interval_labels, texts
from shoal_engine.anonymity.hierarchies.levels import Level, leaves_of, with_root
from shoal_engine.anonymity.hierarchies.trees import Tree, assembled

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def plant_bands(values: pa.Array, position: Floats, count: Ints, *, has_null: bool, mixes_null: bool) -> Tree:
    """Return the tree of the bands of a column.

    The top band holds all values. Each band is cut in two, and so on, until every value is a band of its own:
    two bands are disjoint, or one lies within the other. See `cut_bands` for where a band is cut. A class states the
    least band that holds its values, so bands depend on the values and on how many rows hold each, and on nothing
    else.

    Parameters
    ----------
    values : pa.Array
        Distinct numbers, dates or times in ascending order, without null.
    position : (n,) float64
        Place of each value on the line, ascending from 0 to 1.
    count : (n,) int64
        Rows of each value; 0 for a value that only a population holds.
    has_null : bool
        The column holds nulls.
    mixes_null : bool
        Nulls may share a class with values; the class then states ``*`` and loses everything.

    Returns
    -------
    Tree
        A band's share is its length on the line, not its number of values.
    """
    n = len(values)
    nodes = cut_bands(position, count)
    text = texts(values, has_null=False)
    levels = [leaves_of(values), *(_level(node, text) for node in reversed(nodes))]
    levels = with_root(levels, n) if has_null and mixes_null else levels
    tree = assembled(levels, has_null=has_null)
    low, high = tree.ends()
    place = np.concatenate([[0.0], position]) if has_null else position
    share = place[high] - place[np.maximum(low, int(has_null))]
    if has_null:
        share[0] = 0.0
        share[-1] = 1.0 if mixes_null else share[-1]
    return replace(tree, share=np.clip(share, 0.0, 1.0))


def cut_bands(position: Floats, count: Ints) -> list[Ints]:
    """Return the band of each value at each depth: all in one first, then twice as many bands at most at each depth.

    A band is cut between the two neighbors where the rows of both parts, each row losing the length of its part, lose
    least; the first such place of several. Depths end where they could give every value a band.

    Parameters
    ----------
    position : (n,) float64
        Ascending.
    count : (n,) int64

    Returns
    -------
    list of (n,) int64
        Bands of a depth are numbered from 0 in the order of the values.

    Examples
    --------
    >>> [bands.tolist() for bands in cut_bands(np.array([0.0, 0.1, 0.2, 0.9, 1.0]), np.array([1, 1, 1, 1, 1]))]
    [[0, 0, 0, 0, 0], [0, 0, 0, 1, 1], [0, 1, 1, 2, 3]]
    """
    n = len(position)
    before = np.concatenate([[0], np.cumsum(count)])
    first = np.zeros(n, np.int64)
    first[:1] = 1
    depths = [np.cumsum(first) - 1]
    for _ in range(1, max(1, n - 1).bit_length()):
        start = np.flatnonzero(first)
        for low, end in zip(start.tolist(), [*start[1:].tolist(), n], strict=True):
            if end - low > 1:
                first[_cut(position, before, low, end)] = 1
        depths.append(np.cumsum(first) - 1)
    return depths


def _cut(position: Floats, before: Ints, low: int, end: int) -> int:
    """Return where the upper of the two parts of a band begins."""
    if end == low + 2:
        return low + 1
    cut = np.arange(low + 1, end)
    lower = (before[cut] - before[low]) * (position[cut - 1] - position[low])
    upper = (before[end] - before[cut]) * (position[end - 1] - position[cut])
    return int(cut[(lower + upper).argmin()])


def _level(node: Ints, text: pa.StringArray) -> Level:
    """Return the level of the bands of one depth."""
    low = np.flatnonzero(np.diff(node, prepend=-1))
    size = np.bincount(node)
    return Level(node, interval_labels(text, low, low + size - 1, has_null=False), size.astype(np.int64))
