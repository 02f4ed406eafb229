"""What every class reaches under each privacy model, for a report.

A class is measured by the values that occur in it: the work is in proportion to the cells, not to classes
times domain, and there is one histogram however many classes there are. Values that do not occur
enter the distances through sums over the reference that are made once.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import inner, kernel, vector
from shoal_kernels.models import (
    CELLS,
    CLOSE_EQUAL,
    CLOSE_ORDERED,
    DISTINCT,
    ENTROPY,
    MODELS,
    RECURSIVE,
    Cells,
    Models,
)
from shoal_kernels.sensitive import satisfies, tail_rows

Vector = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


class _Tables(NamedTuple):
    """Sums over the reference.

    Attributes
    ----------
    reached : (n_values,) float64
        Share of the column's values up to and including this one.
    area : (n_values + 1,) float64
        Sum of `reached` over all values before this one, through all columns.
    node : (len(models.ancestor),) float64
        Share of the node numbered v within its level, at the place of value v in that level.
    """

    reached: Shares
    area: Shares
    node: Shares


@inner
def _make_tables(models: Models) -> _Tables:
    n_values = len(models.reference)
    reached, area = np.zeros(n_values), np.zeros(n_values + 1)
    node = np.zeros(len(models.ancestor))
    for j in range(len(models.kind)):
        first, size = models.first[j], models.last[j] - models.first[j]
        total = 0.0
        for v in range(first, models.last[j]):
            total += models.reference[v]
            reached[v] = total
        for level in range(models.depth[j]):
            row = models.tree_start[j] + level * size
            for v in range(size):
                node[row + models.ancestor[row + v]] += models.reference[first + v]
    for v in range(n_values):
        area[v + 1] = area[v] + reached[v]
    return _Tables(reached, area, node)


@inner
def _effective_values(count: Vector, n_rows: int) -> float:
    """Return exp of the entropy; exactly the number of values when all are equally frequent."""
    weighted = 0.0
    for c in count:
        weighted += c * math.log(c)
    if min(count) == max(count):
        return float(len(count))
    return math.exp(math.log(n_rows) - weighted / n_rows)


@inner
def _least_c(count: Vector, l: int) -> float:
    """Return r1 / (r_l + ... + r_m), which c must exceed; infinite with fewer than l values."""
    if len(count) < l:
        return math.inf
    return max(count) / tail_rows(count, l - 1)


@inner
def _equal(models: Models, value: Vector, count: Vector, n_rows: int) -> float:
    """Both shares sum to 1, so half of the absolute differences is the sum of the positive ones."""
    total = 0.0
    for place in range(len(value)):
        total += max(0.0, float(count[place] / n_rows - models.reference[value[place]]))
    return total


@inner
def _ordered(models: Models, j: int, tables: _Tables, value: Vector, count: Vector, n_rows: int) -> float:
    """Between two values that occur the class's cumulated share is constant; the reference's crosses it once."""
    first, last = models.first[j], models.last[j]
    area = tables.area
    total = float(area[value[0]] - area[first])
    rows = 0
    for place in range(len(value)):
        rows += count[place]
        share = rows / n_rows
        begin = value[place]
        end = value[place + 1] if place + 1 < len(value) else last
        low, high = begin, end
        while low < high:
            middle = (low + high) // 2
            if tables.reached[middle] > share:
                high = middle
            else:
                low = middle + 1
        total += share * (low - begin) - (area[low] - area[begin])
        total += (area[end] - area[low]) - share * (end - low)
    return max(0.0, total / max(1, last - first - 1))


@inner
def _tree(models: Models, j: int, tables: _Tables, value: Vector, count: Vector, n_rows: int, mass: Vector) -> float:
    """See `sensitive.distance_tree`; on each level the positive extras are half of all."""
    first, size = models.first[j], models.last[j] - models.first[j]
    total = 0.0
    for level in range(models.depth[j] - 1):
        row = models.tree_start[j] + level * size
        for place in range(len(value)):
            mass[models.ancestor[row + value[place] - first]] += count[place]
        for place in range(len(value)):
            node = models.ancestor[row + value[place] - first]
            if mass[node] > 0:
                total += max(0.0, float(mass[node] / n_rows - tables.node[row + node]))
            mass[node] = 0
    return total / max(1, models.depth[j] - 1)


@inner
def _measure(models: Models, j: int, tables: _Tables, value: Vector, count: Vector, n_rows: int, mass: Vector) -> float:
    kind = models.kind[j]
    if kind == DISTINCT:
        return float(len(value))
    if kind == ENTROPY:
        return _effective_values(count, n_rows)
    if kind == RECURSIVE:
        return _least_c(count, models.count[j])
    if kind == CLOSE_EQUAL:
        return _equal(models, value, count, n_rows)
    if kind == CLOSE_ORDERED:
        return _ordered(models, j, tables, value, count, n_rows)
    return _tree(models, j, tables, value, count, n_rows, mass)


@inner
def _gather(cells: Cells, tuples: Vector, histogram: Vector, value: Vector, count: Vector) -> int:
    """Set the class's values, ascending, and their counts; return how many. The histogram is left empty."""
    n = 0
    for i in tuples:
        for cell in range(cells.start[i], cells.start[i + 1]):
            v = cells.value[cell]
            if histogram[v] == 0:
                value[n] = v
                n += 1
            histogram[v] += cells.count[cell]
    value[:n].sort()
    for place in range(n):
        count[place] = histogram[value[place]]
        histogram[value[place]] = 0
    return n


