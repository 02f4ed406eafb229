"""Cost of a lattice node, from the classes that it releases and those that it suppresses.

Without suppression a coarser node never costs less, and suppressing a class never costs less than a known share of
releasing it. So the cost of a node without suppression, times that share, is a lower bound for every coarser
node, whatever is suppressed there. The engine's `full_domain.objectives` cites the source of each objective and
its proof.
"""

import math
from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Bytes, Floats, Ints, Vector, Words
from shoal_kernels.full_domain.lattice import Lattice

GEOMETRIC = 0
"""Geometric mean of 1 + cost over columns, minus 1."""
SUM = 1
"""Weighted sum over columns."""
CLASS_SIZE = 2
"""Rows / released classes, the suppressed rows counting as one more."""
SQUARES = 3
"""Sum of squared class sizes, suppressed ones alike."""
SQUARES_OR_ALL = 4
"""Sum of squared class sizes, each suppressed row counting as all rows."""
AMBIGUITY = 5
"""Mean over rows of the combinations of leaves that the row's labels allow."""
DIVERGENCE = 6
"""Kullback-Leibler divergence, in nats, of the table from classes spread evenly over what their labels allow."""


class Objective(NamedTuple):
    """The objective that a search minimizes.

    Attributes
    ----------
    kind : (1,) int64
    weight : (d,) float64
        Weights of the columns, for GEOMETRIC and SUM.
    suppressed : (d,) float64
        Cost of a suppressed row in each column.
    carried : (1,) float64
        1 if a suppressed row also costs as much as if it were released, else 0.
    apart : (1,) int64
        1 if suppressed rows also cost the entropy of their own labels.
    total_start : (d,) int64
        Where a column's entries begin in `total`.
    total : (sum of n_levels,) float64
        Column cost of each level if nothing is suppressed.
    factor : (2,) float64
        Of released and of suppressed rows.
    bound : (1,) float64
        Least share of the cost without suppression that suppression can leave.
    rows : (1,) float64
        Rows of the table.
    leaves : (1,) float64
        Logarithm of the combinations of all leaves.
    entropy : (1,) float64
        Sum over tuples of their share of the rows times its logarithm.
    """

    kind: Vector[np.int64]
    weight: Vector[np.float64]
    suppressed: Vector[np.float64]
    carried: Vector[np.float64]
    apart: Vector[np.int64]
    total_start: Vector[np.int64]
    total: Vector[np.float64]
    factor: Vector[np.float64]
    bound: Vector[np.float64]
    rows: Vector[np.float64]
    leaves: Vector[np.float64]
    entropy: Vector[np.float64]


@inlined
def combined(objective: Objective, column: Floats) -> float:
    """Combine the columns' costs into one."""
    if objective.kind[0] == GEOMETRIC:
        product = 1.0
        for j in range(len(column)):
            product *= 1.0 + objective.weight[j] * column[j]
        return product ** (1.0 / len(column)) - 1.0
    total = 0.0
    for j in range(len(column)):
        total += objective.weight[j] * column[j]
    return total


@inner
def bound_by_levels(objective: Objective, level: Ints, column: Floats) -> float:
    """Return a lower bound on the cost of this node and every coarser one, from levels; -inf if they give none."""
    if objective.kind[0] > SUM:
        return -math.inf
    for j in range(len(level)):
        column[j] = objective.bound[0] * objective.total[objective.total_start[j] + level[j]]
    return combined(objective, column)


@inner
def bound_by_classes(
    objective: Objective, lattice: Lattice, level: Ints, words: Words, rows: Ints, area: Floats, limit: int
) -> float:
    """Return the same bound from the classes of the node; -inf if classes give no better one than levels.

    Parameters
    ----------
    objective, lattice : Objective, Lattice
    level : (d,) int64
        Levels of the node.
    words, rows : (n_words, n) uint64, (n,) int64
        The classes of the node.
    area : (n,) float64, out
    limit : int
        Rows that may be suppressed.
    """
    # GEOMETRIC and SUM are bounded by levels; a divergence has no bound by classes if rows may be suppressed.
    kind = objective.kind[0]
    if kind <= SUM or (kind == DIVERGENCE and limit > 0):
        return -math.inf
    # A coarser node has at most these classes, and suppressed rows count as one more.
    if kind == CLASS_SIZE:
        return objective.bound[0] * objective.rows[0] / (len(rows) + 1)
    area[:] = 0.0
    if kind >= AMBIGUITY:
        _add_areas(lattice, level, words, area)
    total = 0.0
    for c in range(len(rows)):
        total += _class_cost(objective, rows[c], area[c])
    return objective.bound[0] * total + (objective.entropy[0] if kind == DIVERGENCE else 0.0)


