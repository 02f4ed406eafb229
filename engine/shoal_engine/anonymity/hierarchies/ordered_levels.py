"""Levels of values in an order of their own: neighbors that share a node, and the last that give way first."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.hierarchies.labels import interval_labels, texts
from shoal_engine.anonymity.hierarchies.levels import Level, places_of, with_root
from shoal_engine.anonymity.policy.hierarchies import Order, Priority
from shoal_engine.errors import HierarchyError

Ints = npt.NDArray[np.int64]


def order_levels(order: Order, values: pa.Array, column: str) -> list[Level]:
    """Return all levels of an order with a fanout; the declared values are its leaves, or those of the data.

    Raises
    ------
    HierarchyError
        A value is not listed, or labels are too few or too many.
    """
    text, rank = _ranked(order.values, values, column)
    n, width = len(text), 1
    levels = [Level(rank, text, np.ones(n, np.int64))]
    for height, fanout in enumerate(order.fanout):
        width = min(width * fanout, n)
        low = np.arange(0, n, width)
        high = np.minimum(low + width, n)
        labels: Sequence[str] | pa.StringArray = interval_labels(text, low, high - 1, has_null=False)
        if order.labels:
            labels = order.labels[height]
            if len(labels) != len(low):
                msg = (
                    f"hierarchy of `{column}` has {len(low)} nodes in level {height + 1} and {len(labels)} `labels` "
                    "for them; name each of them"
                )
                raise HierarchyError(msg)
        levels.append(Level(rank // width, labels, high - low))
    return with_root(levels, n)


def priority_levels(priority: Priority, values: pa.Array, count: Ints | None, column: str) -> list[Level]:
    """Return all levels in which values give way, those of the lowest priority first.

    Of n values and L steps, step h leaves the values whose place among the highest is below (L - h) n / L, as
    ARX's priority-based hierarchies do.

    Parameters
    ----------
    priority : Priority
    values : pa.Array
        Distinct values in ascending order.
    count : (n,) int64 or None
        Rows of each value; needed where no priorities are declared.
    column : str
        For messages.

    Raises
    ------
    HierarchyError
        A value is not listed.
    """
    if priority.values:
        text, rank = _ranked(priority.values, values, column)
    else:
        assert count is not None
        order = np.lexsort((np.arange(len(values)), -count))
        text = texts(values, has_null=False).take(pa.array(order))
        rank = np.empty(len(values), np.int64)
        rank[order] = np.arange(len(values))
    n = len(text)
    steps = min(priority.levels, n)
    levels = [Level(rank, text, np.ones(n, np.int64))]
    for step in range(1, steps):
        left = -(-(steps - step) * n // steps)
        label = pa.concat_arrays([text[:left], pa.array([f"{priority.other} {step}"], pa.string())])
        leaves = np.append(np.ones(left, np.int64), n - left)
        levels.append(Level(np.minimum(rank, left), label, leaves))
    return with_root(levels, n)


def _ranked(declared: Sequence[str], values: pa.Array, column: str) -> tuple[pa.StringArray, Ints]:
    """Return the leaves in their order, and the place of each value among them."""
    if not declared:
        return texts(values, has_null=False), np.arange(len(values))
    leaves = pa.array(declared, pa.string())
    return leaves, places_of(values, leaves, column)
