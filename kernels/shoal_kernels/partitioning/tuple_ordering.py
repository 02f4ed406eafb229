"""A one-dimensional order of tuples: top-down cuts that lose least, and the leaves read from left to right.

Cuts go on down to single tuples, and of two sides that one is read first which lies closer to what was read
before. Large nodes are judged by an even sample of their tuples.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inlined, inner, lean
from shoal_kernels.criteria.block_criteria import Bond, holds
from shoal_kernels.partitioning.bounding_boxes import Box, Field, box_loss, clear, enclose, join, make_box
from shoal_kernels.partitioning.cutting import (
    SAMPLE,
    Bench,
    best_bound_cut,
    best_cut,
    find_cuts,
    make_bench,
    part,
    sort_by_lane,
    split_rows,
)
from shoal_kernels.tables.dimensions import Dimensions


class Stack(NamedTuple):
    """Nodes still to be cut, each with the boxes of its neighbors in the order.

    Attributes
    ----------
    first, last : (depth,) int64
        The node's places, `last` excluded.
    bound : (depth,) bool
        Whether the node must be cut so that both sides satisfy the models.
    low, high : (2, depth, n_lanes) float32
    bits : (2, depth, n_words) uint64
        Boxes of what comes before (0) and after (1) the node; empty at the ends.
    """

    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    bound: npt.NDArray[np.bool_]
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    bits: npt.NDArray[np.uint64]


@inner
def make_stack(dims: Dimensions) -> Stack:
    """Return a stack deep enough for any node, as the smaller side is always cut first."""
    depth = 66
    box = make_box(dims)
    n_lanes, n_words = box.low.shape[0], box.bits.shape[0]
    return Stack(
        np.empty(depth, np.int64),
        np.empty(depth, np.int64),
        np.empty(depth, np.bool_),
        np.empty((2, depth, n_lanes), np.float32),
        np.empty((2, depth, n_lanes), np.float32),
        np.empty((2, depth, n_words), np.uint64),
    )


@inlined
def copy_box(into: Box, source: Box) -> None:
    """Make the box `into` equal to `source`."""
    clear(into.low, into.high, into.bits)
    join(into, source)


@inlined
def put_box(stack: Stack, side: int, top: int, box: Box) -> None:
    """Store `box` as the neighbor of node `top`."""
    for lane in range(box.low.shape[0]):
        stack.low[side, top, lane] = box.low[lane]
        stack.high[side, top, lane] = box.high[lane]
    for word in range(box.bits.shape[0]):
        stack.bits[side, top, word] = box.bits[word]


@inlined
def take_box(stack: Stack, side: int, top: int, box: Box) -> None:
    """Read the neighbor of node `top` into `box`."""
    for lane in range(box.low.shape[0]):
        box.low[lane] = stack.low[side, top, lane]
        box.high[lane] = stack.high[side, top, lane]
    for word in range(box.bits.shape[0]):
        box.bits[word] = stack.bits[side, top, word]


@inlined
def joined_loss(dims: Dimensions, field: Field, one: Box, other: Box, spare: Box) -> float:
    """Return the loss of the box around two boxes."""
    copy_box(spare, one)
    join(spare, other)
    return box_loss(dims, field.plain, field.cap, spare.low, spare.high, spare.bits)


@lean
def lies_reversed(dims: Dimensions, field: Field, before: Box, left: Box, right: Box, after: Box, spare: Box) -> int:
    """Return 1 where `right` should be read before `left`, for it lies closer to what comes before."""
    straight = joined_loss(dims, field, before, left, spare) + joined_loss(dims, field, right, after, spare)
    turned = joined_loss(dims, field, before, right, spare) + joined_loss(dims, field, left, after, spare)
    return 1 if turned < straight else 0


@lean
def push_sides(
    stack: Stack,
    top: int,
    a: int,
    middle: int,
    b: int,
    bound: bool,  # noqa: FBT001
    before: Box,
    left: Box,
    right: Box,
    after: Box,
) -> int:
    """Push both sides of a cut node, the smaller on top; return the new height."""
    if middle - a <= b - middle:
        smaller, larger = top + 1, top
    else:
        smaller, larger = top, top + 1
    stack.first[smaller], stack.last[smaller] = a, middle
    put_box(stack, 0, smaller, before)
    put_box(stack, 1, smaller, right)
    stack.first[larger], stack.last[larger] = middle, b
    put_box(stack, 0, larger, left)
    put_box(stack, 1, larger, after)
    stack.bound[larger] = stack.bound[smaller] = bound
    return top + 2


@inner
def arrange(
    dims: Dimensions,
    field: Field,
    bond: Bond,
    items: npt.NDArray[np.int64],
    wall: npt.NDArray[np.bool_],
    bound_root: bool,  # noqa: FBT001
) -> None:
    """Reorder `items`, all tuples of `field`, so that tuples that lose little together stand together.

    Parameters
    ----------
    wall : (n + 1,) bool, out
        Where there are models besides k: the first and last place, and places in between so that the tuples
        from each wall to the next satisfy the models. False elsewhere.
    """
    n = items.shape[0]
    wall[:] = False
    wall[0] = wall[n] = True
    bench = make_bench(dims, field, min(n, SAMPLE), dims.kind.shape[0])
    small, large = make_stack(dims), make_stack(dims)
    before, left, right, after, spare = (
        make_box(dims),
        make_box(dims),
        make_box(dims),
        make_box(dims),
        make_box(dims),
    )
    picked, held = np.empty(min(n, SAMPLE), np.int64), np.empty(n, np.int64)
    large.first[0], large.last[0] = 0, n
    large.bound[0] = bound_root
    put_box(large, 0, 0, before)
    put_box(large, 1, 0, after)
    top = 1
    while top > 0:
        top -= 1
        a, b, bound = large.first[top], large.last[top], large.bound[top]
        take_box(large, 0, top, before)
        take_box(large, 1, top, after)
        if b - a <= SAMPLE:
            put_box(small, 0, 0, before)
            put_box(small, 1, 0, after)
            small.bound[0] = bound
            for j in range(dims.kind.shape[0]):
                sort_by_lane(field, items[a:b], j, b - a, bench)
            arrange_small(dims, field, bond, bench, small, b - a, wall[a : b + 1], before, left, right, after, spare)
            items[a:b] = bench.orders[0, : b - a]
            continue
        for p in range(SAMPLE):
            picked[p] = items[a + p * (b - a) // SAMPLE]
        for j in range(dims.kind.shape[0]):
            sort_by_lane(field, picked, j, SAMPLE, bench)
        j, middle = cut_large(dims, field, bond, bench, items, a, b, bound, held)
        if j < 0 and bound:
            bound = False
            j, middle = cut_large(dims, field, bond, bench, items, a, b, bound, held)
        if j < 0:
            continue
        place = bench.cut_place[j]
        enclose(field, bench.orders[j, :place], left)
        enclose(field, bench.orders[j, place:SAMPLE], right)
        if lies_reversed(dims, field, before, left, right, after, spare):
            held[: middle - a] = items[a:middle]
            held[middle - a : b - a] = items[middle:b]
            items[a : a + b - middle] = held[middle - a : b - a]
            items[a + b - middle : b] = held[: middle - a]
            middle = a + b - middle
            top = push_sides(large, top, a, middle, b, bound, before, right, left, after)
        else:
            top = push_sides(large, top, a, middle, b, bound, before, left, right, after)
        wall[middle] = bound


@inner
def cut_large(
    dims: Dimensions,
    field: Field,
    bond: Bond,
    bench: Bench,
    items: npt.NDArray[np.int64],
    a: int,
    b: int,
    bound: bool,  # noqa: FBT001
    held: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Part items `a` up to `b` by the best cut of the sample on the bench; return its dimension and place.

    The dimension is -1 where no cut is possible.
    """
    find_cuts(dims, field, bench, 0, SAMPLE, 1)
    while True:
        j = best_cut(bench)
        if j < 0:
            return -1, 0
        border = field.lane[bench.orders[j, bench.cut_place[j]], j]
        middle = part(field, items, a, b, j, border, held)
        if not bound or (holds(bond, field.weight, items[a:middle]) and holds(bond, field.weight, items[middle:b])):
            return j, middle
        bench.cut_loss[j] = np.inf


