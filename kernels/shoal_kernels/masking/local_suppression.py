"""Local suppression: the cells that each tuple keeps, such that at least k rows agree on them.

A run of fewer than k rows that agree on a set of columns is not split further, because no larger set is feasible
for them. Every subset of a set is visited before it, so the last better choice wins.
"""

import numpy as np

from shoal_kernels._types import Matrix, OutMatrix, OutVector, Vector, kernel
from shoal_kernels.tables.stripped_partitions import columns_of, lowest_column, next_set, split_runs


@kernel
def choose_kept(
    codes: Matrix[np.uint32],
    weight: Vector[np.int64],
    worth: Vector[np.int64],
    k: int,
    tuples: OutMatrix[np.uint32],
    bounds: OutMatrix[np.uint32],
    left_out: OutVector[np.uint32],
    first: OutVector[np.int64],
    place: OutVector[np.int64],
    n_runs: OutVector[np.int64],
    kept: OutVector[np.int64],
    kept_worth: OutVector[np.int64],
) -> None:
    """Choose for every tuple the most valuable set of columns on which at least `k` rows agree with it.

    Parameters
    ----------
    codes : (d, n) uint32
        Distinct tuples, column by column; d at most 62.
    weight : (n,) int64
        Rows of each tuple.
    worth : (d,) int64
        Value of a cell of each column, at least 1.
    k : int
        At most the sum of `weight`.
    tuples, bounds : (d + 1, n) and (d + 1, n + 1) uint32, in and out
        The first row is one run of all tuples.
    left_out : (n,) uint32, out
    first, place : (largest number of codes,) int64
        `first` is 0 everywhere.
    n_runs : (d + 1,) int64, in and out
        1 in the first place.
    kept : (n,) int64, in and out
        Bit masks; 0, no column, before.
    kept_worth : (n,) int64, in and out
        0 before.
    """
    d = codes.shape[0]
    mask = next_set(0, d)
    while mask < 1 << d:
        columns = columns_of(mask)
        n_runs[columns], _ = split_runs(
            codes[lowest_column(mask)],
            weight,
            k,
            tuples[columns - 1],
            bounds[columns - 1],
            n_runs[columns - 1],
            tuples[columns],
            bounds[columns],
            left_out,
            first,
            place,
        )
        total = 0
        for j in range(d):
            if (mask >> j) & 1:
                total += worth[j]
        for t in tuples[columns, : bounds[columns, n_runs[columns]]]:
            if total > kept_worth[t]:
                kept[t], kept_worth[t] = mask, total
        mask = next_set(mask, d)


@kernel
def keep_more(
    codes: Matrix[np.uint16],
    weight: Vector[np.int64],
    worth: Vector[np.int64],
    k: int,
    order: Vector[np.int64],
    kept: OutVector[np.uint16],
) -> None:
    """Keep more cells of tuples that suppressed cells of others match.

    Tuples are settled one after the other. Suppressed cells of settled tuples match any value; of later ones only
    their own values are used, so whatever they keep in the end, the tuples that were counted still match.

    Parameters
    ----------
    codes : (d, n) uint16
        Distinct tuples, column by column; d at most 16.
    weight : (n,) int64
    worth : (d,) int64
    k : int
    order : (any,) int64
        The tuples to settle. The others keep all their cells.
    kept : (n,) uint16, in and out
        Columns that each may keep if suppressed cells matched nothing; all columns for those not in `order`.
    """
    d, n = codes.shape
    n_sets = 1 << d
    everything = np.uint16(n_sets - 1)
    total, rows = np.zeros(n_sets, np.int64), np.empty(n_sets, np.int64)
    for mask in range(n_sets):
        for j in range(d):
            total[mask] += ((mask >> j) & 1) * worth[j]
    settled, differs = np.full(n, everything, np.uint16), np.empty(n, np.uint16)
    for r in order:
        differs[:] = 0
        for j in range(d):
            own, column, bit = codes[j, r], codes[j], np.uint16(1 << j)
            for q in range(n):
                differs[q] |= bit if column[q] != own else np.uint16(0)
        rows[:] = 0
        for q in range(n):
            rows[np.int64(differs[q] & settled[q])] += weight[q]
        # Sums over subsets (zeta transform): rows that differ only in columns of a set, for every set, in d * 2**d.
        for j in range(d):
            for mask in range(n_sets):
                if (mask >> j) & 1:
                    rows[mask] += rows[mask ^ (1 << j)]
        best = np.int64(kept[r])
        for mask in range(n_sets):
            matching, so_far = rows[n_sets - 1 - mask], rows[n_sets - 1 - best]
            better = total[mask] > total[best] or (total[mask] == total[best] and matching > so_far)
            if matching >= k and better:
                best = mask
        kept[r] = settled[r] = np.uint16(best)
