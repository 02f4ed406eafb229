"""Classes that say the same are one class to whoever reads a release, and have to hold as one.

Parts of equal rows (relaxed cuts), boxes of equal extent and equal centers or means make such classes. Nearly every
model is kept by the union of two classes that have it; Grassberger's estimate depends on the size of a class, and
delta-disclosure leaves out values that a class lacks, so these may be lost. Then a class is joined with its nearest
until the union holds.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.binding import BoundTable
from shoal_engine.anonymity.criteria.measures import holding
from shoal_engine.anonymity.methods.suppression import with_released_shares
from shoal_engine.anonymity.release.recoding import Recoding
from shoal_engine.anonymity.table.table import codes_of
from shoal_kernels.criteria.privacy_models import DELTA, GRASSBERGER

Ints = npt.NDArray[np.int64]


def unions_may_break(table: BoundTable) -> bool:
    """Return whether the union of two classes that satisfy the models may miss one."""
    return bool(np.isin(table.models.kind, (DELTA, GRASSBERGER)).any())


def joined(table: BoundTable, class_of_tuple: Ints, recoded: Callable[[Ints], Recoding]) -> Ints | None:
    """Join classes that say the same, and those that do not hold then with their nearest.

    Parameters
    ----------
    table : BoundTable
    class_of_tuple : (n,) int64
        Numbered from 0 without gaps; negative where suppressed. Each class satisfies the models by itself.
    recoded : callable
        From classes to what they say.

    Returns
    -------
    (n,) int64 or None
        None where even all classes that may share one do not hold the models as one.
    """
    grouped = table.grouped
    models = with_released_shares(table.cells, table.models, class_of_tuple)
    segment = _segments(table)
    while True:
        class_of_tuple = _by_what_they_say(class_of_tuple, recoded(class_of_tuple))
        n_classes = int(class_of_tuple.max(initial=-1)) + 1
        failing = np.flatnonzero(~holding(grouped.weight, table.cells, models, class_of_tuple, n_classes))
        if not failing.size:
            return class_of_tuple
        other = _nearest(table, class_of_tuple, segment, int(failing[0]))
        if other is None:
            return None
        class_of_tuple = np.where(class_of_tuple == failing[0], other, class_of_tuple)
        class_of_tuple = _numbered(class_of_tuple)


def _by_what_they_say(class_of_tuple: Ints, recoding: Recoding) -> Ints:
    """Return the classes with those joined whose released columns are equal."""
    _, number = recoding.alike()
    return np.where(class_of_tuple < 0, class_of_tuple, number[class_of_tuple])


def _numbered(class_of_tuple: Ints) -> Ints:
    """Return the classes numbered from 0 without gaps."""
    kept = class_of_tuple >= 0
    result = class_of_tuple.copy()
    result[kept] = np.unique(class_of_tuple[kept], return_inverse=True)[1]
    return result


def _segments(table: BoundTable) -> Ints:
    """Return a number for each tuple that is the same where rows may share a class: by which columns are null."""
    dims, words = table.space.arrays, table.grouped.words
    segment = np.zeros(words.shape[1], np.int64)
    for j in map(int, table.space.apart):
        segment = 2 * segment + (codes_of(words, dims.word[j], dims.shift[j], dims.mask[j]) == 0)
    return segment


def _nearest(table: BoundTable, class_of_tuple: Ints, segment: Ints, one: int) -> int | None:
    """Return the class whose mean codes are nearest to those of class `one`, among those that may share its class."""
    dims, grouped = table.space.arrays, table.grouped
    kept = class_of_tuple >= 0
    own = class_of_tuple[kept]
    rows = np.bincount(own, weights=grouped.weight[kept])
    distance = np.zeros(rows.size)
    for j in range(dims.kind.size):
        codes = codes_of(grouped.words, dims.word[j], dims.shift[j], dims.mask[j])[kept].astype(np.float64)
        mean = np.bincount(own, weights=codes * grouped.weight[kept]) / rows
        distance += abs(mean - mean[one]) / max(1, int(dims.size[j]) - 1)
    of_class = np.empty(rows.size, np.int64)
    of_class[own] = segment[kept]
    distance[(of_class != of_class[one]) | (np.arange(rows.size) == one)] = np.inf
    nearest = int(distance.argmin())
    return nearest if distance[nearest] < np.inf else None