@lean
def turn_pair(
    dims: Dimensions,
    field: Field,
    pair: npt.NDArray[np.int64],
    before: Box,
    left: Box,
    right: Box,
    after: Box,
    spare: Box,
) -> None:
    """Put that tuple of two first that lies closer to what comes before."""
    enclose(field, pair[:1], left)
    enclose(field, pair[1:], right)
    if lies_reversed(dims, field, before, left, right, after, spare):
        pair[0], pair[1] = pair[1], pair[0]


@inner
def arrange_small(
    dims: Dimensions,
    field: Field,
    bond: Bond,
    bench: Bench,
    stack: Stack,
    n: int,
    wall: npt.NDArray[np.bool_],
    before: Box,
    left: Box,
    right: Box,
    after: Box,
    spare: Box,
) -> None:
    """Arrange the `n` tuples on the bench down to single ones; the stack holds the node's neighbors."""
    stack.first[0], stack.last[0] = 0, n
    top = 1
    while top > 0:
        top -= 1
        a, b, bound = stack.first[top], stack.last[top], stack.bound[top]
        if b - a < 2:
            continue
        if b - a == 2 and not bound:
            take_box(stack, 0, top, before)
            take_box(stack, 1, top, after)
            turn_pair(dims, field, bench.orders[0, a:b], before, left, right, after, spare)
            continue
        j = -1
        if bound:
            find_cuts(dims, field, bench, a, b, bond.models.k[0])
            j = best_bound_cut(bond, field.weight, bench, a, b)
        if j < 0:
            bound = False
            find_cuts(dims, field, bench, a, b, 1)
            j = best_cut(bench)
        if j < 0:
            continue
        place = bench.cut_place[j]
        take_box(stack, 0, top, before)
        take_box(stack, 1, top, after)
        enclose(field, bench.orders[j, a:place], left)
        enclose(field, bench.orders[j, place:b], right)
        flip = lies_reversed(dims, field, before, left, right, after, spare)
        split_rows(bench, j, place, a, b, flip)
        if flip:
            place = a + b - place
            top = push_sides(stack, top, a, place, b, bound, before, right, left, after)
        else:
            top = push_sides(stack, top, a, place, b, bound, before, left, right, after)
        wall[place] = bound
