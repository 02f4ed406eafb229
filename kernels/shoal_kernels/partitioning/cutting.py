"""The cut of a node of tuples with the least loss of its two sides.

Each cut takes the dimension and value for which the rows of the two sides, each side generalized to its own
bounding box, lose least; Mondrian (LeFevre, DeWitt, Ramakrishnan 2006) cuts the widest range at its median
instead.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inner, lean
from shoal_kernels._types import Bytes, Floats, Ints
from shoal_kernels.criteria.block_criteria import Criteria, meets_criteria
from shoal_kernels.partitioning.bounding_boxes import Box, Points, box_loss, clear, make_box, mark, widen
from shoal_kernels.tables.dimensions import Dimensions

SAMPLE = 256
"""Number of tuples from which the cut of a larger node is chosen."""
RUN = 24
"""Tuples sorted by insertion before they are merged."""


class Workspace(NamedTuple):
    """Workspace for one node of at most n tuples.

    Attributes
    ----------
    orders : (n_orders, n) int64
        The node's tuples, once for each dimension, sorted by its column; further orders on demand.
    key : (n,) float32
        Sort key of the current order.
    spare : (n,) int64
    spare_key : (n,) float32
    prefix : (n,) float64
        Loss of the tuples before each place; negative where no cut is possible.
    side : (n_points,) uint8
    cut_loss : (n_orders,) float64
        Loss of the best cut in each dimension; infinite if there is no cut.
    cut_place : (n_orders,) int64
    box : Box
    """

    orders: Ints
    key: npt.NDArray[np.float32]
    spare: Ints
    spare_key: npt.NDArray[np.float32]
    prefix: Floats
    side: Bytes
    cut_loss: Floats
    cut_place: Ints
    box: Box


@inner
def make_workspace(dims: Dimensions, points: Points, n: int, n_orders: int) -> Workspace:
    """Return workspace for nodes of at most `n` tuples of `points` in `n_orders` orders."""
    return Workspace(
        np.empty((n_orders, n), np.int64),
        np.empty(n, np.float32),
        np.empty(n, np.int64),
        np.empty(n, np.float32),
        np.empty(n, np.float64),
        np.zeros(points.weight.shape[0], np.uint8),
        np.full(n_orders, np.inf),
        np.empty(n_orders, np.int64),
        make_box(dims),
    )


@lean
def sort_by_column(points: Points, items: Ints, j: int, n: int, workspace: Workspace) -> None:
    """Write the first `n` of `items` into order `j`, stably sorted by column `j`."""
    coordinates, key, target = points.coordinates, workspace.key, workspace.orders[j]
    for p in range(n):
        target[p] = items[p]
        key[p] = coordinates[items[p], j]
    sort_order(workspace, j, n)


@lean
def sort_order(workspace: Workspace, row: int, n: int) -> None:
    """Sort the first `n` tuples of an order, and `key` with them, stably by `key`."""
    items, key, spare, spare_key = workspace.orders[row], workspace.key, workspace.spare, workspace.spare_key
    # Insertion sort of short runs, then bottom-up merges: stable, O(n log n), no recursion.
    for first in range(0, n, RUN):
        for p in range(first + 1, min(first + RUN, n)):
            x, item, q = key[p], items[p], p
            while q > first and key[q - 1] > x:
                key[q], items[q] = key[q - 1], items[q - 1]
                q -= 1
            key[q], items[q] = x, item
    width = RUN
    while width < n:
        for first in range(0, n - width, 2 * width):
            # Only the left run is copied out: the merge never overwrites an unread element of the right run.
            middle, last = first + width, min(first + 2 * width, n)
            for p in range(first, middle):
                spare_key[p], spare[p] = key[p], items[p]
            left, right, place = first, middle, first
            while left < middle:
                if right < last and key[right] < spare_key[left]:
                    key[place], items[place] = key[right], items[right]
                    right += 1
                else:
                    key[place], items[place] = spare_key[left], spare[left]
                    left += 1
                place += 1
        width *= 2


@lean
def find_cuts(dims: Dimensions, points: Points, workspace: Workspace, a: int, b: int, min_rows: int) -> None:
    """Find the cut of least loss in each dimension, for the node at `a` up to `b` of each order.

    Each side has at least `min_rows` rows.
    """
    coordinates, key = points.coordinates, workspace.key
    for j in range(dims.kind.shape[0]):
        items = workspace.orders[j]
        # The order is sorted, so equal ends mean a constant column.
        if coordinates[items[a], j] == coordinates[items[b - 1], j]:
            workspace.cut_loss[j] = np.inf
            continue
        for p in range(a, b):
            key[p] = coordinates[items[p], j]
        find_cut(dims, points, workspace, j, a, b, min_rows)


@lean
def find_cut(dims: Dimensions, points: Points, workspace: Workspace, row: int, a: int, b: int, min_rows: int) -> None:
    """Find the cut of least loss between unequal keys of one order, for the node at `a` up to `b`."""
    all_ordered, cap, coordinates, weight, sets = (
        points.all_ordered,
        points.cap,
        points.coordinates,
        points.weight,
        points.sets,
    )
    low, high, bits = workspace.box.low, workspace.box.high, workspace.box.bits
    prefix, key, items = workspace.prefix, workspace.key, workspace.orders[row]
    rows = 0
    for p in range(a, b):
        rows += weight[items[p]]
    best, best_place = np.inf, -1
    # Forward sweep: the box grows tuple by tuple, and `prefix` keeps the loss of every allowed left side.
    clear(low, high, bits)
    before = 0
    for p in range(a, b):
        item = items[p]
        prefix[p] = -1.0
        if p > a and key[p] != key[p - 1] and before >= min_rows and rows - before >= min_rows:
            prefix[p] = before * box_loss(dims, all_ordered, cap, low, high, bits)
        widen(coordinates, item, low, high)
        mark(sets, coordinates, item, bits)
        before += weight[item]
    # Backward sweep: the same for right sides; with `prefix` this gives the loss of every cut in O(n).
    clear(low, high, bits)
    after = 0
    for p in range(b - 1, a, -1):
        item = items[p]
        widen(coordinates, item, low, high)
        mark(sets, coordinates, item, bits)
        after += weight[item]
        if prefix[p] >= 0.0:
            loss = prefix[p] + after * box_loss(dims, all_ordered, cap, low, high, bits)
            if loss < best:
                best, best_place = loss, p
    workspace.cut_loss[row], workspace.cut_place[row] = best, best_place


@lean
def best_cut(workspace: Workspace) -> int:
    """Return the dimension of the best cut found, or -1 if no cut is left."""
    best, best_j = np.inf, -1
    for j in range(workspace.cut_loss.shape[0]):
        if workspace.cut_loss[j] < best:
            best, best_j = workspace.cut_loss[j], j
    return best_j


@lean
def split_orders(workspace: Workspace, j: int, place: int, a: int, b: int, swap: int) -> None:
    """Partition every order at `place` of order `j`, stably; the second side comes first if `swap` is 1."""
    # Mark each tuple's side once; then every order is partitioned by the marks, without comparisons.
    for p in range(a, b):
        workspace.side[workspace.orders[j, p]] = (1 if p >= place else 0) ^ swap
    for other in range(workspace.orders.shape[0]):
        items = workspace.orders[other]
        # Without branches: each tuple is written to both sides, and only one side's cursor advances.
        left, right = a, 0
        for p in range(a, b):
            item = items[p]
            goes_right = workspace.side[item]
            items[left] = item
            workspace.spare[right] = item
            left += 1 - goes_right
            right += goes_right
        for q in range(right):
            items[left + q] = workspace.spare[q]


@lean
def partition_stably(
    points: Points,
    items: Ints,
    a: int,
    b: int,
    j: int,
    threshold: np.float32,
    spare: Ints,
) -> int:
    """Partition items `a` up to `b` by column `j` at `threshold`, stably; return where the second side begins."""
    left, right = a, 0
    for p in range(a, b):
        item = items[p]
        goes_right = 1 if points.coordinates[item, j] >= threshold else 0
        items[left] = item
        spare[right] = item
        left += 1 - goes_right
        right += goes_right
    for q in range(right):
        items[left + q] = spare[q]
    return left


@inner
def best_meeting_cut(criteria: Criteria, weight: Ints, workspace: Workspace, a: int, b: int) -> int:
    """Return the dimension of the best cut found with both sides satisfying the models, or -1."""
    while True:
        j = best_cut(workspace)
        # Candidates by ascending loss; a cut whose sides fail the models is struck out.
        if j < 0:
            return j
        items, place = workspace.orders[j], workspace.cut_place[j]
        if meets_criteria(criteria, weight, items[a:place]) and meets_criteria(criteria, weight, items[place:b]):
            return j
        workspace.cut_loss[j] = np.inf
