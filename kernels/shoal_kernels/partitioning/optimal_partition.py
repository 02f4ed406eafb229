"""The optimal partition of an order of tuples into classes of neighbors, by dynamic programming.

Ghinita, Karras, Kalnis and Mamoulis 2007, "Fast data anonymization with low information loss", section 4:
optimal one-dimensional k-anonymity. A class that can be cut into two runs of at least k rows each never
loses less than the two, so only shorter classes are tried. A tuple counts with its weight in rows.
"""

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inner, lean
from shoal_kernels._types import Ints
from shoal_kernels.criteria.block_criteria import Criteria, add_to_histogram
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.partitioning.bounding_boxes import Points, box_loss, clear, make_box, mark, widen
from shoal_kernels.tables.dimensions import Dimensions

ENDS_PER_K = 64
"""Number of places per k rows at which runs may end; bounds the work if k is large."""


@inner
def mark_ends(weight: Ints, items: Ints, k: int) -> npt.NDArray[np.bool_]:
    """Return the places where runs may begin and end: all for small `k`, else one in `k / ENDS_PER_K` rows."""
    n = items.shape[0]
    may_end = np.zeros(n + 1, np.bool_)
    rows = 0
    may_end[0], may_end[n] = True, True
    for p in range(n):
        rows += weight[items[p]]
        if rows * ENDS_PER_K >= k:
            may_end[p + 1] = True
            rows = 0
    return may_end


@inner
def optimal_partition(dims: Dimensions, points: Points, items: Ints, k: int, begin: Ints) -> int:
    """Partition `items` into runs of at least `k` rows with the least loss; return their number.

    Parameters
    ----------
    items : (n,) int64
        Tuples of `points`; together they hold at least `k` rows.
    begin : (n,) int64, out
        First place of each run, ascending; entries after the last run are unused.
    """
    # best[p]: least loss of any partition of the first p tuples; cut[p]: where its last run begins.
    n = items.shape[0]
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    cut = np.zeros(n + 1, np.int64)
    box = make_box(dims)
    low, high, bits = box.low, box.high, box.bits
    all_ordered, cap, coordinates, weight, sets = (
        points.all_ordered,
        points.cap,
        points.coordinates,
        points.weight,
        points.sets,
    )
    may_end = mark_ends(weight, items, k)
    for end in range(1, n + 1):
        if not may_end[end]:
            continue
        # The run grows to the left and its box with it, so each candidate run costs one box update.
        clear(low, high, bits)
        rows, rows_of_last = 0, 0
        for p in range(end - 1, -1, -1):
            item = items[p]
            widen(coordinates, item, low, high)
            mark(sets, coordinates, item, bits)
            rows += weight[item]
            if rows < k or not may_end[p]:
                continue
            if rows_of_last == 0:
                rows_of_last = rows
            elif rows - rows_of_last >= k:
                # This run, and every longer one, can be cut into two of at least k rows.
                break
            # best[p] is final, because p < end; the loss of a run is its rows times that of one row.
            if best[p] < np.inf:
                loss = best[p] + rows * box_loss(dims, all_ordered, cap, low, high, bits)
                if loss < best[end]:
                    best[end] = loss
                    cut[end] = p
    return trace_back(cut, begin)


@lean
def trace_back(cut: Ints, begin: Ints) -> int:
    """Write the first place of each run of the best partition; return their number."""
    count = 0
    end = cut.shape[0] - 1
    while end > 0:
        # From the end back to 0: the starts come in descending order and are reversed below.
        end = cut[end]
        begin[count] = end
        count += 1
    for p in range(count // 2):
        begin[p], begin[count - 1 - p] = begin[count - 1 - p], begin[p]
    return count


@inner
def partition_meeting(
    dims: Dimensions,
    points: Points,
    criteria: Criteria,
    items: Ints,
    boundary: npt.NDArray[np.bool_],
    begin: Ints,
) -> int:
    """Partition `items` into runs that satisfy the models, with little loss; return their number.

    Whether a run satisfies the models does not follow from its parts, so the search stops at twice the rows of
    the shortest run that does. The runs between boundaries satisfy them, so a partition is always found.

    Parameters
    ----------
    boundary : (n + 1,) bool
        True at both ends; the tuples from each boundary to the next satisfy the models.
    begin : (n,) int64, out
    """
    n = items.shape[0]
    k = criteria.models.k[0]
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    cut = np.zeros(n + 1, np.int64)
    box = make_box(dims)
    low, high, bits = box.low, box.high, box.bits
    may_end = mark_ends(points.weight, items, k)
    last_boundary, boundary_before = 0, 0
    for end in range(1, n + 1):
        if boundary[end]:
            boundary_before, last_boundary = last_boundary, end
        if not may_end[end] and not boundary[end]:
            continue
        clear(low, high, bits)
        criteria.histogram[:] = 0
        # Runs of up to 8 k + 64 rows are tried; once one satisfies the models, only up to twice its rows plus k.
        rows, max_rows = 0, 8 * k + 64
        for p in range(end - 1, -1, -1):
            widen(points.coordinates, items[p], low, high)
            mark(points.sets, points.coordinates, items[p], bits)
            add_to_histogram(criteria, items[p])
            rows += int(points.weight[items[p]])
            # The run between two boundaries satisfies the models by construction and is always tried.
            leaf = boundary[end] and p == boundary_before
            if rows > max_rows and not leaf:
                if not boundary[end] or p < boundary_before:
                    break
                continue
            if rows < k or best[p] == np.inf:
                continue
            loss = best[p] + rows * box_loss(dims, points.all_ordered, points.cap, low, high, bits)
            if loss < best[end] and (leaf or satisfies(criteria.models, criteria.histogram, rows)):
                best[end], cut[end] = loss, p
                max_rows = min(max_rows, 2 * rows + k)
    return trace_back(cut, begin)
