"""Leaving rows out where that lowers the loss of the whole release, up to a declared share."""

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.measures import satisfied
from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import CLOSE_ORDERED, Cells, Models
from shoal_kernels.partitioning.trimming import worthwhile_removals
from shoal_kernels.tables.dimensions import Dimensions

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
        The distinct tuples; see `shoal_kernels.tables.dimensions` and `shoal_kernels.criteria.privacy_models`.
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
    declared, models = models, with_released_shares(cells, models, class_of_tuple)
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
    released = with_released_shares(cells, declared, result)
    return result if satisfied(weight, cells, released, result, n_classes) else class_of_tuple


def with_released_shares(cells: Cells, models: Models, class_of_tuple: npt.NDArray[np.int64]) -> Models:
    """Return the models with the shares that sensitive values have in the rows that are not left out.

    Closeness is a promise about the released table, and that is what anyone can compare a class with. Its ordered
    distance is divided by the steps between released values, m - 1: where values are gone, kernels still divide by
    the steps between all, n - 1, and count the shares at those that are gone once more, so that a limit times
    (m - 1) / (n - 1) implies the promise. The models given are those of the whole table.
    """
    kept = np.repeat(class_of_tuple >= 0, np.diff(cells.start))
    if kept.all() or not models.kind.size:
        return models
    count = np.bincount(cells.value[kept], weights=cells.count[kept], minlength=models.reference.size).astype(
        np.float64
    )
    rows = np.ones_like(count)
    for first, last in zip(models.first, models.last, strict=True):
        rows[first:last] = max(1.0, count[first:last].sum())
    return freeze(models._replace(reference=count / rows, limit=_ordered_limits(models, count)))


def _ordered_limits(models: Models, count: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the limits as they bind distances over ranks where values of the table are gone; `count` are released."""
    limit = models.limit.copy()
    for j in np.flatnonzero(models.kind == CLOSE_ORDERED):
        own = slice(models.first[j], models.last[j])
        # Of a declared order some values may never have been there; it is what everybody divides by.
        before, left = int((models.reference[own] > 0).sum()), int((count[own] > 0).sum())
        steps = int(models.last[j] - models.first[j]) - 1
        if left < before and steps > 0:
            limit[j] *= (left - 1) / steps
    return limit
