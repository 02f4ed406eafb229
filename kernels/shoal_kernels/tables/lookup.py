"""Places of some tuples among all: two sorted lists, walked together."""

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import Matrix, OutVector, Words, kernel


@inlined
def _is_below(left: Words, i: int, right: Words, j: int) -> bool:
    """Return whether tuple i of `left` is below tuple j of `right`."""
    for w in range(left.shape[0]):
        if left[w, i] != right[w, j]:
            return left[w, i] < right[w, j]
    return False


@kernel
def find_tuples(words: Matrix[np.uint64], wanted: Matrix[np.uint64], place: OutVector[np.int64]) -> None:
    """Find each wanted tuple by a gallop from the place of the one before: steps double, then halve.

    m wanted tuples among n cost m * log2(n / m) comparisons, so a batch pays for its own tuples and not for the table.

    Parameters
    ----------
    words : (n_words, n) uint64
        Distinct and ascending.
    wanted : (n_words, m) uint64
        Ascending.
    place : (m,) int64, out
        Place in `words`; -1 where it is not there.

    References
    ----------
    Bentley, Yao (1976), An almost optimal algorithm for unbounded searching, section 2.
    """
    n = words.shape[1]
    low = 0
    for i in range(wanted.shape[1]):
        # Everything before `low` is below the wanted tuple.
        step = 1
        high = low
        while high < n and _is_below(words, high, wanted, i):
            low = high + 1
            high += step
            step *= 2
        high = min(high, n)
        while low < high:
            middle = (low + high) // 2
            if _is_below(words, middle, wanted, i):
                low = middle + 1
            else:
                high = middle
        found = low < n and not _is_below(wanted, i, words, low)
        place[i] = low if found else -1
