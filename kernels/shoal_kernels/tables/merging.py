"""Merge of two sorted lists of distinct tuples, and conversion of (tuple, value) lists to compressed rows."""

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import Matrix, OutMatrix, OutVector, Vector, Words, kernel


@inlined
def _compare(left: Words, i: int, right: Words, j: int) -> int:
    """Return -1, 0 or 1 as tuple i of `left` is below, equal to or above tuple j of `right`."""
    for w in range(left.shape[0]):
        if left[w, i] < right[w, j]:
            return -1
        if left[w, i] > right[w, j]:
            return 1
    return 0


@kernel
def merge_tuples(
    left: Matrix[np.uint64],
    left_weight: Vector[np.int64],
    right: Matrix[np.uint64],
    right_weight: Vector[np.int64],
    words: OutMatrix[np.uint64],
    weight: OutVector[np.int64],
    left_to: OutVector[np.uint32],
    right_to: OutVector[np.uint32],
    n_tuples: OutVector[np.int64],
) -> None:
    """Merge two sorted lists of distinct tuples, adding the weights of equal ones.

    Parameters
    ----------
    left, right : (n_words, n_left), (n_words, n_right) uint64
        Distinct and ascending.
    left_weight, right_weight : (n_left,), (n_right,) int64
    words : (n_words, n_left + n_right) uint64, out
    weight : (n_left + n_right,) int64, out
    left_to, right_to : (n_left,), (n_right,) uint32, out
        New place of each tuple.
    n_tuples : (1,) int64, out
    """
    i = j = t = 0
    # An equal pair takes both branches and becomes one tuple with both weights.
    while i < left.shape[1] or j < right.shape[1]:
        if i == left.shape[1]:
            order = 1
        elif j == right.shape[1]:
            order = -1
        else:
            order = _compare(left, i, right, j)
        weight[t] = 0
        if order >= 0:
            for w in range(left.shape[0]):
                words[w, t] = right[w, j]
            weight[t] += right_weight[j]
            right_to[j] = t
            j += 1
        if order <= 0:
            for w in range(left.shape[0]):
                words[w, t] = left[w, i]
            weight[t] += left_weight[i]
            left_to[i] = t
            i += 1
        t += 1
    n_tuples[0] = t


@kernel
def count_cells(words: Vector[np.uint64], shift: int, n_cells: OutVector[np.int64]) -> None:
    """Count the words of each tuple.

    Parameters
    ----------
    words : (n,) uint64
        Tuple above `shift`, value below.
    shift : int
    n_cells : (n_tuples,) int64, in and out
        Added to.
    """
    for i in range(len(words)):
        n_cells[np.int64(words[i] >> np.uint64(shift))] += 1


@kernel
def fill_cells(
    words: Vector[np.uint64],
    weight: Vector[np.int64],
    shift: int,
    first: int,
    cursor: OutVector[np.int64],
    value: OutVector[np.int64],
    count: OutVector[np.int64],
) -> None:
    """Append one column's cells to those of each tuple.

    Parameters
    ----------
    words, shift
        As for `count_cells`, ascending.
    weight : (n,) int64
    first : int
        Number of the column's value 0.
    cursor : (n_tuples,) int64, in and out
        Place of each tuple's next cell.
    value, count : (n_cells,) int64, out
    """
    mask = (np.uint64(1) << np.uint64(shift)) - np.uint64(1)
    for i in range(len(words)):
        t = np.int64(words[i] >> np.uint64(shift))
        value[cursor[t]] = np.int64(words[i] & mask) + first
        count[cursor[t]] = weight[i]
        cursor[t] += 1
