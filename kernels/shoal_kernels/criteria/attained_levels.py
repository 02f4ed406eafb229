"""Attained level of one class under one model, from the values that occur in it.

Values that do not occur enter the distances through sums over the reference computed once, so the work
does not grow with the domain.
"""

import math
from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints
from shoal_kernels.criteria.diversity import grassberger, tail_rows
from shoal_kernels.criteria.privacy_models import (
    ALPHA,
    BETA,
    BETA_ENHANCED,
    CLOSE_EQUAL,
    CLOSE_ORDERED,
    CLOSE_TREE,
    DELTA,
    DELTA_STRICT,
    DISTINCT,
    ENTROPY,
    GRASSBERGER,
    RECURSIVE,
    Models,
)


class ReferenceTables(NamedTuple):
    """Tables that depend on the reference alone.

    Attributes
    ----------
    cumulated : (n_values,) float64
        Share of the column's values up to and including this one.
    area : (n_values + 1,) float64
        Sum of `cumulated` over all values before this one, through all columns.
    node : (len(models.ancestor),) float64
        Share of the node numbered v within its level, at the place of value v in that level.
    surprisal : (n_values,) float64
        -ln of the share; infinite for a declared value that does not occur in the table.
    occurring : (m,) int64
        Number of values of the model's column that occur in the table.
    """

    cumulated: Floats
    area: Floats
    node: Floats
    surprisal: Floats
    occurring: Ints


@inner
def make_reference_tables(models: Models) -> ReferenceTables:
    """Return the tables of the models."""
    n_values = len(models.reference)
    cumulated, area = np.zeros(n_values), np.zeros(n_values + 1)
    node, surprisal = np.zeros(len(models.ancestor)), np.full(n_values, math.inf)
    occurring = np.zeros(len(models.kind), np.int64)
    for j in range(len(models.kind)):
        first, size = models.first[j], models.last[j] - models.first[j]
        total = 0.0
        for v in range(first, models.last[j]):
            total += models.reference[v]
            cumulated[v] = total
            if models.reference[v] > 0:
                surprisal[v] = -math.log(models.reference[v])
                occurring[j] += 1
        for level in range(models.depth[j]):
            row = models.tree_start[j] + level * size
            for v in range(size):
                node[row + models.ancestor[row + v]] += models.reference[first + v]
    for v in range(n_values):
        area[v + 1] = area[v] + cumulated[v]
    return ReferenceTables(cumulated, area, node, surprisal, occurring)


@inner
def _effective_values(count: Ints, n_rows: int) -> float:
    """Return exp of the entropy; exactly the number of values when all are equally frequent."""
    weighted = 0.0
    for c in count:
        weighted += c * math.log(c)
    if min(count) == max(count):
        return float(len(count))
    return math.exp(math.log(n_rows) - weighted / n_rows)


@inner
def _grassberger_values(count: Ints, n_rows: int) -> float:
    """Return exp of the estimated entropy, at most the number of values."""
    weighted = 0.0
    for c in count:
        weighted += c * grassberger(c)
    return min(float(len(count)), math.exp(grassberger(n_rows) - weighted / n_rows))


@inner
def _least_c(count: Ints, l: int) -> float:
    """Return r1 / (r_l + ... + r_m), the lower bound of c; infinite for fewer than l values."""
    if len(count) < l:
        return math.inf
    return max(count) / tail_rows(count, l - 1)


@inner
def _equal(models: Models, value: Ints, count: Ints, n_rows: int) -> float:
    """Return the variational distance to the reference."""
    # Both shares sum to 1, so half of the absolute differences is the sum of the positive ones.
    total = 0.0
    for place in range(len(value)):
        total += max(0.0, float(count[place] / n_rows - models.reference[value[place]]))
    return total


