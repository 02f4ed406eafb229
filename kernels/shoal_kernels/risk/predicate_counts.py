"""Counts of the rows that conjunctions of predicates match, with an early exit once they match too many."""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Bytes, Matrix, OutVector, Words32, kernel

_BLOCK = 256
"""Rows that are tested at a time; the first predicates fail most of them, so blocks stay in the first-level cache."""


@inner
def _keep(codes: Words32, low: np.uint32, high: np.uint32, unlike: np.uint32, kept: Bytes) -> int:
    """Clear `kept` where a code is outside a range, or is the one that is excluded; return how many are left."""
    for i in range(len(kept)):
        code = codes[i]
        kept[i] &= np.uint8((code >= low) & (code <= high) & (code != unlike))
    rows = 0
    for i in range(len(kept)):
        rows += kept[i]
    return rows


@kernel
def count_matches(
    codes: Matrix[np.uint32],
    column: Matrix[np.int64],
    low: Matrix[np.uint32],
    high: Matrix[np.uint32],
    unlike: Matrix[np.uint32],
    most: int,
    count: OutVector[np.int64],
) -> None:
    """Count the rows that match each of q conjunctions of c predicates, up to a bound; fastest with rare ones first.

    Parameters
    ----------
    codes : (d, n) uint32
        Column by column.
    column : (q, c) int64, below d
    low, high, unlike : (q, c) uint32
        A predicate holds where ``low <= code <= high`` and the code is not `unlike`.
    most : int
        Counting ends once it is exceeded.
    count : (q,) int64, out
        Matching rows; if above `most`, a lower bound on them.
    """
    n = codes.shape[1]
    kept = np.empty(_BLOCK, np.uint8)
    for q in range(len(count)):
        found = 0
        for begin in range(0, n, _BLOCK):
            block = kept[: min(_BLOCK, n - begin)]
            block[:] = 1
            rows = len(block)
            for c in range(column.shape[1]):
                span = codes[column[q, c], begin : begin + len(block)]
                rows = _keep(span, low[q, c], high[q, c], unlike[q, c], block)
                if rows == 0:
                    break
            found += rows
            if found > most:
                break
        count[q] = found
