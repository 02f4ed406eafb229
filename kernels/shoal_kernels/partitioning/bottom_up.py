"""Classes by peeling: of all cells that generalization makes, the cheapest that satisfy the models, one by one.

A *vector* says how far each dimension climbs its ladder; it parts the tuples into cells. Vectors are visited by
what they cost, cheapest first. A visit counts the tuples that are still free into their cells; each cell that
satisfies the models becomes a class and leaves the rest, so dense places keep fine labels and only what is
sparse climbs on. The cells of one vector cost more or less, as nodes of one level hold more or fewer leaves: the
vector's first turn comes midway between its cheapest and its average cell, and a cell that costs more waits
for a turn of its own.

Full-domain generalization (Samarati 2001; LeFevre, DeWitt and Ramakrishnan 2005) takes one vector for the whole
table; here every class has its own, which is local recoding.
"""

import heapq
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import inner, kernel, matrix, vector
from shoal_kernels.criteria.block_criteria import Bond, count_in, holds, make_bond
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.criteria.privacy_models import CELLS, MODELS, Cells, Models
from shoal_kernels.partitioning.generalization_levels import Ladder, make_ladder
from shoal_kernels.partitioning.residuals import attach
from shoal_kernels.tables.dimensions import DIMENSIONS, Dimensions

EFFORT = 4096
"""Visits of the whole block that may be paid for; what is free after that is left over."""
MAX_VECTORS = 1 << 17
"""Vectors that may wait for their turn."""
VISIT = 64
"""What a visit costs by itself, in tuples."""

Ints = npt.NDArray[np.int64]


class Pool(NamedTuple):
    """The free tuples, and working memory for a visit.

    Attributes
    ----------
    item : (n,) int64
        Tuple of the block at each place; -1 where it was taken.
    weight : (n,) int64
        Rows of each tuple of the block.
    key, next_place : (n,) uint64, (n,) int64
        Cell of each place, and the next place in the same cell.
    slot_key, slot_turn, slot_rows, slot_place : (n_slots,) uint64 and int64
        The cells of one visit as a hash table: the visit it belongs to, rows, and the last place.
    full : (n,) int64
        Slots that hold at least k rows.
    """

    item: Ints
    weight: Ints
    key: npt.NDArray[np.uint64]
    next_place: Ints
    slot_key: npt.NDArray[np.uint64]
    slot_turn: Ints
    slot_rows: Ints
    slot_place: Ints
    full: Ints


class Vectors(NamedTuple):
    """Vectors that were thought of, and those that wait.

    Attributes
    ----------
    rung : (MAX_VECTORS, d) int16
        Rungs climbed in each dimension.
    last : (MAX_VECTORS,) int64
        The last dimension that climbed: only it and later ones climb on, so no vector comes twice.
    expanded : (MAX_VECTORS,) bool
        Those that follow are thought of.
    known : (1,) int64
        How many were thought of.
    """

    rung: npt.NDArray[np.int16]
    last: Ints
    expanded: npt.NDArray[np.bool_]
    known: Ints


