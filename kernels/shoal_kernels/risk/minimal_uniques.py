"""Minimal sample uniques: sets of columns whose values make a row unique, while no proper subset does.

Every subset of a set is visited before it, and rows unique in a set are dropped from the sets that are
split from it; see `shoal_kernels.tables.stripped_partitions`.
"""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Ints, Matrix, OutMatrix, OutVector, Vector, kernel
from shoal_kernels.tables.stripped_partitions import columns_of, lowest_column, next_set, split_runs

_NONE = -1


@inner
def _holds_one(near: Ints, count: int, head: int, following: Ints, found: Ints, mask: int) -> bool:
    """Return whether a set contains one of the minimal uniques of a tuple."""
    # A set contains another if the conjunction of their masks is the other.
    for e in range(min(count, len(near))):
        if near[e] & mask == near[e]:
            return True
    entry = head
    while entry != _NONE:
        if found[entry] & mask == found[entry]:
            return True
        entry = following[entry]
    return False


@kernel
def find_minimal_uniques(
    codes: Matrix[np.uint32],
    weight: Vector[np.int64],
    max_size: int,
    budget: int,
    tuples: OutMatrix[np.uint32],
    bounds: OutMatrix[np.uint32],
    alone: OutVector[np.uint32],
    first: OutVector[np.int64],
    place: OutVector[np.int64],
    near: OutMatrix[np.int64],
    count: OutVector[np.int64],
    head: OutVector[np.int64],
    following: OutVector[np.int64],
    found: OutVector[np.int64],
    owner: OutVector[np.uint32],
    n_runs: OutVector[np.int64],
    state: OutVector[np.int64],
) -> None:
    """Find the minimal sample uniques of every tuple, from where the last call stopped.

    Parameters
    ----------
    codes : (d, n) uint32
        Distinct tuples, column by column; d at most 62.
    weight : (n,) int64
        Rows of each tuple.
    max_size : int
        Largest number of columns of a set, at least 1.
    budget : int
        Free entries of `found` required to continue: at least n.
    tuples, bounds : (max_size + 1, n) and (max_size + 1, n + 1) uint32, in and out
        Runs of each prefix of a set, by its number of columns; the first row is one run of all tuples.
    alone : (n,) uint32, out
    first : (largest size,) int64, all 0
    place : (largest size,) int64, out
    near : (n, any) int64, in and out
        The first masks of each tuple, contiguous: they answer nearly all queries.
    count : (n,) int64, in and out
        Masks of each tuple, 0 before.
    head : (n,) int64, in and out
        Last entry of each tuple in `found` beyond those in `near`, or -1.
    following : (as found,) int64, in and out
        Previous entry of the same tuple, or -1.
    found : (any,) int64, in and out
        Masks of minimal sample uniques.
    owner : (as found,) uint32, in and out
        The tuple of each.
    n_runs : (max_size + 1,) int64, in and out
        Runs of each prefix.
    state : (2,) int64, in and out
        Last set visited, 0 before the first; entries in use. The set is at least 1 << d at the end.
    """
    mask, used = state[0], state[1]
    last = 1 << codes.shape[0]
    # A set adds at most one entry for each tuple, so with room for n entries it is completed.
    while mask < last and len(found) - used >= budget:
        mask = next_set(mask, max_size)
        if mask >= last:
            break
        # Split from the set without its lowest column; runs are stored by number of columns.
        columns = columns_of(mask)
        n_runs[columns], n_alone = split_runs(
            codes[lowest_column(mask)],
            weight,
            2,
            tuples[columns - 1],
            bounds[columns - 1],
            n_runs[columns - 1],
            tuples[columns],
            bounds[columns],
            alone,
            first,
            place,
        )
        # A unique row is minimal here unless a subset made it unique: those were all visited before.
        for a in range(n_alone):
            t = alone[a]
            if not _holds_one(near[t], int(count[t]), int(head[t]), following, found, mask):
                found[used], owner[used] = mask, t
                # The first masks lie next to each other; further ones form a linked list through `following`.
                if count[t] < near.shape[1]:
                    near[t, count[t]] = mask
                else:
                    following[used], head[t] = head[t], used
                count[t] += 1
                used += 1
    state[0], state[1] = mask, used