@inner
def _ordered(models: Models, j: int, tables: ReferenceTables, value: Ints, count: Ints, n_rows: int) -> float:
    """Return the earth mover's distance over ranks."""
    # Between two values that occur the class's cumulated share is constant; the reference's crosses it once.
    first, last = models.first[j], models.last[j]
    area = tables.area
    total = float(area[value[0]] - area[first])
    rows = 0
    for place in range(len(value)):
        rows += count[place]
        share = rows / n_rows
        begin = value[place]
        end = value[place + 1] if place + 1 < len(value) else last
        # Bisect for the crossing; on each side of it the absolute difference is a difference of prefix sums.
        low, high = begin, end
        while low < high:
            middle = (low + high) // 2
            if tables.cumulated[middle] > share:
                high = middle
            else:
                low = middle + 1
        total += share * (low - begin) - (area[low] - area[begin])
        total += (area[end] - area[low]) - share * (end - low)
    return max(0.0, total / max(1, last - first - 1))


@inner
def _tree(models: Models, j: int, tables: ReferenceTables, value: Ints, count: Ints, n_rows: int, mass: Ints) -> float:
    """Return the earth mover's distance over a hierarchy; see `closeness.distance_tree`."""
    # On each level the positive extras are half of all absolute extras.
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
def _largest_share(models: Models, j: int, value: Ints, count: Ints, n_rows: int) -> float:
    """Return the largest share among the values that the model binds."""
    most = 0
    for place in range(len(value)):
        bound = models.depth[j] == 0 or models.ancestor[models.tree_start[j] + value[place] - models.first[j]]
        if bound and count[place] > most:
            most = count[place]
    return most / n_rows


@inner
def _delta(models: Models, value: Ints, count: Ints, n_rows: int) -> float:
    """Return the largest abs(ln(q / p)) of the values that occur."""
    least, most = math.inf, 0.0
    for place in range(len(value)):
        ratio = count[place] / n_rows / models.reference[value[place]]
        least, most = min(least, ratio), max(most, ratio)
    return max(abs(math.log(least)), abs(math.log(most)))


@inner
def _beta(models: Models, value: Ints, count: Ints, n_rows: int) -> float:
    """Return the largest (q - p) / p; some value has q >= p, so it is not negative but for rounding."""
    most = 1.0
    for place in range(len(value)):
        most = max(most, count[place] / n_rows / models.reference[value[place]])
    return most - 1


@inner
def _beta_enhanced(models: Models, tables: ReferenceTables, value: Ints, count: Ints, n_rows: int) -> float:
    """Return the largest (q - p) / p; infinite if a gain exceeds -ln p, because no beta allows that."""
    most = 0.0
    for place in range(len(value)):
        share = count[place] / n_rows
        if share > models.reference[value[place]]:
            gain = share / models.reference[value[place]] - 1
            most = max(most, gain if gain <= tables.surprisal[value[place]] else math.inf)
    return most


@inner
def _attained_other(models: Models, j: int, tables: ReferenceTables, value: Ints, count: Ints, n_rows: int) -> float:
    """Return the attained level under the kinds that are neither diversity nor closeness."""
    kind = models.kind[j]
    if kind == GRASSBERGER:
        return _grassberger_values(count, n_rows)
    if kind == ALPHA:
        return _largest_share(models, j, value, count, n_rows)
    if kind == BETA:
        return _beta(models, value, count, n_rows)
    if kind == BETA_ENHANCED:
        return _beta_enhanced(models, tables, value, count, n_rows)
    if kind == DELTA_STRICT and len(value) < tables.occurring[j]:
        return math.inf
    if kind not in (DELTA, DELTA_STRICT):
        # People and presence are attained by rows over people, which no histogram of values holds.
        msg = "no measure is known for this kind of model"
        raise ValueError(msg)
    return _delta(models, value, count, n_rows)


@inner
def attained(
    models: Models, j: int, tables: ReferenceTables, value: Ints, count: Ints, n_rows: int, mass: Ints
) -> float:
    """Return the level that a class with `count` rows of each of `value`, ascending, attains under model `j`.

    ``mass``, (n_values,) int64, is working memory and 0 everywhere.
    """
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
    if kind == CLOSE_TREE:
        return _tree(models, j, tables, value, count, n_rows, mass)
    return _attained_other(models, j, tables, value, count, n_rows)
