"""Sort of a bucket's rows by privacy unit and group: each pair of unit and group is a run of rows."""

import numpy as np

from shoal_kernels._types import OutVector, UInt32, Vector, kernel
from shoal_kernels.tables.radix_sort import sort_upper


@kernel
def pair_rows(
    unit: Vector[np.uint32],
    group: Vector[np.uint32],
    bits: UInt32,
    start: OutVector[np.int64],
    words: OutVector[np.uint64],
    pair_begin: OutVector[np.int64],
    pair_unit: OutVector[np.uint32],
    n_pairs: OutVector[np.int64],
) -> None:
    """Sort the rows of one bucket by unit and group.

    Parameters
    ----------
    unit : (m,) uint32
        Code of each row's unit; all share the lowest `bits` bits.
    group : (m,) uint32
    bits : uint32
        0 if the rows are of all buckets.
    start : (n_units + 2,) int64, out
        Workspace; n_units is above ``unit >> bits`` everywhere.
    words : (m,) uint64, out
        Rows in their new order: the group in the upper half, the row's place in `unit` in the lower.
    pair_begin : (m + 1,) int64, out
        First place in `words` of each pair of unit and group; the end of the last follows.
    pair_unit : (m,) uint32, out
        Code of each pair's unit; those of one unit are contiguous.
    n_pairs : (1,) int64, out
    """
    m = len(unit)
    start[:] = 0
    for i in range(m):
        start[np.int64(unit[i] >> bits) + 2] += 1
    for u in range(2, len(start)):
        start[u] += start[u - 1]
    # Counting sort by unit: a unit's cursor moves from its first row to the first of the next unit.
    for i in range(m):
        u = np.int64(unit[i] >> bits) + 1
        words[start[u]] = (np.uint64(group[i]) << np.uint64(32)) | np.uint64(i)
        start[u] += 1
    low = np.uint32(0) if m == 0 else unit[0] & ((np.uint32(1) << bits) - np.uint32(1))
    spare = np.empty(m, np.uint64)
    n = 0
    pair_begin[0] = 0
    for u in range(len(start) - 2):
        first, end = start[u], start[u + 1]
        if first == end:
            continue
        # Within the unit by group; stable, so rows of a pair keep their order.
        sort_upper(words[first:end], spare)
        code = np.uint32((np.uint32(u) << bits) | low)
        for i in range(first, end):
            pair_unit[n] = code
            if i + 1 == end or (words[i] ^ words[i + 1]) >> np.uint64(32) != np.uint64(0):
                n += 1
                pair_begin[n] = i + 1
    n_pairs[0] = n
