"""A one-dimensional order of tuples: top-down cuts that lose least, and the leaves read from left to right.

Each cut takes the dimension and value for which the rows of the two sides, each side generalized to its own
bounding box, lose least; Mondrian (LeFevre, DeWitt, Ramakrishnan 2006) cuts the widest range at its median
instead. Cuts go on down to single tuples, and of the two sides that one is read first which lies closer to
what was read before. Large nodes are judged by an even sample of their tuples.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inlined, inner, lean
from shoal_kernels.binding import Bond, holds
from shoal_kernels.boxes import Box, Field, box_loss, clear, enclose, join, make_box, mark, widen
from shoal_kernels.dimensions import Dimensions

SAMPLE = 256
"""Tuples that judge the cut of a larger node."""
RUN = 24
"""Tuples sorted by insertion before they are merged."""


class Bench(NamedTuple):
    """Working memory for one node of at most n tuples.

    Attributes
    ----------
    orders : (n_orders, n) int64
        The node's tuples, once for each dimension, sorted by its lane; more orders where they are asked for.
    key : (n,) float32
        What the order at hand is sorted by.
    spare : (n,) int64
    spare_key : (n,) float32
    prefix : (n,) float64
        Loss of the tuples before each place; negative where no cut is possible.
    side : (n_field,) uint8
    cut_loss : (n_orders,) float64
        Loss of the best cut in each dimension, infinite where there is none.
    cut_place : (n_orders,) int64
    box : Box
    """

    orders: npt.NDArray[np.int64]
    key: npt.NDArray[np.float32]
    spare: npt.NDArray[np.int64]
    spare_key: npt.NDArray[np.float32]
    prefix: npt.NDArray[np.float64]
    side: npt.NDArray[np.uint8]
    cut_loss: npt.NDArray[np.float64]
    cut_place: npt.NDArray[np.int64]
    box: Box


@inner
def make_bench(dims: Dimensions, field: Field, n: int, n_orders: int) -> Bench:
    """Return working memory for nodes of at most `n` tuples of `field`, read in `n_orders` orders."""
    return Bench(
        np.empty((n_orders, n), np.int64),
        np.empty(n, np.float32),
        np.empty(n, np.int64),
        np.empty(n, np.float32),
        np.empty(n, np.float64),
        np.zeros(field.weight.shape[0], np.uint8),
        np.full(n_orders, np.inf),
        np.empty(n_orders, np.int64),
        make_box(dims),
    )


@lean
def sort_by_lane(field: Field, items: npt.NDArray[np.int64], j: int, n: int, bench: Bench) -> None:
    """Write the first `n` of `items` into order `j`, sorted by lane `j`; equal lanes keep their order."""
    lane, key, target = field.lane, bench.key, bench.orders[j]
    for p in range(n):
        target[p] = items[p]
        key[p] = lane[items[p], j]
    sort_order(bench, j, n)


@lean
def sort_order(bench: Bench, row: int, n: int) -> None:
    """Sort the first `n` tuples of an order by `key`, and `key` with them; equal keys keep their order."""
    items, key, spare, spare_key = bench.orders[row], bench.key, bench.spare, bench.spare_key
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
def find_cuts(dims: Dimensions, field: Field, bench: Bench, a: int, b: int, least: int) -> None:
    """Find the cut that loses least in each dimension, for the node at `a` up to `b` of each row of `orders`.

    Each side keeps at least `least` rows.
    """
    lane, key = field.lane, bench.key
    for j in range(dims.kind.shape[0]):
        items = bench.orders[j]
        if lane[items[a], j] == lane[items[b - 1], j]:
            bench.cut_loss[j] = np.inf
            continue
        for p in range(a, b):
            key[p] = lane[items[p], j]
        find_cut(dims, field, bench, j, a, b, least)


@lean
def find_cut(dims: Dimensions, field: Field, bench: Bench, row: int, a: int, b: int, least: int) -> None:
    """Find the cut that loses least between unequal keys of one order, for the node at `a` up to `b`."""
    plain, cap, lane, weight, sets = field.plain, field.cap, field.lane, field.weight, field.sets
    low, high, bits = bench.box.low, bench.box.high, bench.box.bits
    prefix, key, items = bench.prefix, bench.key, bench.orders[row]
    rows = 0
    for p in range(a, b):
        rows += weight[items[p]]
    best, best_place = np.inf, -1
    clear(low, high, bits)
    before = 0
    for p in range(a, b):
        item = items[p]
        prefix[p] = -1.0
        if p > a and key[p] != key[p - 1] and before >= least and rows - before >= least:
            prefix[p] = before * box_loss(dims, plain, cap, low, high, bits)
        widen(lane, item, low, high)
        mark(sets, lane, item, bits)
        before += weight[item]
    clear(low, high, bits)
    after = 0
    for p in range(b - 1, a, -1):
        item = items[p]
        widen(lane, item, low, high)
        mark(sets, lane, item, bits)
        after += weight[item]
        if prefix[p] >= 0.0:
            loss = prefix[p] + after * box_loss(dims, plain, cap, low, high, bits)
            if loss < best:
                best, best_place = loss, p
    bench.cut_loss[row], bench.cut_place[row] = best, best_place


@lean
def best_cut(bench: Bench) -> int:
    """Return the dimension of the best cut found, -1 where there is none left."""
    best, best_j = np.inf, -1
    for j in range(bench.cut_loss.shape[0]):
        if bench.cut_loss[j] < best:
            best, best_j = bench.cut_loss[j], j
    return best_j


@lean
def split_rows(bench: Bench, j: int, place: int, a: int, b: int, flip: int) -> None:
    """Part every row of `orders` at `place` of row `j`; the second part comes first where `flip` is 1."""
    for p in range(a, b):
        bench.side[bench.orders[j, p]] = (1 if p >= place else 0) ^ flip
    for other in range(bench.orders.shape[0]):
        items = bench.orders[other]
        left, right = a, 0
        for p in range(a, b):
            item = items[p]
            goes_right = bench.side[item]
            items[left] = item
            bench.spare[right] = item
            left += 1 - goes_right
            right += goes_right
        for q in range(right):
            items[left + q] = bench.spare[q]


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
    bound_root: bool,
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
def part(
    field: Field,
    items: npt.NDArray[np.int64],
    a: int,
    b: int,
    j: int,
    border: np.float32,
    held: npt.NDArray[np.int64],
) -> int:
    """Part items `a` up to `b` at lane value `border`, in stable order; return where the second part begins."""
    left, right = a, 0
    for p in range(a, b):
        item = items[p]
        goes_right = 1 if field.lane[item, j] >= border else 0
        items[left] = item
        held[right] = item
        left += 1 - goes_right
        right += goes_right
    for q in range(right):
        items[left + q] = held[q]
    return left


@inner
def best_bound_cut(bond: Bond, weight: npt.NDArray[np.int64], bench: Bench, a: int, b: int) -> int:
    """Return the dimension of the best cut found whose sides both satisfy the models, -1 where there is none."""
    while True:
        j = best_cut(bench)
        if j < 0:
            return j
        items, place = bench.orders[j], bench.cut_place[j]
        if holds(bond, weight, items[a:place]) and holds(bond, weight, items[place:b]):
            return j
        bench.cut_loss[j] = np.inf


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
