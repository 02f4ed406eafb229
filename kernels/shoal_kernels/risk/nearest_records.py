"""Exact distance-based record linkage: whether each record's own masked record is the nearest to it."""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints, Matrix, OutVector, Vector, kernel
from shoal_kernels.masking.kd_tree import MAX_HEIGHT, KdTree, build_tree, least_distance, square_distance


@inner
def _rows_as_near(tree: KdTree, weight: Ints, query: Floats, distance: float) -> float:
    """Return the number of rows exactly at a squared distance from a query; 0 if any is nearer."""
    first_leaf = (1 << tree.height) - 1
    stack = np.empty(MAX_HEIGHT, np.int64)
    stack[0] = 0
    depth, rows = 1, 0.0
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if least_distance(tree, node, query) > distance:
            continue
        if node >= first_leaf:
            begin = tree.number.shape[0] * (node - first_leaf) >> tree.height
            for p in range(begin, begin + tree.live[node]):
                at = square_distance(tree.point, p, query)
                if at < distance:
                    return 0.0
                if at == distance:
                    rows += float(weight[tree.number[p]])
            continue
        left, right = 2 * node + 1, 2 * node + 2
        # The nearer child is visited first, because any nearer record ends the search.
        if least_distance(tree, left, query) < least_distance(tree, right, query):
            left, right = right, left
        stack[depth], stack[depth + 1] = left, right
        depth += 2
    return rows


@kernel
def link_nearest(
    original: Matrix[np.float64],
    masked: Matrix[np.float64],
    weight: Vector[np.int64],
    own: Vector[np.int64],
    probability: OutVector[np.float64],
) -> None:
    """Compute for each record the probability that a guess among its nearest masked records is its own.

    Parameters
    ----------
    original : (n, d) float64
    masked : (m, d) float64
        Distinct masked records, m >= 1.
    weight : (m,) int64
        Rows of each masked record.
    own : (n,) int64, below m
        The masked record of each record.
    probability : (n,) float64, out
        1 / number of nearest rows if the record's own is among them, else 0.
    """
    tree = build_tree(masked)
    for i in range(original.shape[0]):
        distance = square_distance(masked, own[i], original[i])
        rows = _rows_as_near(tree, weight, original[i], distance)
        probability[i] = 1.0 / rows if rows > 0 else 0.0
