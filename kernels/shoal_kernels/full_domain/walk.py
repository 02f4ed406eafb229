"""Branch and bound over the nodes of a generalization lattice, with classes rolled up on the way.

Nodes are visited depth first: quasi-identifiers before the j-th have their levels, those after it are at their
leaves. The classes of each prefix of levels stay on a stack, so every node is rolled up from one that is one step
finer. A node is skipped with everything above it if its bound reaches the best cost so far. All levels of the
later quasi-identifiers are skipped if even their roots suppress too many rows, provided that coarser nodes never
suppress more (predictive tagging: Kohlmayer et al. 2012, "Flash", section 3; a-priori pruning of prefixes:
LeFevre, DeWitt, Ramakrishnan 2005, section 3).
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Ints, Matrix, OutVector, Vector, kernel
from shoal_kernels.criteria.privacy_models import Models
from shoal_kernels.full_domain.lattice import Lattice
from shoal_kernels.full_domain.node_costs import Objective, bound_by_classes, bound_by_levels, cost_of_node
from shoal_kernels.full_domain.roll_up_stack import Scratch, Stack, count_suppressed, roll_up_list

_EVERYTHING = 2**62
"""A limit above any number of rows."""


class WalkState(NamedTuple):
    """The state of a walk, and the best node so far.

    Attributes
    ----------
    level : (d,) int64
        Levels of the current node; the first is -1 before the walk begins.
    best : (d,) int64
        Levels of the cheapest node so far.
    cost : (1,) float64
        Its cost, or infinity.
    counts : (4,) int64
        Suppressed rows of the cheapest node; nodes visited; 1 if the walk is over; next quasi-identifier to move.
    """

    level: OutVector[np.int64]
    best: OutVector[np.int64]
    cost: OutVector[np.float64]
    counts: OutVector[np.int64]


class NodeLog(NamedTuple):
    """Cost, suppressed rows and classes of each node, by the node's number; empty if not wanted.

    Attributes
    ----------
    stride : (d,) int64
        A node's number is the sum of level * stride.
    suppressed, classes : (n_nodes or 0,) int64
    cost : (n_nodes or 0,) float64
    """

    stride: OutVector[np.int64]
    suppressed: OutVector[np.int64]
    classes: OutVector[np.int64]
    cost: OutVector[np.float64]


@inner
def _top_fails(
    lattice: Lattice, models: Models, stack: Stack, scratch: Scratch, level: Ints, j: int, limit: int
) -> bool:
    """Return whether too many rows are suppressed even with all quasi-identifiers after `j` at their roots."""
    d = len(level)
    for i in range(d):
        scratch.top[i] = level[i] if i <= j else lattice.n_levels[i] - 1
    roll_up_list(lattice, models, stack, scratch, scratch.top, j + 1, d, j + 1, d + 1)
    return count_suppressed(models, stack, scratch, stack.list_begin[d + 1], stack.list_size[d + 1], limit) > limit


@inner
def _advance(lattice: Lattice, state: WalkState) -> int:
    """Move to the next node in order; return the quasi-identifier that was raised, or -1 after the last."""
    # An odometer over levels; pruning sets a digit past its end, so that the carry skips its subtree.
    level, j = state.level, state.counts[3]
    while j >= 0 and level[j] + 1 >= lattice.n_levels[j]:
        level[j] = 0
        j -= 1
    if j >= 0:
        level[j] += 1
    return int(j)


@inner
def _roll_up_node(lattice: Lattice, models: Models, stack: Stack, scratch: Scratch, level: Ints, j: int) -> None:
    """Roll up the lists of the node that `_advance` moved to."""
    d = len(level)
    # From the same prefix one level below if that is on the stack, else from the shorter prefix.
    own = j + 1 if level[j] > 1 else j
    roll_up_list(lattice, models, stack, scratch, level, j, j + 1, own, j + 1)
    # Later quasi-identifiers are at their leaves: their prefixes have the same classes and share the list.
    for behind in range(j + 1, d):
        stack.list_begin[behind + 1] = stack.list_begin[j + 1]
        stack.list_size[behind + 1] = stack.list_size[j + 1]
        stack.cell_end[behind + 1] = stack.cell_end[j + 1]


@inner
def _evaluate(
    lattice: Lattice,
    objective: Objective,
    models: Models,
    stack: Stack,
    scratch: Scratch,
    state: WalkState,
    limit: int,
    log: NodeLog,
) -> None:
    """Check the node, compute its cost, and keep it if it is the cheapest feasible one."""
    d = len(state.level)
    begin, n = stack.list_begin[d], stack.list_size[d]
    logs = len(log.cost) > 0
    rows = stack.rows[begin : begin + n]
    # A log needs exact counts; otherwise counting stops as soon as the node is infeasible.
    suppressed = count_suppressed(models, stack, scratch, begin, n, _EVERYTHING if logs else limit)
    if suppressed > limit and not logs:
        return
    words, area, holds = stack.words[:, begin : begin + n], scratch.area[:n], scratch.holds[:n]
    cost = cost_of_node(objective, lattice, state.level, words, rows, holds, area, scratch.column)
    if logs:
        node = (state.level * log.stride).sum()
        log.cost[node], log.suppressed[node], log.classes[node] = cost, suppressed, holds.sum()
    # Strictly cheaper: of equal costs the first in the order of the walk stays.
    if suppressed <= limit and cost < state.cost[0]:
        state.cost[0], state.counts[0] = cost, suppressed
        state.best[:] = state.level


@kernel
def walk(
    lattice: Lattice,
    objective: Objective,
    models: Models,
    limit: int,
    monotone: int,
    budget: int,
    stack: Stack,
    scratch: Scratch,
    state: WalkState,
    log: NodeLog,
) -> None:
    """Visit up to `budget` further nodes, from where the last call stopped.

    Parameters
    ----------
    lattice, objective, models : Lattice, Objective, Models
    limit : int
        Rows that may be suppressed.
    monotone : int
        1 if a coarser node never suppresses more rows.
    budget : int
    stack, scratch : Stack, Scratch, in and out
        The tuples are the first list of the stack.
    state : Found, in and out
        `cost` may begin with the cost of a node known to be feasible.
    log : Log, out
        If it is not empty, every node is visited.
    """
    d = len(state.level)
    logs = len(log.cost) > 0
    level, counts = state.level, state.counts
    for _ in range(budget):
        if level[0] < 0:
            level[:] = 0
            j = 0
            for behind in range(d):
                stack.list_begin[behind + 1] = stack.list_begin[0]
                stack.list_size[behind + 1] = stack.list_size[0]
                stack.cell_end[behind + 1] = stack.cell_end[0]
        else:
            j = _advance(lattice, state)
            if j < 0:
                counts[2] = 1
                return
            # Bound by levels alone, before any roll-up; it also bounds all higher levels of j and all nodes after them.
            if not logs and bound_by_levels(objective, level, scratch.column) >= state.cost[0]:
                level[j] = lattice.n_levels[j]
                counts[3] = j
                continue
            _roll_up_node(lattice, models, stack, scratch, level, j)
        counts[1] += 1
        counts[3] = d - 1
        begin, n = stack.list_begin[d], stack.list_size[d]
        if not logs:
            bound = bound_by_classes(
                objective,
                lattice,
                level,
                stack.words[:, begin : begin + n],
                stack.rows[begin : begin + n],
                scratch.area[:n],
                limit,
            )
            # As above, but from the classes: neither this node nor any coarser one can be cheaper.
            if bound >= state.cost[0]:
                level[j] = lattice.n_levels[j]
                counts[3] = j
                continue
            behind = j < d - 1 and level[j] < lattice.n_levels[j] - 1
            if monotone == 1 and behind and _top_fails(lattice, models, stack, scratch, level, j, limit):
                counts[3] = j
                continue
        _evaluate(lattice, objective, models, stack, scratch, state, limit, log)


@kernel
def evaluate_node(
    lattice: Lattice,
    objective: Objective,
    models: Models,
    level: Vector[np.int64],
    stack: Stack,
    scratch: Scratch,
    state: WalkState,
    log: NodeLog,
) -> None:
    """Evaluate one node into ``log``, whose strides are 0; its classes replace the first list of the stack."""
    d = len(level)
    roll_up_list(lattice, models, stack, scratch, level, 0, d, 0, 0)
    stack.list_begin[d], stack.list_size[d] = stack.list_begin[0], stack.list_size[0]
    state.level[:] = level
    _evaluate(lattice, objective, models, stack, scratch, state, _EVERYTHING, log)


@kernel
def rows_of_first_failure(models: Models, stack: Stack, scratch: Scratch, begin: int, n: int) -> int:
    """Return the rows of the first of n classes of the stack, from ``begin``, that fails the models; 0 if none does.

    ``scratch.holds`` is overwritten.
    """
    return count_suppressed(models, stack, scratch, begin, n, 0)


@kernel
def cost_suppressing(
    lattice: Lattice,
    objective: Objective,
    level: Vector[np.int64],
    words: Matrix[np.uint64],
    rows: Vector[np.int64],
    holds: Vector[np.uint8],
    cost: OutVector[np.float64],
) -> None:
    """Write into ``cost``, (1,) float64, the cost of a node that suppresses the classes with ``holds`` 0."""
    area, column = np.empty(len(rows)), np.empty(len(level))
    cost[0] = cost_of_node(objective, lattice, level, words, rows, holds, area, column)
