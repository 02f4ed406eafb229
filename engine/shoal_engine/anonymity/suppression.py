"""Leaving rows out where that lowers the loss of the whole release, up to a declared share."""

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.measures import satisfied
from shoal_engine.anonymity.partitioning import SUPPRESSED
from shoal_kernels.dimensions import Dimensions
from shoal_kernels.models import Cells, Models
from shoal_kernels.trimming import worthwhile_removals


def suppress(
    dims: Dimensions,
    words: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.int64],
    cells: Cells,
    models: Models,
    class_of_tuple: npt.NDArray[np.int64],
    *,
    max_rows: int,
) -> npt.NDArray[np.int64]:
    """Leave out tuples that cost their class more than a suppressed row, dearest first.

    A suppressed row loses everything (1); a class is trimmed only while the rest satisfies the models.

    Parameters
    ----------
    dims, words, weight, cells, models
        The distinct tuples; see `shoal_kernels.dimensions` and `shoal_kernels.models`.
    class_of_tuple : (n,) int64
        Classes that satisfy the models.
    max_rows : int
        Rows that may be left out from here on.

    Returns
    -------
    (n,) int64
        The classes, `SUPPRESSED` where a tuple is left out. The input itself where the closeness models would
        not hold against the distribution of the released rows.
    """
    kept = np.flatnonzero(class_of_tuple >= 0)
    order = kept[np.argsort(class_of_tuple[kept], kind="stable")]
    n_classes = int(class_of_tuple.max()) + 1
    start = np.searchsorted(class_of_tuple[order], np.arange(n_classes + 1))
    gain = np.zeros(weight.size)
    step = np.zeros(weight.size, np.int64)
    worthwhile_removals(dims, words, weight, cells, models, order, start, gain, step)
    # Steps of one class never gain more than earlier ones, so sorting by gain keeps their order.
    candidates = np.flatnonzero(step)
    candidates = candidates[np.lexsort((step[candidates], -gain[candidates]))]
    affordable = np.cumsum(weight[candidates]) <= max_rows
    result = class_of_tuple.copy()
    result[candidates[affordable]] = SUPPRESSED
    return result if satisfied(weight, cells, models, result, n_classes) else class_of_tuple
