"""Local improvement of classes: the tuples of two classes that lie close are cut anew where that loses less.

Which classes lie close is read from an order of one tuple of each class. Another tuple of each class gives
another order, so that every round meets other pairs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inner, lean
from shoal_kernels.criteria.block_criteria import Bond
from shoal_kernels.partitioning.bounding_boxes import (
    Box,
    Field,
    Lanes,
    box_loss,
    clear,
    enclose,
    make_box,
    mark,
    widen,
)
from shoal_kernels.partitioning.cutting import (
    SAMPLE,
    Bench,
    best_bound_cut,
    best_cut,
    find_cut,
    make_bench,
    sort_by_lane,
    sort_order,
)
from shoal_kernels.partitioning.tuple_ordering import arrange
from shoal_kernels.tables.dimensions import Dimensions

Counts = npt.NDArray[np.int64]


class Classes(NamedTuple):
    """Classes as linked lists of their tuples.

    Attributes
    ----------
    head : (n_classes,) int64
        First tuple of each class.
    follower : (n,) int64
        Next tuple of the same class, -1 at the end.
    size : (n_classes,) int64
        Tuples of each class.
    cost : (n_classes,) float64
        Loss of all rows of the class.
    """

    head: Counts
    follower: Counts
    size: Counts
    cost: npt.NDArray[np.float64]


@lean
def link(dims: Dimensions, field: Field, classes: Classes, c: int, items: Counts, box: Box) -> None:
    """Make `items` the tuples of class `c`."""
    follower = -1
    for item in items:
        classes.follower[item] = follower
        follower = item
    classes.head[c] = follower
    classes.size[c] = items.shape[0]
    rows = enclose(field, items, box)
    classes.cost[c] = rows * box_loss(dims, field.plain, field.cap, box.low, box.high, box.bits)


@lean
def gather(classes: Classes, c: int, into: Counts, place: int) -> int:
    """Write the tuples of class `c` at `place`; return the place after them."""
    item = classes.head[c]
    while item >= 0:
        into[place] = item
        place += 1
        item = classes.follower[item]
    return place


@lean
def order_around(dims: Dimensions, field: Field, items: Counts, seed: int, n: int, row: int, bench: Bench) -> None:
    """Sort the first `n` of `items` by what each loses in one class with `seed`, into one order of the bench."""
    plain, cap, lane, sets = field.plain, field.cap, field.lane, field.sets
    low, high, bits = bench.box.low, bench.box.high, bench.box.bits
    key, target = bench.key, bench.orders[row]
    for p in range(n):
        clear(low, high, bits)
        widen(lane, seed, low, high)
        mark(sets, lane, seed, bits)
        widen(lane, items[p], low, high)
        mark(sets, lane, items[p], bits)
        target[p] = items[p]
        key[p] = box_loss(dims, plain, cap, low, high, bits)
    sort_order(bench, row, n)


@lean
def is_constant(lane: Lanes, items: Counts, n: int, j: int) -> bool:
    """Return whether the first `n` of `items` are equal in lane `j`."""
    x = lane[items[0], j]
    for p in range(1, n):  # noqa: SIM110 - compiled, a plain loop is the quick one
        if lane[items[p], j] != x:
            return False
    return True


@lean
def find_new_cuts(
    dims: Dimensions, field: Field, least: int, union: Counts, n: int, seed: int, other_seed: int, bench: Bench
) -> None:
    """Find the best cut of the first `n` of `union` in each dimension and around either seed."""
    d = dims.kind.shape[0]
    for j in range(d):
        bench.cut_loss[j] = np.inf
        if is_constant(field.lane, union, n, j):
            continue
        sort_by_lane(field, union, j, n, bench)
        find_cut(dims, field, bench, j, 0, n, least)
    order_around(dims, field, union, seed, n, d, bench)
    find_cut(dims, field, bench, d, 0, n, least)
    order_around(dims, field, union, other_seed, n, d + 1, bench)
    find_cut(dims, field, bench, d + 1, 0, n, least)


@inner
def cut_anew(
    dims: Dimensions,
    field: Field,
    bond: Bond,
    classes: Classes,
    home: Counts,
    seed: int,
    other_seed: int,
    union: Counts,
    bench: Bench,
    box: Box,
) -> bool:
    """Cut the tuples of the classes of two seeds anew where that loses less; return whether it did."""
    c, other = home[seed], home[other_seed]
    n = int(classes.size[c] + classes.size[other])
    if n > union.shape[0]:
        return False
    gather(classes, other, union, gather(classes, c, union, 0))
    find_new_cuts(dims, field, bond.models.k[0], union, n, seed, other_seed, bench)
    if bond.models.kind.shape[0] == 0:  # noqa: SIM108
        j = best_cut(bench)
    else:
        j = best_bound_cut(bond, field.weight, bench, 0, n)
    if j < 0 or bench.cut_loss[j] >= (classes.cost[c] + classes.cost[other]) * (1 - 1e-6):
        return False
    place = bench.cut_place[j]
    link(dims, field, classes, c, bench.orders[j, :place], box)
    link(dims, field, classes, other, bench.orders[j, place:n], box)
    return True


@inner
def make_classes(dims: Dimensions, field: Field, items: Counts, begin: Counts, count: int, box: Box) -> Classes:
    """Return the `count` classes that begin at `begin` in `items`."""
    n = items.shape[0]
    follower, cost = np.empty(n, np.int64), np.empty(count, np.float64)
    classes = Classes(np.empty(count, np.int64), follower, np.empty(count, np.int64), cost)
    for c in range(count):
        end = begin[c + 1] if c + 1 < count else n
        link(dims, field, classes, c, items[begin[c] : end], box)
    return classes


@inner
def improve(
    dims: Dimensions,
    field: Field,
    bond: Bond,
    items: Counts,
    begin: Counts,
    count: int,
    rounds: int,
    class_id: Counts,
) -> None:
    """Improve the `count` classes that begin at `begin` in `items`, and write the class of each tuple.

    Even rounds take neighbors in the order of classes, odd rounds neighbors but one.
    """
    n = items.shape[0]
    box = make_box(dims)
    classes = make_classes(dims, field, items, begin, count, box)
    most = min(n, max(SAMPLE, 4 * bond.models.k[0]))
    bench = make_bench(dims, field, most, dims.kind.shape[0] + 2)
    union = np.empty(most, np.int64)
    home = class_id
    chosen, wall = np.empty(count, np.int64), np.empty(count + 1, np.bool_)
    for round_ in range(rounds):
        for c in range(count):
            item = classes.head[c]
            for _ in range((c * 7 + round_) % classes.size[c]):
                item = classes.follower[item]
            chosen[c] = item
            home[item] = c
        arrange(dims, field, bond, chosen, wall, False)  # noqa: FBT003
        step = 1 + round_ % 2
        for place in range(count - step):
            cut_anew(dims, field, bond, classes, home, chosen[place], chosen[place + step], union, bench, box)
    for c in range(count):
        item = classes.head[c]
        while item >= 0:
            class_id[item] = c
            item = classes.follower[item]
