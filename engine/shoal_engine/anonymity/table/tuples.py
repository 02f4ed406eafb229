"""A table's distinct tuples: their codes, and some of them with their weights and sensitive cells."""

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import Cells

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


def codes_of(words: Words, word: int, shift: int, mask: int) -> Ints:
    """Return the codes of the tuples in one dimension, (n,) int64."""
    return ((words[word] >> np.uint64(shift)) & np.uint64(mask)).astype(np.int64)


def subset_of(words: Words, weight: Ints, cells: Cells, tuples: Ints) -> tuple[Words, Ints, Cells]:
    """Return the tables restricted to some tuples, in their order.

    Parameters
    ----------
    words, weight, cells : (n_words, n) uint64, (n,) int64, Cells
    tuples : (m,) int64, ascending
    """
    if tuples.size == weight.size:
        return words, weight, cells
    n_cells = np.diff(cells.start)[tuples]
    start = np.concatenate([[0], np.cumsum(n_cells)])
    source = np.repeat(cells.start[tuples] - start[:-1], n_cells) + np.arange(start[-1])
    chosen = Cells(start, cells.value[source], cells.count[source])
    return np.ascontiguousarray(words[:, tuples]), weight[tuples], freeze(chosen)
