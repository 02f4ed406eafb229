"""A stable radix sort of words by their upper halves, in linear time for any input."""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Words

FEW = 24
"""Up to this many words are sorted by counting the words before each, more by their digits."""
DIGIT_BITS = 8
LOWER_BITS = 32


@inner
def sort_upper(words: Words, spare: Words) -> None:
    """Sort words by their upper 32 bits, in place, stably.

    Parameters
    ----------
    words : (n,) uint64, in and out
    spare : (at least n,) uint64, out
    """
    n = len(words)
    if n <= FEW:
        # n**2 comparisons, but no branch that the processor could mispredict.
        for i in range(n):
            mine, before = words[i] >> np.uint64(LOWER_BITS), 0
            for j in range(i):
                before += np.int64(words[j] >> np.uint64(LOWER_BITS) <= mine)
            for j in range(i + 1, n):
                before += np.int64(words[j] >> np.uint64(LOWER_BITS) < mine)
            spare[before] = words[i]
        for i in range(n):
            words[i] = spare[i]
        return
    place = np.empty(1 << DIGIT_BITS, np.int64)
    mask = np.uint64((1 << DIGIT_BITS) - 1)
    for digit in range(LOWER_BITS // DIGIT_BITS):
        shift = np.uint64(LOWER_BITS + digit * DIGIT_BITS)
        place[:] = 0
        for i in range(n):
            place[np.int64((words[i] >> shift) & mask)] += 1
        # All words have the same digit here: the pass would not move anything.
        if place[np.int64((words[0] >> shift) & mask)] == n:
            continue
        total = 0
        for d in range(len(place)):
            count = place[d]
            place[d] = total
            total += count
        for i in range(n):
            d = np.int64((words[i] >> shift) & mask)
            spare[place[d]] = words[i]
            place[d] += 1
        for i in range(n):
            words[i] = spare[i]
