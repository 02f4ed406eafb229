"""A one-dimensional order of tuples: the leaves of top-down cuts of least loss, from left to right.

Nodes are cut down to single tuples. Of the two sides, the one closer to the preceding tuples comes first. An even
sample of its tuples decides the cut of a large node.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inlined, inner, lean
from shoal_kernels._types import Ints, Words
from shoal_kernels.criteria.block_criteria import Criteria, meets_criteria
from shoal_kernels.partitioning.bounding_boxes import Box, Points, box_loss, clear, enclose, join, make_box
from shoal_kernels.partitioning.cutting import (
    SAMPLE,
    Workspace,
    best_cut,
    best_meeting_cut,
    find_cuts,
    make_workspace,
    partition_stably,
    sort_by_column,
    split_orders,
)
from shoal_kernels.tables.dimensions import Dimensions


class NodeStack(NamedTuple):
    """Nodes to be cut, each with the boxes of its neighbors in the order.

    Attributes
    ----------
    first, last : (depth,) int64
        The node's places, `last` excluded.
    constrained : (depth,) bool
        Whether both sides of the cut must satisfy the models.
    low, high : (2, depth, n_lanes) float32
    bits : (2, depth, n_words) uint64
        Boxes of the nodes before (0) and after (1); empty at the ends.
    """

    first: Ints
    last: Ints
    constrained: npt.NDArray[np.bool_]
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    bits: Words


@inner
def make_node_stack(dims: Dimensions) -> NodeStack:
    """Return a stack deep enough for any node."""
    # The smaller side is always cut first, so the depth is at most log2(n) + 1.
    depth = 66
    box = make_box(dims)
    n_columns, n_words = box.low.shape[0], box.bits.shape[0]
    return NodeStack(
        np.empty(depth, np.int64),
        np.empty(depth, np.int64),
        np.empty(depth, np.bool_),
        np.empty((2, depth, n_columns), np.float32),
        np.empty((2, depth, n_columns), np.float32),
        np.empty((2, depth, n_words), np.uint64),
    )


@inlined
def copy_box(into: Box, source: Box) -> None:
    """Make the box `into` equal to `source`."""
    clear(into.low, into.high, into.bits)
    join(into, source)


@inlined
def store_box(stack: NodeStack, side: int, top: int, box: Box) -> None:
    """Store `box` as the neighbor of node `top`."""
    for column in range(box.low.shape[0]):
        stack.low[side, top, column] = box.low[column]
        stack.high[side, top, column] = box.high[column]
    for word in range(box.bits.shape[0]):
        stack.bits[side, top, word] = box.bits[word]


@inlined
def load_box(stack: NodeStack, side: int, top: int, box: Box) -> None:
    """Read the neighbor of node `top` into `box`."""
    for column in range(box.low.shape[0]):
        box.low[column] = stack.low[side, top, column]
        box.high[column] = stack.high[side, top, column]
    for word in range(box.bits.shape[0]):
        box.bits[word] = stack.bits[side, top, word]


@inlined
def joined_loss(dims: Dimensions, points: Points, one: Box, other: Box, spare: Box) -> float:
    """Return the loss of the box around two boxes."""
    copy_box(spare, one)
    join(spare, other)
    return box_loss(dims, points.all_ordered, points.cap, spare.low, spare.high, spare.bits)


@lean
def should_swap(dims: Dimensions, points: Points, before: Box, left: Box, right: Box, after: Box, spare: Box) -> int:
    """Return 1 if the order before, right, left, after loses less than before, left, right, after; else 0."""
    # Only the joints with the outer neighbors differ: the joint between the two sides is the same in both orders.
    kept = joined_loss(dims, points, before, left, spare) + joined_loss(dims, points, right, after, spare)
    swapped = joined_loss(dims, points, before, right, spare) + joined_loss(dims, points, left, after, spare)
    return 1 if swapped < kept else 0


@lean
def push_sides(
    stack: NodeStack,
    top: int,
    a: int,
    middle: int,
    b: int,
    constrained: bool,  # noqa: FBT001
    before: Box,
    left: Box,
    right: Box,
    after: Box,
) -> int:
    """Push both sides of a cut node, the smaller on top; return the new height."""
    # Each side's neighbor across the cut is the box of the other side.
    if middle - a <= b - middle:
        smaller, larger = top + 1, top
    else:
        smaller, larger = top, top + 1
    stack.first[smaller], stack.last[smaller] = a, middle
    store_box(stack, 0, smaller, before)
    store_box(stack, 1, smaller, right)
    stack.first[larger], stack.last[larger] = middle, b
    store_box(stack, 0, larger, left)
    store_box(stack, 1, larger, after)
    stack.constrained[larger] = stack.constrained[smaller] = constrained
    return top + 2


@inner
def order_tuples(
    dims: Dimensions,
    points: Points,
    criteria: Criteria,
    items: Ints,
    boundary: npt.NDArray[np.bool_],
    constrain_root: bool,  # noqa: FBT001
) -> None:
    """Reorder `items`, all tuples of `points`, so that tuples that lose little in one class are neighbors.

    Parameters
    ----------
    boundary : (n + 1,) bool, out
        True at the first and last place. With models other than k, also at places in between, such that the tuples
        from each boundary to the next satisfy the models.
    """
    n = items.shape[0]
    boundary[:] = False
    boundary[0] = boundary[n] = True
    workspace = make_workspace(dims, points, min(n, SAMPLE), dims.kind.shape[0])
    small, large = make_node_stack(dims), make_node_stack(dims)
    before, left, right, after, spare = (
        make_box(dims),
        make_box(dims),
        make_box(dims),
        make_box(dims),
        make_box(dims),
    )
    sample, scratch = np.empty(min(n, SAMPLE), np.int64), np.empty(n, np.int64)
    large.first[0], large.last[0] = 0, n
    large.constrained[0] = constrain_root
    store_box(large, 0, 0, before)
    store_box(large, 1, 0, after)
    top = 1
    while top > 0:
        top -= 1
        a, b, constrained = large.first[top], large.last[top], large.constrained[top]
        load_box(large, 0, top, before)
        load_box(large, 1, top, after)
        if b - a <= SAMPLE:
            # Small enough to sort in every dimension once: all further cuts of this node work on those orders.
            store_box(small, 0, 0, before)
            store_box(small, 1, 0, after)
            small.constrained[0] = constrained
            for j in range(dims.kind.shape[0]):
                sort_by_column(points, items[a:b], j, b - a, workspace)
            order_small_node(
                dims, points, criteria, workspace, small, b - a, boundary[a : b + 1], before, left, right, after, spare
            )
            items[a:b] = workspace.orders[0, : b - a]
            continue
        for p in range(SAMPLE):
            sample[p] = items[a + p * (b - a) // SAMPLE]
        for j in range(dims.kind.shape[0]):
            sort_by_column(points, sample, j, SAMPLE, workspace)
        j, middle = cut_large_node(dims, points, criteria, workspace, items, a, b, constrained, scratch)
        if j < 0 and constrained:
            # No cut satisfies the models on both sides: the node is a leaf for them, ordered without constraint.
            constrained = False
            j, middle = cut_large_node(dims, points, criteria, workspace, items, a, b, constrained, scratch)
        if j < 0:
            continue
        # Boxes of the two sides are those of the sample: exact ones would cost another pass over the node.
        place = workspace.cut_place[j]
        enclose(points, workspace.orders[j, :place], left)
        enclose(points, workspace.orders[j, place:SAMPLE], right)
        if should_swap(dims, points, before, left, right, after, spare):
            # Swap the two runs of items through `scratch`; the cut moves with them.
            scratch[: middle - a] = items[a:middle]
            scratch[middle - a : b - a] = items[middle:b]
            items[a : a + b - middle] = scratch[middle - a : b - a]
            items[a + b - middle : b] = scratch[: middle - a]
            middle = a + b - middle
            top = push_sides(large, top, a, middle, b, constrained, before, right, left, after)
        else:
            top = push_sides(large, top, a, middle, b, constrained, before, left, right, after)
        boundary[middle] = constrained


@inner
def cut_large_node(
    dims: Dimensions,
    points: Points,
    criteria: Criteria,
    workspace: Workspace,
    items: Ints,
    a: int,
    b: int,
    constrained: bool,  # noqa: FBT001
    scratch: Ints,
) -> tuple[int, int]:
    """Partition items `a` up to `b` by the best cut of the sample; return its dimension and place.

    The dimension is -1 if no cut is possible.
    """
    # The sample proposes one cut per dimension; the first, by loss, that is allowed on all tuples wins.
    find_cuts(dims, points, workspace, 0, SAMPLE, 1)
    while True:
        j = best_cut(workspace)
        if j < 0:
            return -1, 0
        threshold = points.coordinates[workspace.orders[j, workspace.cut_place[j]], j]
        middle = partition_stably(points, items, a, b, j, threshold, scratch)
        if not constrained or (
            meets_criteria(criteria, points.weight, items[a:middle])
            and meets_criteria(criteria, points.weight, items[middle:b])
        ):
            return j, middle
        workspace.cut_loss[j] = np.inf


@lean
def order_pair(
    dims: Dimensions,
    points: Points,
    pair: Ints,
    before: Box,
    left: Box,
    right: Box,
    after: Box,
    spare: Box,
) -> None:
    """Order two tuples so that the one closer to the preceding tuples comes first."""
    enclose(points, pair[:1], left)
    enclose(points, pair[1:], right)
    if should_swap(dims, points, before, left, right, after, spare):
        pair[0], pair[1] = pair[1], pair[0]


@inner
def order_small_node(
    dims: Dimensions,
    points: Points,
    criteria: Criteria,
    workspace: Workspace,
    stack: NodeStack,
    n: int,
    boundary: npt.NDArray[np.bool_],
    before: Box,
    left: Box,
    right: Box,
    after: Box,
    spare: Box,
) -> None:
    """Order the `n` tuples in the workspace, cutting down to single ones; the stack holds the node's neighbors."""
    stack.first[0], stack.last[0] = 0, n
    top = 1
    while top > 0:
        top -= 1
        a, b, constrained = stack.first[top], stack.last[top], stack.constrained[top]
        if b - a < 2:
            continue
        if b - a == 2 and not constrained:
            # Half of all nodes are pairs: compare the two orders directly, without searching for a cut.
            load_box(stack, 0, top, before)
            load_box(stack, 1, top, after)
            order_pair(dims, points, workspace.orders[0, a:b], before, left, right, after, spare)
            continue
        j = -1
        # While constrained, cuts keep the models on both sides; below the last such cut, any cut will do.
        if constrained:
            find_cuts(dims, points, workspace, a, b, criteria.models.k[0])
            j = best_meeting_cut(criteria, points.weight, workspace, a, b)
        if j < 0:
            constrained = False
            find_cuts(dims, points, workspace, a, b, 1)
            j = best_cut(workspace)
        if j < 0:
            continue
        place = workspace.cut_place[j]
        load_box(stack, 0, top, before)
        load_box(stack, 1, top, after)
        enclose(points, workspace.orders[j, a:place], left)
        enclose(points, workspace.orders[j, place:b], right)
        swap = should_swap(dims, points, before, left, right, after, spare)
        # Every order is partitioned, so each side stays sorted in all dimensions and is never sorted again.
        split_orders(workspace, j, place, a, b, swap)
        if swap:
            place = a + b - place
            top = push_sides(stack, top, a, place, b, constrained, before, right, left, after)
        else:
            top = push_sides(stack, top, a, place, b, constrained, before, left, right, after)
        boundary[place] = constrained