_VECTOR = vector(types.int64)


@kernel(types.void(MODELS, CELLS, _VECTOR, _VECTOR, types.float64[:, ::1]))
def measure_classes(models: Models, cells: Cells, by_class: Vector, class_start: Vector, measured: Shares) -> None:
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
        DISTINCT: number of values; ENTROPY: exp of the entropy; RECURSIVE: what c must exceed; CLOSE: the
        distance.
    """
    n_values = len(models.reference)
    tables = _make_tables(models)
    histogram, mass = np.zeros(n_values, np.int64), np.zeros(n_values, np.int64)
    value, count = np.empty(n_values, np.int64), np.empty(n_values, np.int64)
    for c in range(len(class_start) - 1):
        n = _gather(cells, by_class[class_start[c] : class_start[c + 1]], histogram, value, count)
        for j in range(len(models.kind)):
            begin = np.searchsorted(value[:n], models.first[j])
            end = np.searchsorted(value[:n], models.last[j])
            n_rows = 0
            for place in range(begin, end):
                n_rows += count[place]
            measured[j, c] = _measure(models, j, tables, value[begin:end], count[begin:end], n_rows, mass)


@kernel(types.void(MODELS, CELLS, _VECTOR, _VECTOR, _VECTOR, types.uint8[::1]))
def judge_classes(
    models: Models,
    cells: Cells,
    by_class: Vector,
    class_start: Vector,
    class_size: Vector,
    holds: npt.NDArray[np.uint8],
) -> None:
    """Decide for every class whether it satisfies k and every model; ``holds``, (n_classes,) uint8, is the output.

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


@kernel(types.void(_VECTOR, types.int64[::1], types.int64[::1]))
def sort_by_class(class_of_tuple: Vector, class_start: Vector, by_class: Vector) -> None:
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


@kernel(types.void(_VECTOR, _VECTOR, types.int64[::1]))
def sum_by_class(weight: Vector, class_of_tuple: Vector, class_size: Vector) -> None:
    """Sum the rows of each class into ``class_size``, (n_classes,) int64, out; negative classes are left out."""
    class_size[:] = 0
    for i in range(len(weight)):
        if class_of_tuple[i] >= 0:
            class_size[class_of_tuple[i]] += weight[i]
