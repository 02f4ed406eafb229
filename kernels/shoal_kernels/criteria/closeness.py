"""Distances of one class to the whole table: the three distances of t-closeness.

The table's shares are themselves rounded; see `close_enough`.
"""

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Floats, Ints
from shoal_kernels.criteria.privacy_models import CLOSE_EQUAL, CLOSE_ORDERED, Models

_EPSILON = 2.0**-52


@inner
def distance_equal(histogram: Ints, reference: Floats, n_rows: int) -> float:
    """Return half the sum of absolute differences of the shares (Li et al. 2007, section 4)."""
    total = 0.0
    for v in range(len(histogram)):
        total += abs(histogram[v] / n_rows - reference[v])
    return total / 2


@inner
def distance_ordered(histogram: Ints, reference: Floats, n_rows: int) -> float:
    """Return the earth mover's distance over ranks at equal distances (Li et al. 2007, section 4.1)."""
    total, running = 0.0, 0.0
    # On a line the mover's work is the sum of absolute prefix sums of the differences.
    for v in range(len(histogram)):
        running += histogram[v] / n_rows - reference[v]
        total += abs(running)
    return total / max(1, len(histogram) - 1)


@inner
def distance_tree(
    histogram: Ints,
    reference: Floats,
    n_rows: int,
    ancestor: Ints,
    depth: int,
) -> float:
    """Return the earth mover's distance over a hierarchy (Li et al. 2007, section 4.2).

    The paper charges node N of height h out of H with ``h / H * min(pos_extra(N), neg_extra(N))``. That
    minimum is half of (sum of abs(extra) over N's children - abs(extra(N))), so the sum over all nodes
    telescopes to ``1 / (2 H) * sum of abs(extra) over all nodes below the root``.
    """
    size = len(histogram)
    extra = np.empty(size, np.float64)
    total = 0.0
    for level in range(depth - 1):
        # Sum the extras of all values under each node; reading `ancestor` by level needs no tree walk.
        extra[:] = 0.0
        for v in range(size):
            extra[ancestor[level * size + v]] += histogram[v] / n_rows - reference[v]
        for v in range(size):
            total += abs(extra[v])
    return total / (2 * max(1, depth - 1))


@inlined
def close_enough(distance: float, limit: float, n_values: int) -> bool:
    """Return whether a distance computed over `n_values` shares is at most `limit`.

    Shares of class and reference are rounded, so a class that lies on the limit exactly may come out above
    it by rounding error alone. The allowance bounds that error: under 1e-12 for 4,000 values. The limit
    itself, a decimal fraction kept as a float, is not known more closely than the allowance.
    """
    return distance <= limit + (n_values + 4) * _EPSILON


@inner
def distance_to_reference(models: Models, j: int, histogram: Ints, n_rows: int) -> float:
    """Return the distance that CLOSE model `j` bounds; `histogram` spans all columns."""
    first, last = models.first[j], models.last[j]
    own, reference = histogram[first:last], models.reference[first:last]
    # All three are O(values of the column), times its levels for a hierarchy.
    if models.kind[j] == CLOSE_EQUAL:
        return distance_equal(own, reference, n_rows)
    if models.kind[j] == CLOSE_ORDERED:
        return distance_ordered(own, reference, n_rows)
    return distance_tree(own, reference, n_rows, models.ancestor[models.tree_start[j] :], models.depth[j])
