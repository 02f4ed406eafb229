"""Extent of each class of tuples: lowest and highest code per dimension, and the codes of SET dimensions."""

import numpy as np

from shoal_kernels._types import Matrix, OutMatrix, Vector, kernel
from shoal_kernels.tables.dimensions import SET, Dimensions, code_at


@kernel
def class_extents(
    dims: Dimensions,
    words: Matrix[np.uint64],
    class_of_tuple: Vector[np.int64],
    low: OutMatrix[np.int64],
    high: OutMatrix[np.int64],
    bits: OutMatrix[np.uint64],
) -> None:
    """Find the extent of each class.

    Parameters
    ----------
    dims : Dimensions
    words : (n_words, n) uint64
    class_of_tuple : (n,) int64, each below n_classes; negative for a suppressed tuple, which is skipped
    low, high : (d, n_classes) int64, out
        Overwritten; an empty class has low = size and high = -1.
    bits : (n_classes, total bit words) uint64, out
        Bit ``code & 63`` of word ``bit_start + (code >> 6)`` is set if the code occurs.
    """
    d, n_classes = low.shape
    bits[:] = 0
    for j in range(d):
        for c in range(n_classes):
            low[j, c] = dims.size[j]
            high[j, c] = -1
        is_set = dims.kind[j] == SET
        for i in range(class_of_tuple.shape[0]):
            c = class_of_tuple[i]
            if c < 0:
                continue
            code = code_at(dims, words, j, i)
            if code < low[j, c]:
                low[j, c] = code
            if code > high[j, c]:
                high[j, c] = code
            if is_set:
                bits[c, dims.bit_start[j] + (code >> 6)] |= np.uint64(1) << np.uint64(code & 63)