@inner
def make_pool(weight: Ints, tuples: Ints) -> Pool:
    """Return a pool of all `tuples`."""
    n = tuples.shape[0]
    n_slots = 2
    while n_slots < 2 * n:
        n_slots *= 2
    return Pool(
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
def tally(ladder: Ladder, pool: Pool, rung: npt.NDArray[np.int16], m: int, turn: int, k: int) -> int:
    """Count the first `m` places into cells; return how many cells hold at least `k` rows."""
    key, item, weight, next_place = pool.key, pool.item, pool.weight, pool.next_place
    slot_key, slot_turn, slot_rows = pool.slot_key, pool.slot_turn, pool.slot_rows
    slot_place, full = pool.slot_place, pool.full
    key[:m] = 0
    for j in range(rung.shape[0]):
        word = ladder.word[ladder.first[j] + rung[j]]
        for p in range(m):
            key[p] += word[p]
    mask = np.uint64(1)
    while np.int64(mask) + 1 < 2 * m:
        mask = np.uint64(2) * mask + np.uint64(1)
    mask = min(mask, np.uint64(slot_key.shape[0] - 1))
    count = 0
    for p in range(m):
        if item[p] < 0:
            continue
        own = key[p]
        slot = np.int64(own & mask)
        while slot_turn[slot] == turn and slot_key[slot] != own:
            slot = np.int64((np.uint64(slot) + np.uint64(1)) & mask)
        if slot_turn[slot] != turn:
            slot_turn[slot], slot_key[slot] = turn, own
            slot_rows[slot], slot_place[slot] = 0, -1
        before = slot_rows[slot]
        rows = before + weight[item[p]]
        slot_rows[slot] = rows
        next_place[p] = slot_place[slot]
        slot_place[slot] = p
        if before < k and rows >= k:
            full[count] = slot
            count += 1
    return count


@inner
def cell_holds(bond: Bond, pool: Pool, slot: int) -> bool:
    """Return whether the cell satisfies the models; it holds at least k rows."""
    if bond.models.kind.shape[0] == 0:
        return True
    bond.histogram[:] = 0
    p = pool.slot_place[slot]
    while p >= 0:
        count_in(bond, int(pool.item[p]))
        p = pool.next_place[p]
    return satisfies(bond.models, bond.histogram, pool.slot_rows[slot])


@inner
def pack(ladder: Ladder, pool: Pool, m: int) -> int:
    """Close the gaps among the first `m` places; return how many are left."""
    left = 0
    for p in range(m):
        if pool.item[p] >= 0:
            pool.next_place[left] = p
            pool.item[left] = pool.item[p]
            left += 1
    for rung in range(ladder.word.shape[0]):
        word, cost = ladder.word[rung], ladder.cost[rung]
        for q in range(left):
            p = pool.next_place[q]
            word[q], cost[q] = word[p], cost[p]
    return left


@inner
def expand(ladder: Ladder, vectors: Vectors, v: int, heap: list[tuple[float, int]]) -> None:
    """Let the vectors that climb one rung higher than `v` wait for their turn."""
    vectors.expanded[v] = True
    d = vectors.rung.shape[1]
    for j in range(vectors.last[v], d):
        new = vectors.known[0]
        if new == vectors.rung.shape[0]:
            return
        if ladder.first[j] + vectors.rung[v, j] + 1 == ladder.first[j + 1]:
            continue
        vectors.rung[new] = vectors.rung[v]
        vectors.rung[new, j] += 1
        vectors.last[new] = j
        vectors.known[0] += 1
        due = 0.0
        for other in range(d):
            due += ladder.due[ladder.first[other] + vectors.rung[new, other]]
        heapq.heappush(heap, (float(due), int(new)))


@inner
def cell_cost(ladder: Ladder, rung: npt.NDArray[np.int16], place: int) -> float:
    """Return what a row of the tuple at `place` loses in its cell."""
    cost = 0.0
    for j in range(rung.shape[0]):
        cost += ladder.cost[ladder.first[j] + rung[j], place]
    return cost


@inner
def peel_cells(ladder: Ladder, pool: Pool, bond: Bond, class_id: Ints) -> int:
    """Give tuples their classes, cheapest cells first; return how many classes. What is left over keeps -1."""
    n, k = class_id.shape[0], bond.models.k[0]
    class_id[:] = -1
    d = ladder.first.shape[0] - 1
    vectors = Vectors(
        np.zeros((MAX_VECTORS, d), np.int16),
        np.zeros(MAX_VECTORS, np.int64),
        np.zeros(MAX_VECTORS, np.bool_),
        np.ones(1, np.int64),
    )
    heap = [(0.0, 0)]
    rows, m, gaps, turn, classes, effort = pool.weight.sum(), n, 0, 0, 0, 0
    while len(heap) > 0 and rows >= k and effort < EFFORT * (n + VISIT):
        due, v = heapq.heappop(heap)
        rung = vectors.rung[v]
        if not vectors.expanded[v]:
            expand(ladder, vectors, v, heap)
        turn += 1
        effort += m + VISIT
        later = np.inf
        for q in range(tally(ladder, pool, rung, m, turn, k)):
            slot = pool.full[q]
            p = pool.slot_place[slot]
            cost = cell_cost(ladder, rung, int(p))
            if cost > due + 1e-12:
                later = min(later, cost)
            elif cell_holds(bond, pool, slot):
                rows -= pool.slot_rows[slot]
                while p >= 0:
                    class_id[pool.item[p]] = classes
                    pool.item[p] = -1
                    p = pool.next_place[p]
                    gaps += 1
                classes += 1
        if later < np.inf:
            heapq.heappush(heap, (later, v))
        if 8 * gaps > m:
            m, gaps = pack(ladder, pool, m), 0
    return classes


@inner
def free_last(weight: Ints, bond: Bond, class_id: Ints, classes: int) -> int:
    """Dissolve the last classes until what is left over is nothing or satisfies the models; return how many remain.

    The last classes are the most general ones: to climb further costs them least.
    """
    while True:
        left = np.flatnonzero(class_id < 0)
        if left.shape[0] == 0 or holds(bond, weight, left):
            return classes
        classes -= 1
        for p in range(class_id.shape[0]):
            if class_id[p] == classes:
                class_id[p] = -1


@kernel(
    types.void(
        DIMENSIONS,
        matrix(types.uint64),
        vector(types.int64),
        CELLS,
        MODELS,
        vector(types.int64),
        types.int64[::1],
        types.int64[::1],
    )
)
def peel(
    dims: Dimensions,
    words: npt.NDArray[np.uint64],
    weight: Ints,
    cells: Cells,
    models: Models,
    tuples: Ints,
    class_id: Ints,
    n_classes: Ints,
) -> None:
    """Group the tuples of one block into the cheapest cells that satisfy `models`.

    Parameters
    ----------
    dims, words, weight : see `shoal_kernels.tables.dimensions`
    cells, models : see `shoal_kernels.criteria.privacy_models`
    tuples : (n,) int64, n at least 1, ascending
        The block; as one class it satisfies `models`.
    class_id : (n,) int64, out
        Class of each of `tuples`, from 0 without gaps; -1 where left over. What is left over satisfies `models`
        as one class, unless it is nothing.
    n_classes : (1,) int64, out
    """
    ladder = make_ladder(dims, words, weight, tuples, models.k[0])
    pool = make_pool(weight, tuples)
    bond = make_bond(models, cells, tuples)
    classes = peel_cells(ladder, pool, bond, class_id)
    n_classes[0] = classes
    if models.kind.shape[0] == 0 and classes > 0 and pool.weight[class_id < 0].sum() < models.k[0]:
        attach(dims, words, weight, tuples, class_id, classes)
    else:
        n_classes[0] = free_last(pool.weight, bond, class_id, classes)
