"""Exact alias tables: the share of each outcome is an integer number of words, and a draw is one look-up.

A table of 2**b columns over words of B bits: the high b bits of a word select a column, the others are compared
with the column's threshold; below it the outcome is the column's own number, else its alias. An entry is the
threshold, times 2**b, plus the alias. Each outcome results from exactly the number of words given for it.

Look-ups depend on the words: whoever can observe the processor's caches learns something about the noise.
"""

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import OutVector, Vector, Words, kernel


@kernel
def build_alias_table(share: Vector[np.uint64], threshold_bits: int, entry: OutVector[np.uint64]) -> None:
    """Build a table in integers, without rounding.

    Parameters
    ----------
    share : (2**b,) uint64
        Number of words of each outcome; sums to 2**(b + threshold_bits).
    threshold_bits : int
        Bits of a word below those that select the column, 0 to 64 - b.
    entry : (2**b,) uint64, out
        ``threshold << b | alias``; a column that is full has itself as alias.

    References
    ----------
    Vose (1991), A linear algorithm for generating random numbers with a given distribution, IEEE Transactions
    on Software Engineering 17(9).
    """
    n = len(share)
    column_bits = np.uint64(0)
    while (np.int64(1) << np.int64(column_bits)) < n:
        column_bits += np.uint64(1)
    capacity = np.uint64(1) << np.uint64(threshold_bits)
    left = share.copy()
    light, heavy = np.empty(n, np.int64), np.empty(n, np.int64)
    n_light, n_heavy = 0, 0
    for j in range(n):
        entry[j] = np.uint64(j)
        if left[j] < capacity:
            light[n_light] = j
            n_light += 1
        elif left[j] > capacity:
            heavy[n_heavy] = j
            n_heavy += 1
    # Each light column is filled up by a heavy donor, which then may itself become light: n - 1 steps at most.
    while n_light > 0:
        n_light -= 1
        j, donor = light[n_light], heavy[n_heavy - 1]
        entry[j] = (left[j] << column_bits) | np.uint64(donor)
        left[donor] -= capacity - left[j]
        if left[donor] <= capacity:
            n_heavy -= 1
            if left[donor] < capacity:
                light[n_light] = donor
                n_light += 1


@inlined
def look_up(
    word: np.uint64, entry: Words, column_bits: np.uint64, threshold_bits: np.uint64, low: np.uint64
) -> np.uint64:
    """Return the outcome of a word; `low` is 2**threshold_bits - 1."""
    column = word >> threshold_bits
    met = entry[column]
    alias = met & np.uint64(len(entry) - 1)
    return column if (word & low) < (met >> column_bits) else alias


@inlined
def signed(outcome: np.uint64) -> np.int64:
    """Return the integer of an outcome: 0, -1, 1, -2, 2, ..."""
    return np.int64(outcome >> np.uint64(1)) ^ -np.int64(outcome & np.uint64(1))


@kernel
def draw_from_table(
    keystream: Vector[np.uint64],
    entry: Vector[np.uint64],
    threshold_bits: int,
    drawn: OutVector[np.int64],
    open_row: OutVector[np.int64],
) -> int:
    """Draw signed integers, one word each.

    Parameters
    ----------
    keystream : (n,) uint64, below 2**(b + threshold_bits)
    entry : (2**b,) uint64
        From `build_alias_table`. The last outcome stands for all that the table leaves open.
    threshold_bits : int
    drawn : (n,) int64, out
        Meaningless where the table leaves the outcome open.
    open_row : (n,) int64, out
        Indices of open draws, ascending.

    Returns
    -------
    int
        Number of open draws.
    """
    last = np.uint64(len(entry) - 1)
    below = np.uint64(threshold_bits)
    column_bits = np.uint64(0)
    while last >> column_bits:
        column_bits += np.uint64(1)
    low = (np.uint64(1) << below) - np.uint64(1)
    n_open = 0
    for i in range(len(drawn)):
        outcome = look_up(keystream[i], entry, column_bits, below, low)
        drawn[i] = signed(outcome)
        if outcome == last:
            open_row[n_open] = i
            n_open += 1
    return n_open
