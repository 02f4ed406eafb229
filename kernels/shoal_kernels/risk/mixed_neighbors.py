"""Nearest neighbors of mixed columns, ties included: numbers scaled by their range, categories equal or not.

Every column is a coordinate with gaps cut at 1: numbers lie in [0, 1], categories and nulls an integer apart
from every other value. So the distance of two tuples is the sum of ``min(|x - y|, 1)`` over the columns, which is
Gower's (1971, "A general coefficient of similarity and some of its properties") without division by their number.
"""

import math

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints

SAME = 1e-12
"""Distances that differ by no more are equal, whatever the order in which columns are added."""
_BLOCK = 512
"""Candidates whose distances are held at a time, in the first-level cache."""


@inner
def _fill_distances(query: Floats, candidates: Floats, begin: int, distance: Floats) -> float:
    """Set the distances of some candidates, (d, m) float64, from number `begin` on; return the least."""
    distance[:] = 0.0
    for j in range(len(query)):
        # A slice, whose numbers need no check for negative indices: so this is four numbers a step.
        column, x = candidates[j, begin : begin + len(distance)], query[j]
        for i in range(len(distance)):
            gap = abs(column[i] - x)
            distance[i] += gap if gap < 1.0 else 1.0
    # Four at once, because a single running minimum waits for itself.
    a = b = c = d = math.inf
    tail = len(distance) - len(distance) % 4
    for i in range(0, tail, 4):
        a = distance[i] if distance[i] < a else a
        b = distance[i + 1] if distance[i + 1] < b else b
        c = distance[i + 2] if distance[i + 2] < c else c
        d = distance[i + 3] if distance[i + 3] < d else d
    for i in range(tail, len(distance)):
        a = distance[i] if distance[i] < a else a
    return min(min(a, b), min(c, d))


@inner
def _narrow(at: float, rows: int, near: Floats, near_rows: Ints, n_near: int) -> int:
    """Insert a distance in order, and drop those beyond the first k rows; return how many are left."""
    k = len(near)
    place = min(n_near, k - 1)
    while place > 0 and at < near[place - 1]:
        near[place], near_rows[place] = near[place - 1], near_rows[place - 1]
        place -= 1
    near[place], near_rows[place] = at, rows
    total = 0
    for i in range(min(n_near + 1, k)):
        total += near_rows[i]
        if total >= k:
            return i + 1
    return min(n_near + 1, k)


@inner
def find_nearest(
    query: Floats, candidates: Floats, weight: Ints, k: int, found: Ints, found_at: Floats
) -> tuple[int, float]:
    """Find the tuples that can be among the k nearest rows of a query.

    Parameters
    ----------
    query : (d,) float64
    candidates : (d, m) float64, m >= 1
    weight : (m,) int64, at least 1
        Rows of each tuple, at least k in all.
    k : int, at least 1
    found, found_at : (m,) int64 and float64, out
        Tuples no farther than the k-th nearest row, ascending, and their distances.

    Returns
    -------
    n_found : int
    bound : float
        Distance of the k-th nearest row. Those at `SAME` from it tie for the last places.
    """
    m = len(weight)
    distance, near, near_rows = np.empty(min(_BLOCK, m)), np.empty(k), np.empty(k, np.int64)
    n_near, n_found, bound = 0, 0, math.inf
    for begin in range(0, m, _BLOCK):
        block = distance[: min(_BLOCK, m - begin)]
        # Most blocks hold nothing that is near enough, once a few are seen.
        if _fill_distances(query, candidates, begin, block) > bound + SAME:
            continue
        for i in range(len(block)):
            at = block[i]
            if at > bound + SAME:
                continue
            found[n_found], found_at[n_found] = begin + i, at
            n_found += 1
            if at < bound:
                n_near = _narrow(at, weight[begin + i], near, near_rows, n_near)
                rows = 0
                for e in range(n_near):
                    rows += near_rows[e]
                if rows >= k:
                    bound = near[n_near - 1]
    # What was near enough when it was found may not be at the end.
    kept = 0
    for e in range(n_found):
        if found_at[e] <= bound + SAME:
            found[kept], found_at[kept] = found[e], found_at[e]
            kept += 1
    return kept, bound
