"""Bottom-up local recoding of a block, where it loses less than classes cut from the top."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.tables.dimensions import TREE, Dimensions

Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]


def bottom_up_where_less(
    dims: Dimensions,
    words: Words,
    weight: Counts,
    cells: Cells,
    models: Models,
    tuples: Counts,
    class_id: Counts,
    n_classes: Counts,
    group: Callable[[Counts, Counts, Counts], None],
) -> None:
    """Replace the classes of one block by bottom-up ones if these lose less; without a TREE dimension do nothing.

    Parameters
    ----------
    dims, words, weight : see `shoal_kernels.tables.dimensions`
    cells, models : see `shoal_kernels.criteria.privacy_models`
    tuples : (n,) int64, ascending
        The block; as one class it satisfies `models`.
    class_id : (n,) int64, in and out
        Class of each of `tuples`, from 0 without gaps.
    n_classes : (1,) int64, in and out
    group : callable of (tuples, class_id, n_classes)
        Groups what bottom-up recoding leaves over; writes the last two.
    """
    if not (dims.kind == TREE).any():
        return
    from shoal_kernels.partitioning.bottom_up import group_bottom_up
    from shoal_kernels.partitioning.residuals import total_loss

    bottom_up, found = np.empty_like(class_id), np.zeros(1, np.int64)
    group_bottom_up(dims, words, weight, cells, models, tuples, bottom_up, found)
    left = np.flatnonzero(bottom_up < 0)
    if left.size:
        rest, more = np.empty(left.size, np.int64), np.zeros(1, np.int64)
        group(tuples[left], rest, more)
        bottom_up[left] = found[0] + rest
        found += more
    before, after = np.zeros(1), np.zeros(1)
    total_loss(dims, words, weight, tuples, class_id, int(n_classes[0]), before)
    total_loss(dims, words, weight, tuples, bottom_up, int(found[0]), after)
    if after[0] < before[0]:
        class_id[:] = bottom_up
        n_classes[:] = found
