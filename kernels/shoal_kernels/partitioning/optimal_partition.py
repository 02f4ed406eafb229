"""The optimal grouping of an order of tuples into classes of neighbors, by dynamic programming.

Ghinita, Karras, Kalnis and Mamoulis 2007, "Fast data anonymization with low information loss", section 4:
optimal one-dimensional k-anonymity. A class that could be cut in two neighbors of at least k rows each never
loses less than the two, so only shorter classes are tried; tuples weigh as many rows as they stand for.
"""

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inner, lean
from shoal_kernels.criteria.block_criteria import Bond, count_in
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.partitioning.bounding_boxes import Field, box_loss, clear, make_box, mark, widen
from shoal_kernels.tables.dimensions import Dimensions

MAX_STOPS = 64
"""Places per k rows at which runs may end; spares work where k is large."""


@inner
def mark_stops(weight: npt.NDArray[np.int64], items: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.bool_]:
    """Return where runs may begin and end: everywhere for small `k`, else every `k / MAX_STOPS` rows."""
    n = items.shape[0]
    stop = np.zeros(n + 1, np.bool_)
    rows = 0
    stop[0], stop[n] = True, True
    for p in range(n):
        rows += weight[items[p]]
        if rows * MAX_STOPS >= k:
            stop[p + 1] = True
            rows = 0
    return stop


@inner
def chain(dims: Dimensions, field: Field, items: npt.NDArray[np.int64], k: int, begin: npt.NDArray[np.int64]) -> int:
    """Cut `items` into runs of at least `k` rows that lose least; return how many.

    Parameters
    ----------
    items : (n,) int64
        Tuples of `field`; together they hold at least `k` rows.
    begin : (n,) int64, out
        The first entries become the place where each run begins, ascending.
    """
    n = items.shape[0]
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    cut = np.zeros(n + 1, np.int64)
    box = make_box(dims)
    low, high, bits = box.low, box.high, box.bits
    plain, cap, lane, weight, sets = field.plain, field.cap, field.lane, field.weight, field.sets
    stop = mark_stops(weight, items, k)
    for end in range(1, n + 1):
        if not stop[end]:
            continue
        clear(low, high, bits)
        rows, rows_of_last = 0, 0
        for p in range(end - 1, -1, -1):
            item = items[p]
            widen(lane, item, low, high)
            mark(sets, lane, item, bits)
            rows += weight[item]
            if rows < k or not stop[p]:
                continue
            if rows_of_last == 0:
                rows_of_last = rows
            elif rows - rows_of_last >= k:
                break
            if best[p] < np.inf:
                loss = best[p] + rows * box_loss(dims, plain, cap, low, high, bits)
                if loss < best[end]:
                    best[end] = loss
                    cut[end] = p
    return follow(cut, begin)


@lean
def follow(cut: npt.NDArray[np.int64], begin: npt.NDArray[np.int64]) -> int:
    """Write where the runs of the best grouping begin; return how many there are."""
    count = 0
    end = cut.shape[0] - 1
    while end > 0:
        end = cut[end]
        begin[count] = end
        count += 1
    for p in range(count // 2):
        begin[p], begin[count - 1 - p] = begin[count - 1 - p], begin[p]
    return count


@inner
def chain_bound(
    dims: Dimensions,
    field: Field,
    bond: Bond,
    items: npt.NDArray[np.int64],
    wall: npt.NDArray[np.bool_],
    begin: npt.NDArray[np.int64],
) -> int:
    """Cut `items` into runs that satisfy the models and lose little; return how many.

    Whether a run satisfies the models does not follow from its parts, so the search stops at twice the rows of
    the shortest run that does. The runs between two walls are always at hand, so a grouping is always found.

    Parameters
    ----------
    wall : (n + 1,) bool
        True at both ends; the tuples from each wall to the next satisfy the models.
    begin : (n,) int64, out
    """
    n = items.shape[0]
    k = bond.models.k[0]
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    cut = np.zeros(n + 1, np.int64)
    box = make_box(dims)
    low, high, bits = box.low, box.high, box.bits
    stop = mark_stops(field.weight, items, k)
    last_wall, wall_before = 0, 0
    for end in range(1, n + 1):
        if wall[end]:
            wall_before, last_wall = last_wall, end
        if not stop[end] and not wall[end]:
            continue
        clear(low, high, bits)
        bond.histogram[:] = 0
        rows, most = 0, 8 * k + 64
        for p in range(end - 1, -1, -1):
            widen(field.lane, items[p], low, high)
            mark(field.sets, field.lane, items[p], bits)
            count_in(bond, items[p])
            rows += int(field.weight[items[p]])
            leaf = wall[end] and p == wall_before
            if rows > most and not leaf:
                if not wall[end] or p < wall_before:
                    break
                continue
            if rows < k or best[p] == np.inf:
                continue
            loss = best[p] + rows * box_loss(dims, field.plain, field.cap, low, high, bits)
            if loss < best[end] and (leaf or satisfies(bond.models, bond.histogram, rows)):
                best[end], cut[end] = loss, p
                most = min(most, 2 * rows + k)
    return follow(cut, begin)
