"""Bottom-up local recoding: take the cheapest cells that satisfy the models as classes, one by one.

A *node* is one generalization level for each dimension; it partitions the tuples into cells. Nodes are visited in
order of cost, cheapest first. A visit counts the free tuples of each cell; a cell that satisfies the models
becomes a class and its tuples are free no more. So dense regions keep fine labels, and only sparse ones are
generalized further. Cells of one node differ in cost, because hierarchy nodes of one level cover different numbers
of leaves: a node's first visit has a priority midway between its least and its mean cost, and a cell that costs
more waits for another visit of the same node.

Full-domain generalization (Samarati 2001; LeFevre, DeWitt and Ramakrishnan 2005) uses one node for the whole
table; here every class has its own, which is local recoding.
"""

import heapq
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inner
from shoal_kernels._types import Ints, Matrix, OutVector, Vector, Words, kernel
from shoal_kernels.criteria.block_criteria import Criteria, add_to_histogram, make_criteria, meets_criteria
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.partitioning.generalization_levels import Levels, make_levels
from shoal_kernels.partitioning.residuals import reassign_residuals
from shoal_kernels.tables.dimensions import Dimensions

MAX_WORK = 4096
"""Largest total work, in visits of the whole block; tuples still free after that are residuals."""
MAX_NODES = 1 << 17
"""Largest number of nodes generated."""
VISIT_COST = 64
"""Fixed cost of a visit, in tuples."""


class Candidates(NamedTuple):
    """The free tuples, and workspace for a visit.

    Attributes
    ----------
    item : (n,) int64
        Tuple of the block at each place; -1 where it was taken.
    weight : (n,) int64
        Rows of each tuple of the block.
    key, next_place : (n,) uint64, (n,) int64
        Cell of each place, and the next place in the same cell.
    slot_key, slot_visit, slot_rows, slot_place : (n_slots,) uint64 and int64
        Cells as a hash table: number of the visit that filled the slot, rows, and last place. Slots of earlier
        visits count as empty, so the table is never cleared.
    large : (n,) int64
        Slots of the cells with at least k rows.
    """

    item: Ints
    weight: Ints
    key: Words
    next_place: Ints
    slot_key: Words
    slot_visit: Ints
    slot_rows: Ints
    slot_place: Ints
    large: Ints


class Nodes(NamedTuple):
    """All nodes generated so far.

    Attributes
    ----------
    level : (MAX_NODES, d) int16
        Generalization level of each dimension.
    last : (MAX_NODES,) int64
        The last dimension that was raised: only it and later ones are raised next, so no node is generated twice.
    expanded : (MAX_NODES,) bool
        Whether the node's coarser neighbors were generated.
    n_known : (1,) int64
        Number of nodes generated.
    """

    level: npt.NDArray[np.int16]
    last: Ints
    expanded: npt.NDArray[np.bool_]
    n_known: Ints


@inner
def make_candidates(weight: Ints, tuples: Ints) -> Candidates:
    """Return candidates with all `tuples` free."""
    n = tuples.shape[0]
    n_slots = 2
    while n_slots < 2 * n:
        n_slots *= 2
    return Candidates(
        np.arange(n),
        weight[tuples],
        np.empty(n, np.uint64),
        np.empty(n, np.int64),
        np.empty(n_slots, np.uint64),
        np.full(n_slots, -1, np.int64),
        np.empty(n_slots, np.int64),
        np.empty(n_slots, np.int64),
        np.empty(n, np.int64),
    )


