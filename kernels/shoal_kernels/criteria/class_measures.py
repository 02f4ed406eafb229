"""Attained level of every class under each privacy model, for a report.

A class is measured by the values that occur in it: the work is proportional to the cells, not to classes
times domain, and all classes share one histogram.
"""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Ints, OutMatrix, OutVector, Vector, kernel
from shoal_kernels.criteria.attained_levels import attained, make_reference_tables
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.criteria.privacy_models import DISTINCT, ENTROPY, GRASSBERGER, Cells, Models


@inner
def _gather(cells: Cells, tuples: Ints, histogram: Ints, value: Ints, count: Ints) -> int:
    """Set the class's values, ascending, and their counts; return the number of values. Clear the histogram."""
    n = 0
    for i in tuples:
        for cell in range(cells.start[i], cells.start[i + 1]):
            v = cells.value[cell]
            if histogram[v] == 0:
                value[n] = v
                n += 1
            histogram[v] += cells.count[cell]
    if n > 1:
        value[:n].sort()
    for place in range(n):
        count[place] = histogram[value[place]]
        histogram[value[place]] = 0
    return n


@kernel
def measure_classes(
    models: Models,
    cells: Cells,
    by_class: Vector[np.int64],
    class_start: Vector[np.int64],
    measured: OutMatrix[np.float64],
) -> None:
    """Measure every class under every model.

    Parameters
    ----------
    models : Models
        `k` and `limit` are not read.
    cells : Cells
        At least one cell of each column for each tuple.
    by_class : (n_kept,) int64
        Tuples, class by class.
    class_start : (n_classes + 1,) int64
        Where each class begins in `by_class`; no class is empty.
    measured : (m, n_classes) float64, out
        DISTINCT: number of values; ENTROPY, GRASSBERGER: exp of the entropy; RECURSIVE: what c must exceed;
        CLOSE: the distance; DELTA: the largest abs(ln(q / p)); BETA: the largest gain; ALPHA: the largest share.
    """
    n_values = len(models.reference)
    tables = make_reference_tables(models)
    histogram, mass = np.zeros(n_values, np.int64), np.zeros(n_values, np.int64)
    value, count = np.empty(n_values, np.int64), np.empty(n_values, np.int64)
    for c in range(len(class_start) - 1):
        n = _gather(cells, by_class[class_start[c] : class_start[c + 1]], histogram, value, count)
        begin, end, n_rows = 0, 0, 0
        for j in range(len(models.kind)):
            if j == 0 or models.first[j] != models.first[j - 1]:
                begin = np.searchsorted(value[:n], models.first[j])
                end = np.searchsorted(value[:n], models.last[j])
                n_rows = 0
                for place in range(begin, end):
                    n_rows += count[place]
            measured[j, c] = attained(models, j, tables, value[begin:end], count[begin:end], n_rows, mass)


@kernel
def measure_worst(
    models: Models,
    cells: Cells,
    by_class: Vector[np.int64],
    class_start: Vector[np.int64],
    worst: OutVector[np.float64],
) -> None:
    """Measure every class under every model and keep the level that protects least.

    The level of a class with a single value of a column does not depend on its rows, so it is measured once for
    each value: most classes of an original table are of this kind.

    Parameters
    ----------
    models, cells, by_class, class_start
        As in `measure_classes`; models of one column are consecutive.
    worst : (m,) float64, in and out
        The least of DISTINCT, ENTROPY and GRASSBERGER, the largest of the others. Begins with infinity, and 0.
    """
    n_values, n_models = len(models.reference), len(models.kind)
    tables = make_reference_tables(models)
    histogram, mass = np.zeros(n_values, np.int64), np.zeros(n_values, np.int64)
    value, count = np.empty(n_values, np.int64), np.empty(n_values, np.int64)
    seen = np.zeros(n_values, np.uint8)
    for c in range(len(class_start) - 1):
        n = _gather(cells, by_class[class_start[c] : class_start[c + 1]], histogram, value, count)
        begin, j = 0, 0
        while j < n_models:
            first, last = models.first[j], models.last[j]
            while begin < n and value[begin] < first:
                begin += 1
            end, n_rows = begin, 0
            while end < n and value[end] < last:
                n_rows += count[end]
                end += 1
            single = end == begin + 1
            known = single and seen[value[begin]] == 1
            if single:
                seen[value[begin]] = 1
            while j < n_models and models.first[j] == first:
                if not known:
                    figure = attained(models, j, tables, value[begin:end], count[begin:end], n_rows, mass)
                    kind = models.kind[j]
                    if kind in (DISTINCT, ENTROPY, GRASSBERGER):
                        worst[j] = min(worst[j], figure)
                    else:
                        worst[j] = max(worst[j], figure)
                j += 1
            begin = end


@kernel
def check_classes(
    models: Models,
    cells: Cells,
    by_class: Vector[np.int64],
    class_start: Vector[np.int64],
    class_size: Vector[np.int64],
    holds: OutVector[np.uint8],
) -> None:
    """Check for every class whether it satisfies k and every model; ``holds``, (n_classes,) uint8, is the output.

    Other inputs as in `measure_classes`; ``class_size``, (n_classes,) int64, are the rows of the classes.
    """
    histogram = np.zeros(len(models.reference), np.int64)
    for c in range(len(class_start) - 1):
        histogram[:] = 0
        for place in range(class_start[c], class_start[c + 1]):
            i = by_class[place]
            for cell in range(cells.start[i], cells.start[i + 1]):
                histogram[cells.value[cell]] += cells.count[cell]
        holds[c] = satisfies(models, histogram, class_size[c])


@kernel
def sort_by_class(
    class_of_tuple: Vector[np.int64], class_start: OutVector[np.int64], by_class: OutVector[np.int64]
) -> None:
    """List tuples class by class, in order within each.

    Parameters
    ----------
    class_of_tuple : (n,) int64, below n_classes
        Negative where a tuple is left out.
    class_start : (n_classes + 1,) int64, out
        Where each class begins in `by_class`.
    by_class : (n_kept,) int64, out
        Tuples that are not left out.
    """
    n_classes = len(class_start) - 1
    class_start[:] = 0
    for c in class_of_tuple:
        if c >= 0:
            class_start[c + 1] += 1
    for c in range(n_classes):
        class_start[c + 1] += class_start[c]
    place = class_start[:-1].copy()
    for i in range(len(class_of_tuple)):
        c = class_of_tuple[i]
        if c >= 0:
            by_class[place[c]] = i
            place[c] += 1


@kernel
def sum_by_class(weight: Vector[np.int64], class_of_tuple: Vector[np.int64], class_size: OutVector[np.int64]) -> None:
    """Sum the rows of each class into ``class_size``, (n_classes,) int64, out; negative classes are skipped."""
    class_size[:] = 0
    for i in range(len(weight)):
        if class_of_tuple[i] >= 0:
            class_size[class_of_tuple[i]] += weight[i]