@inner
def _add_areas(lattice: Lattice, level: Ints, words: Words, area: Floats) -> None:
    """Add to each class the logarithm of the number of combinations of leaves that its labels allow."""
    # A sum of logarithms over columns: the product itself would overflow.
    for j in range(len(level)):
        shift, mask = np.uint64(lattice.shift[j]), lattice.mask[j]
        begin = lattice.start[j] + level[j] * lattice.size[j]
        leaves = lattice.leaves[begin : begin + lattice.size[j]]
        own = words[lattice.word[j]]
        for c in range(len(area)):
            area[c] += math.log(leaves[np.int64((own[c] >> shift) & mask)])


@inlined
def _class_cost(objective: Objective, rows: int, area: float) -> float:
    """Return the cost of a class that is released, or suppressed as a class of its own."""
    kind = objective.kind[0]
    if kind == AMBIGUITY:
        return rows * math.exp(area) / objective.rows[0]
    if kind == DIVERGENCE:
        share = rows / objective.rows[0]
        return share * (area - math.log(share)) if rows else 0.0
    return float(rows) * rows


@inner
def cost_of_node(
    objective: Objective,
    lattice: Lattice,
    level: Ints,
    words: Words,
    rows: Ints,
    holds: Bytes,
    area: Floats,
    column: Floats,
) -> float:
    """Return the cost of a node.

    Parameters
    ----------
    objective, lattice : Objective, Lattice
    level : (d,) int64
    words, rows : (n_words, n) uint64, (n,) int64
        The classes of the node.
    holds : (n,) uint8
        0 where a class is suppressed.
    area : (n,) float64, out
    column : (d,) float64, out
    """
    if objective.kind[0] > SUM:
        return _cost_by_classes(objective, lattice, level, words, rows, holds, area)
    for j in range(len(level)):
        shift, mask = np.uint64(lattice.shift[j]), lattice.mask[j]
        begin = lattice.start[j] + level[j] * lattice.size[j]
        cost = lattice.cost[begin : begin + lattice.size[j]]
        own = words[lattice.word[j]]
        keep, fixed = objective.factor[0] - objective.factor[1] * objective.carried[0], objective.suppressed[j]
        # Cost of the level without suppression, known beforehand, plus the change for each suppressed row.
        change = 0.0
        for c in range(len(rows)):
            if holds[c] == 0:
                change += rows[c] * (fixed - keep * cost[np.int64((own[c] >> shift) & mask)])
        column[j] = objective.total[objective.total_start[j] + level[j]] + change
        if objective.apart[0]:
            column[j] += objective.factor[1] * _entropy_of_suppressed(own, rows, holds, shift, mask, lattice.size[j])
    return combined(objective, column)


@inner
def _entropy_of_suppressed(own: Words, rows: Ints, holds: Bytes, shift: np.uint64, mask: np.uint64, size: int) -> float:
    """Return the entropy, in bits, of the suppressed rows' labels in one column, times their number."""
    # Representatives are leaves, so a table over the leaves counts labels of any level.
    count, suppressed = np.zeros(size, np.int64), 0
    for c in range(len(rows)):
        if holds[c] == 0:
            count[np.int64((own[c] >> shift) & mask)] += rows[c]
            suppressed += rows[c]
    bits = 0.0
    for node in range(size):
        if count[node] > 0:
            bits -= count[node] * math.log2(count[node] / suppressed)
    return bits


@inner
def _cost_by_classes(
    objective: Objective, lattice: Lattice, level: Ints, words: Words, rows: Ints, holds: Bytes, area: Floats
) -> float:
    """Return the cost of a node under an objective over classes."""
    kind = objective.kind[0]
    area[:] = 0.0
    if kind >= AMBIGUITY:
        _add_areas(lattice, level, words, area)
    # `own`: cost of the suppressed classes, each as a class of its own; replaced below for other rules.
    released, own, suppressed, n_classes = 0.0, 0.0, 0, 0
    for c in range(len(rows)):
        if holds[c]:
            released += _class_cost(objective, rows[c], area[c])
            n_classes += rows[c] > 0
        else:
            own += _class_cost(objective, rows[c], area[c])
            suppressed += rows[c]
    n = objective.rows[0]
    if kind == CLASS_SIZE:
        weighted = objective.factor[0] * (n - suppressed) + objective.factor[1] * suppressed
        return weighted / max(1, n_classes + (suppressed > 0))
    # SQUARES_OR_ALL: a suppressed row counts as all rows. From AMBIGUITY on: suppressed rows are one class of roots.
    if kind == SQUARES_OR_ALL:
        own = suppressed * n
    elif kind >= AMBIGUITY:
        own = _class_cost(objective, suppressed, objective.leaves[0])
    cost = objective.factor[0] * released + objective.factor[1] * own
    return cost + (objective.entropy[0] if kind == DIVERGENCE else 0.0)
