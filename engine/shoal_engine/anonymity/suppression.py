"""Leaving rows out where that lowers the loss of the whole release, up to a declared share."""

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.models.measures import satisfied
from shoal_kernels._jit import freeze
from shoal_kernels.dimensions import Dimensions
from shoal_kernels.models import Cells, Models
from shoal_kernels.trimming import worthwhile_removals

SUPPRESSED = -1
"""Class id of a tuple that is left out of the release."""


def suppress(
    dims: Dimensions,
    words: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.int64],
    cells: Cells,
    models: Models,
    class_of_tuple: npt.NDArray[np.int64],
    *,
    max_rows: int,
    rows: npt.NDArray[np.int64] | None = None,
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
    rows : (n,) int64, optional
        Rows of each tuple, where `weight` counts units.

    Returns
    -------
    (n,) int64
        The classes, `SUPPRESSED` where a tuple is left out. The input itself where the closeness models would
        not hold against the distribution of the released rows.
    """
    models = with_released_shares(cells, models, class_of_tuple)
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
    affordable = np.cumsum((weight if rows is None else rows)[candidates]) <= max_rows
    result = class_of_tuple.copy()
    result[candidates[affordable]] = SUPPRESSED
    released = with_released_shares(cells, models, result)
    return result if satisfied(weight, cells, released, result, n_classes) else class_of_tuple


def with_released_shares(cells: Cells, models: Models, class_of_tuple: npt.NDArray[np.int64]) -> Models:
    """Return the models with the shares that sensitive values have in the rows that are not left out.

    Closeness is a promise about the released table, and that is what anyone can compare a class with.
    """
    kept = np.repeat(class_of_tuple >= 0, np.diff(cells.start))
    if kept.all() or not models.kind.size:
        return models
    count = np.bincount(cells.value[kept], weights=cells.count[kept], minlength=models.reference.size)
    rows = np.ones_like(count)
    for first, last in zip(models.first, models.last, strict=True):
        rows[first:last] = max(1.0, count[first:last].sum())
    return freeze(models._replace(reference=count / rows))