@inner
def count_cells(
    levels: Levels, candidates: Candidates, level: npt.NDArray[np.int16], m: int, visit: int, k: int
) -> int:
    """Count the first `m` places into cells; return how many cells hold at least `k` rows."""
    key, item, weight, next_place = candidates.key, candidates.item, candidates.weight, candidates.next_place
    slot_key, slot_visit, slot_rows = candidates.slot_key, candidates.slot_visit, candidates.slot_rows
    slot_place, large = candidates.slot_place, candidates.large
    key[:m] = 0
    # A cell's key is the sum of one digest per dimension: one vector addition each, whatever the packing.
    for j in range(level.shape[0]):
        digest = levels.digest[levels.first[j] + level[j]]
        for p in range(m):
            key[p] += digest[p]
    mask = np.uint64(1)
    # Use only as many slots as the free tuples need, so that late visits stay in cache.
    while np.int64(mask) + 1 < 2 * m:
        mask = np.uint64(2) * mask + np.uint64(1)
    mask = min(mask, np.uint64(slot_key.shape[0] - 1))
    count = 0
    for p in range(m):
        if item[p] < 0:
            continue
        # Linear probing: a slot is free unless this visit filled it.
        own = key[p]
        slot = np.int64(own & mask)
        while slot_visit[slot] == visit and slot_key[slot] != own:
            slot = np.int64((np.uint64(slot) + np.uint64(1)) & mask)
        if slot_visit[slot] != visit:
            slot_visit[slot], slot_key[slot] = visit, own
            slot_rows[slot], slot_place[slot] = 0, -1
        before = slot_rows[slot]
        rows = before + weight[item[p]]
        slot_rows[slot] = rows
        # Push the place onto the cell's linked list.
        next_place[p] = slot_place[slot]
        slot_place[slot] = p
        # The row that brings the cell to k lists it, exactly once.
        if before < k and rows >= k:
            large[count] = slot
            count += 1
    return count


@inner
def cell_satisfies(criteria: Criteria, candidates: Candidates, slot: int) -> bool:
    """Return whether a cell of at least k rows satisfies the models."""
    if criteria.models.kind.shape[0] == 0:
        return True
    criteria.histogram[:] = 0
    p = candidates.slot_place[slot]
    while p >= 0:
        add_to_histogram(criteria, int(candidates.item[p]))
        p = candidates.next_place[p]
    return satisfies(criteria.models, criteria.histogram, candidates.slot_rows[slot])


@inner
def compact(levels: Levels, candidates: Candidates, m: int) -> int:
    """Move the free tuples among the first `m` places to the front; return their number."""
    left = 0
    for p in range(m):
        if candidates.item[p] >= 0:
            # `next_place` is free between visits: here it maps new places to old ones.
            candidates.next_place[left] = p
            candidates.item[left] = candidates.item[p]
            left += 1
    for level in range(levels.digest.shape[0]):
        digest, cost = levels.digest[level], levels.cost[level]
        for q in range(left):
            p = candidates.next_place[q]
            digest[q], cost[q] = digest[p], cost[p]
    return left


@inner
def push_coarser(levels: Levels, nodes: Nodes, v: int, heap: list[tuple[float, int]]) -> None:
    """Push the nodes one level above `v` in one dimension onto the heap."""
    nodes.expanded[v] = True
    d = nodes.level.shape[1]
    for j in range(nodes.last[v], d):
        new = nodes.n_known[0]
        if new == nodes.level.shape[0]:
            return
        if levels.first[j] + nodes.level[v, j] + 1 == levels.first[j + 1]:
            continue
        nodes.level[new] = nodes.level[v]
        nodes.level[new, j] += 1
        nodes.last[new] = j
        nodes.n_known[0] += 1
        # Priorities add up over dimensions and never fall with a level, so the heap visits finer nodes first.
        priority = 0.0
        for other in range(d):
            priority += levels.priority[levels.first[other] + nodes.level[new, other]]
        heapq.heappush(heap, (float(priority), int(new)))


@inner
def cell_cost(levels: Levels, level: npt.NDArray[np.int16], place: int) -> float:
    """Return the loss of a row of the tuple at `place` in its cell."""
    cost = 0.0
    for j in range(level.shape[0]):
        cost += levels.cost[levels.first[j] + level[j], place]
    return cost


