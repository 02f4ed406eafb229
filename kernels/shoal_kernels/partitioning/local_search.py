"""Local search: the tuples of two neighboring classes are cut again, in another way, if that loses less.

Neighbors are read from an order of one tuple of each class. Every round chooses another tuple of each class, so
the order differs and other pairs are tried.
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner, lean
from shoal_kernels._types import Floats, Ints
from shoal_kernels.criteria.block_criteria import Criteria
from shoal_kernels.partitioning.bounding_boxes import (
    Box,
    Coordinates,
    Points,
    box_loss,
    clear,
    enclose,
    make_box,
    mark,
    widen,
)
from shoal_kernels.partitioning.cutting import (
    SAMPLE,
    Workspace,
    best_cut,
    best_meeting_cut,
    find_cut,
    make_workspace,
    sort_by_column,
    sort_order,
)
from shoal_kernels.partitioning.tuple_ordering import order_tuples
from shoal_kernels.tables.dimensions import Dimensions


class Classes(NamedTuple):
    """Classes as linked lists of their tuples.

    Attributes
    ----------
    head : (n_classes,) int64
        First tuple of each class.
    next_item : (n,) int64
        Next tuple of the same class, -1 at the end.
    size : (n_classes,) int64
        Tuples of each class.
    cost : (n_classes,) float64
        Loss of all rows of the class.
    """

    head: Ints
    next_item: Ints
    size: Ints
    cost: Floats


@lean
def set_members(dims: Dimensions, points: Points, classes: Classes, c: int, items: Ints, box: Box) -> None:
    """Make `items` the tuples of class `c`."""
    next_item = -1
    for item in items:
        classes.next_item[item] = next_item
        next_item = item
    classes.head[c] = next_item
    classes.size[c] = items.shape[0]
    rows = enclose(points, items, box)
    classes.cost[c] = rows * box_loss(dims, points.all_ordered, points.cap, box.low, box.high, box.bits)


@lean
def copy_members(classes: Classes, c: int, into: Ints, place: int) -> int:
    """Write the tuples of class `c` at `place`; return the place after them."""
    item = classes.head[c]
    while item >= 0:
        into[place] = item
        place += 1
        item = classes.next_item[item]
    return place


@lean
def order_by_loss_with(
    dims: Dimensions, points: Points, items: Ints, seed: int, n: int, row: int, workspace: Workspace
) -> None:
    """Sort the first `n` of `items` by the loss of each in one class with `seed`, into order `row`."""
    all_ordered, cap, coordinates, sets = points.all_ordered, points.cap, points.coordinates, points.sets
    low, high, bits = workspace.box.low, workspace.box.high, workspace.box.bits
    key, target = workspace.key, workspace.orders[row]
    for p in range(n):
        clear(low, high, bits)
        widen(coordinates, seed, low, high)
        mark(sets, coordinates, seed, bits)
        widen(coordinates, items[p], low, high)
        mark(sets, coordinates, items[p], bits)
        target[p] = items[p]
        key[p] = box_loss(dims, all_ordered, cap, low, high, bits)
    sort_order(workspace, row, n)


@lean
def is_constant(coordinates: Coordinates, items: Ints, n: int, j: int) -> bool:
    """Return whether the first `n` of `items` are equal in lane `j`."""
    x = coordinates[items[0], j]
    for p in range(1, n):  # noqa: SIM110 - compiled, a plain loop is the quick one
        if coordinates[items[p], j] != x:
            return False
    return True


@lean
def find_pair_cuts(
    dims: Dimensions,
    points: Points,
    min_rows: int,
    union: Ints,
    n: int,
    seed: int,
    other_seed: int,
    workspace: Workspace,
) -> None:
    """Find the best cut of the first `n` of `union` in each dimension and around either seed."""
    d = dims.kind.shape[0]
    for j in range(d):
        workspace.cut_loss[j] = np.inf
        if is_constant(points.coordinates, union, n, j):
            continue
        sort_by_column(points, union, j, n, workspace)
        find_cut(dims, points, workspace, j, 0, n, min_rows)
    order_by_loss_with(dims, points, union, seed, n, d, workspace)
    find_cut(dims, points, workspace, d, 0, n, min_rows)
    order_by_loss_with(dims, points, union, other_seed, n, d + 1, workspace)
    find_cut(dims, points, workspace, d + 1, 0, n, min_rows)


@inner
def recut_pair(
    dims: Dimensions,
    points: Points,
    criteria: Criteria,
    classes: Classes,
    class_of: Ints,
    seed: int,
    other_seed: int,
    union: Ints,
    workspace: Workspace,
    box: Box,
) -> bool:
    """Replace the classes of two seeds by the best other cut of their tuples; return whether that loses less."""
    c, other = class_of[seed], class_of[other_seed]
    n = int(classes.size[c] + classes.size[other])
    if n > union.shape[0]:
        return False
    # All cuts by one dimension, and by distance from either seed, are candidates.
    copy_members(classes, other, union, copy_members(classes, c, union, 0))
    find_pair_cuts(dims, points, criteria.models.k[0], union, n, seed, other_seed, workspace)
    if criteria.models.kind.shape[0] == 0:
        j = best_cut(workspace)
    else:
        j = best_meeting_cut(criteria, points.weight, workspace, 0, n)
    # The margin keeps float32 rounding from swapping two equal cuts back and forth.
    if j < 0 or workspace.cut_loss[j] >= (classes.cost[c] + classes.cost[other]) * (1 - 1e-6):
        return False
    place = workspace.cut_place[j]
    set_members(dims, points, classes, c, workspace.orders[j, :place], box)
    set_members(dims, points, classes, other, workspace.orders[j, place:n], box)
    return True


@inner
def make_classes(dims: Dimensions, points: Points, items: Ints, begin: Ints, count: int, box: Box) -> Classes:
    """Return the `count` classes that begin at `begin` in `items`."""
    n = items.shape[0]
    next_item, cost = np.empty(n, np.int64), np.empty(count, np.float64)
    classes = Classes(np.empty(count, np.int64), next_item, np.empty(count, np.int64), cost)
    for c in range(count):
        end = begin[c + 1] if c + 1 < count else n
        set_members(dims, points, classes, c, items[begin[c] : end], box)
    return classes


@inner
def improve_classes(
    dims: Dimensions,
    points: Points,
    criteria: Criteria,
    items: Ints,
    begin: Ints,
    count: int,
    rounds: int,
    class_id: Ints,
) -> None:
    """Improve the `count` classes that begin at `begin` in `items`, and write the class of each tuple.

    Even rounds take neighbors in the order of classes, odd rounds neighbors but one.
    """
    n = items.shape[0]
    box = make_box(dims)
    classes = make_classes(dims, points, items, begin, count, box)
    most = min(n, max(SAMPLE, 4 * criteria.models.k[0]))
    workspace = make_workspace(dims, points, most, dims.kind.shape[0] + 2)
    union = np.empty(most, np.int64)
    # `class_id` is written at the end; until then it maps each chosen tuple to its class.
    class_of = class_id
    chosen, boundary = np.empty(count, np.int64), np.empty(count + 1, np.bool_)
    for round_ in range(rounds):
        for c in range(count):
            item = classes.head[c]
            # Another member each round; the factor 7 makes neighboring classes choose different members.
            for _ in range((c * 7 + round_) % classes.size[c]):
                item = classes.next_item[item]
            chosen[c] = item
            class_of[item] = c
        order_tuples(dims, points, criteria, chosen, boundary, False)  # noqa: FBT003
        step = 1 + round_ % 2
        for place in range(count - step):
            recut_pair(
                dims, points, criteria, classes, class_of, chosen[place], chosen[place + step], union, workspace, box
            )
    for c in range(count):
        item = classes.head[c]
        while item >= 0:
            class_id[item] = c
            item = classes.next_item[item]
