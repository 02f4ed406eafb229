"""Post-randomization: two random stages that preserve expected frequencies, from a given keystream."""

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import OutVector, Vector, kernel

KEYSTREAM_PER_ROW = 5
"""Keystream words of each row, used or not, so that no row's result depends on another's."""


@inlined
def below(word: np.uint64, bound: int) -> np.int64:
    """Return floor(bound * word / 2**64): uniform below `bound` up to 2**-64.

    `bound` is 1 to 2**32 - 1.
    """
    low_half = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    b = np.uint64(bound)
    return np.int64(((word >> half) * b + (((word & low_half) * b) >> half)) >> half)


@kernel
def randomize(
    keystream: Vector[np.uint64],
    threshold: Vector[np.uint64],
    by_value: Vector[np.int64],
    count: Vector[np.int64],
    code: OutVector[np.int64],
) -> None:
    """Randomize each row in two stages.

    A row enters with probability alpha. The first stage keeps its value or draws another, uniformly. The second
    keeps its input or takes the value of another row, drawn among all rows of other values.

    Parameters
    ----------
    keystream : (WORDS_A_ROW * n,) uint64
        Uniform and independent.
    threshold : (2 + m,) uint64
        2**64 times the probability to enter, to be kept by the first stage, and by the second for each value.
    by_value : (n_rows,) int64
        Values of all rows of the table, ascending.
    count : (m,) int64
        Rows of each value, m >= 2.
    code : (n,) int64, in and out
        Values, below m.
    """
    m, n_rows = count.shape[0], by_value.shape[0]
    first = np.zeros(m, np.int64)
    for v in range(1, m):
        first[v] = first[v - 1] + count[v - 1]
    for i in range(code.shape[0]):
        word = keystream[KEYSTREAM_PER_ROW * i : KEYSTREAM_PER_ROW * (i + 1)]
        if word[0] >= threshold[0]:
            continue
        value = code[i]
        if word[1] >= threshold[1]:
            # Uniform over the other m - 1 values: numbers from the own value on are shifted by one.
            other = below(word[2], m - 1)
            value = other + (other >= value)
        if word[3] >= threshold[2 + value]:
            # Uniform over all rows of other values, by skipping the run of the own value.
            row = below(word[4], n_rows - count[value])
            value = by_value[row if row < first[value] else row + count[value]]
        code[i] = value