@inner
def take_cells(levels: Levels, candidates: Candidates, criteria: Criteria, class_id: Ints) -> int:
    """Assign tuples to classes, cheapest cells first; return the number of classes. Residuals keep -1."""
    n, k = class_id.shape[0], criteria.models.k[0]
    class_id[:] = -1
    d = levels.first.shape[0] - 1
    nodes = Nodes(
        np.zeros((MAX_NODES, d), np.int16),
        np.zeros(MAX_NODES, np.int64),
        np.zeros(MAX_NODES, np.bool_),
        np.ones(1, np.int64),
    )
    heap = [(0.0, 0)]
    rows, m, gaps, visit, classes, work = candidates.weight.sum(), n, 0, 0, 0, 0
    while len(heap) > 0 and rows >= k and work < MAX_WORK * (n + VISIT_COST):
        # Ties of priority go to the node generated first, so the result is deterministic.
        priority, v = heapq.heappop(heap)
        level = nodes.level[v]
        if not nodes.expanded[v]:
            push_coarser(levels, nodes, v, heap)
        visit += 1
        # Every visit scans the first m places: bounding the sum of these bounds the time.
        work += m + VISIT_COST
        next_cost = np.inf
        for q in range(count_cells(levels, candidates, level, m, visit, k)):
            slot = candidates.large[q]
            p = candidates.slot_place[slot]
            cost = cell_cost(levels, level, int(p))
            # Costlier than promised: postpone to the cheapest such cost, when the node is visited again.
            if cost > priority + 1e-12:
                next_cost = min(next_cost, cost)
            elif cell_satisfies(criteria, candidates, slot):
                # Take every tuple of the cell; its places become gaps.
                rows -= candidates.slot_rows[slot]
                while p >= 0:
                    class_id[candidates.item[p]] = classes
                    candidates.item[p] = -1
                    p = candidates.next_place[p]
                    gaps += 1
                classes += 1
        if next_cost < np.inf:
            heapq.heappush(heap, (next_cost, v))
        # Compact once an eighth is taken: amortized O(1) per taken tuple and level.
        if 8 * gaps > m:
            m, gaps = compact(levels, candidates, m), 0
    return classes


@inner
def dissolve_last(weight: Ints, criteria: Criteria, class_id: Ints, classes: int) -> int:
    """Dissolve the last classes until no residual remains or all satisfy the models; return the number of classes.

    The last classes are the most general ones, so their tuples lose least by further generalization.
    """
    while True:
        left = np.flatnonzero(class_id < 0)
        if left.shape[0] == 0 or meets_criteria(criteria, weight, left):
            return classes
        classes -= 1
        for p in range(class_id.shape[0]):
            if class_id[p] == classes:
                class_id[p] = -1


@kernel
def group_bottom_up(
    dims: Dimensions,
    words: Matrix[np.uint64],
    weight: Vector[np.int64],
    cells: Cells,
    models: Models,
    tuples: Vector[np.int64],
    class_id: OutVector[np.int64],
    n_classes: OutVector[np.int64],
) -> None:
    """Group the tuples of one block into the cheapest cells that satisfy `models`.

    Parameters
    ----------
    dims, words, weight : see `shoal_kernels.tables.dimensions`
    cells, models : see `shoal_kernels.criteria.privacy_models`
    tuples : (n,) int64, n at least 1, ascending
        The block; as one class it satisfies `models`.
    class_id : (n,) int64, out
        Class of each of `tuples`, from 0 without gaps; -1 for residuals. All residuals together satisfy `models`
        as one class, if there are any.
    n_classes : (1,) int64, out
    """
    levels = make_levels(dims, words, weight, tuples, models.k[0])
    candidates = make_candidates(weight, tuples)
    criteria = make_criteria(models, cells, tuples)
    classes = take_cells(levels, candidates, criteria, class_id)
    n_classes[0] = classes
    if models.kind.shape[0] == 0 and classes > 0 and candidates.weight[class_id < 0].sum() < models.k[0]:
        reassign_residuals(dims, words, weight, tuples, class_id, classes)
    else:
        n_classes[0] = dissolve_last(candidates.weight, criteria, class_id, classes)
