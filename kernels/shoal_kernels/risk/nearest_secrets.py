"""Attribute inference: the share of the nearest released rows whose secret value is the record's."""

import numpy as np

from shoal_kernels._types import Matrix, OutVector, Vector, kernel
from shoal_kernels.risk.linked_parts import Part
from shoal_kernels.risk.mixed_neighbors import find_nearest


@kernel
def guess_secrets(
    query: Matrix[np.float64],
    secret: Vector[np.float64],
    part: Part,
    begin: Vector[np.int64],
    low: Vector[np.float64],
    high: Vector[np.float64],
    weight: Vector[np.int64],
    probability: OutVector[np.float64],
) -> None:
    """Compute for each record the probability that a guess among its nearest released rows is right.

    Parameters
    ----------
    query : (n, d) float64
        What is known of each record.
    secret : (n,) float64
        What is to be guessed.
    part : Part
        Distinct tuples of the known columns in the release.
    begin : (m + 1,) int64
        Where the pairs of each tuple and a secret value begin.
    low, high : (p,) float64
        Secrets for which the value of a pair is a right guess.
    weight : (p,) int64
        Rows of each pair.
    probability : (n,) float64, out
        Over even choices among the rows that are equally near.
    """
    m = len(part.weight)
    found, found_at = np.empty(m, np.int64), np.empty(m)
    for i in range(len(probability)):
        n_found, _ = find_nearest(query[i], part.point, part.weight, 1, found, found_at)
        rows, right = 0, 0
        for t in found[:n_found]:
            rows += part.weight[t]
            for p in range(begin[t], begin[t + 1]):
                if low[p] <= secret[i] <= high[p]:
                    right += weight[p]
        probability[i] = right / rows
