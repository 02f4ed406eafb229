"""A walk over all nodes of a generalization lattice that may still be the cheapest, classes rolled up on the way.

Nodes are visited depth first: quasi-identifiers before the j-th have their levels, those behind it lie at
their leaves. The classes of each prefix of levels stay on a stack, so every node is rolled up from one that
lies one step below. A node is passed over with everything above it when its bound reaches the best cost so
far, and with all levels of the quasi-identifiers behind it when even their roots suppress too many rows, where
coarser nodes never suppress more (predictive tagging: Kohlmayer et al. 2012, "Flash", section 3; a-priori
pruning of prefixes: LeFevre, DeWitt, Ramakrishnan 2005, section 3).
"""

from typing import NamedTuple

import numpy as np
from numba import types

from shoal_kernels._jit import inner, kernel, matrix, vector
from shoal_kernels.criteria.privacy_models import MODELS, Models
from shoal_kernels.full_domain.lattice import LATTICE, Ints, Lattice, Words
from shoal_kernels.full_domain.node_costs import (
    OBJECTIVE,
    Flags,
    Floats,
    Objective,
    bound_by_classes,
    bound_by_levels,
    cost_of_node,
)
from shoal_kernels.full_domain.roll_up_stack import SCRATCH, STACK, Scratch, Stack, climb, judge

_EVERYTHING = 2**62
"""More rows than there can be."""


class Found(NamedTuple):
    """The state of a walk and what it found.

    Attributes
    ----------
    level : (d,) int64
        Where the walk is; the first entry is -1 before it began.
    best : (d,) int64
        Levels of the cheapest node so far.
    cost : (1,) float64
        Its cost, or infinity.
    counts : (4,) int64
        Suppressed rows of the cheapest node; nodes visited; 1 when the walk is over; next quasi-identifier to move.
    """

    level: Ints
    best: Ints
    cost: Floats
    counts: Ints


class Log(NamedTuple):
    """What each node turned out to be, by the number of the node; empty where nobody asks.

    Attributes
    ----------
    stride : (d,) int64
        A node's number is the sum of level * stride.
    suppressed, classes : (n_nodes or 0,) int64
    cost : (n_nodes or 0,) float64
    """

    stride: Ints
    suppressed: Ints
    classes: Ints
    cost: Floats


_I64, _F64, _U32 = types.int64[::1], types.float64[::1], types.uint32[::1]
FOUND = types.NamedTuple([_I64, _I64, _F64, _I64], Found)
LOG = types.NamedTuple([_I64, _I64, _I64, _F64], Log)


@inner
def _tip_fails(
    lattice: Lattice, models: Models, stack: Stack, scratch: Scratch, level: Ints, j: int, limit: int
) -> bool:
    """Tell whether too many rows are suppressed even where all quasi-identifiers behind `j` are at their root."""
    d = len(level)
    for i in range(d):
        scratch.tip[i] = level[i] if i <= j else lattice.n_levels[i] - 1
    climb(lattice, models, stack, scratch, scratch.tip, j + 1, d, j + 1, d + 1)
    return judge(models, stack, scratch, stack.list_begin[d + 1], stack.list_size[d + 1], limit) > limit


@inner
def _raise(lattice: Lattice, found: Found) -> int:
    """Move to the next node in order; return the quasi-identifier that rose, or -1 after the last."""
    level, j = found.level, found.counts[3]
    while j >= 0 and level[j] + 1 >= lattice.n_levels[j]:
        level[j] = 0
        j -= 1
    if j >= 0:
        level[j] += 1
    return int(j)


@inner
def _settle(lattice: Lattice, models: Models, stack: Stack, scratch: Scratch, level: Ints, j: int) -> None:
    """Make the lists of the node that `_raise` moved to."""
    d = len(level)
    own = j + 1 if level[j] > 1 else j
    climb(lattice, models, stack, scratch, level, j, j + 1, own, j + 1)
    for behind in range(j + 1, d):
        stack.list_begin[behind + 1] = stack.list_begin[j + 1]
        stack.list_size[behind + 1] = stack.list_size[j + 1]
        stack.cell_end[behind + 1] = stack.cell_end[j + 1]


@inner
def _visit(
    lattice: Lattice,
    objective: Objective,
    models: Models,
    stack: Stack,
    scratch: Scratch,
    found: Found,
    limit: int,
    log: Log,
) -> None:
    """Judge the node, price it, and keep it if it is the cheapest that is feasible."""
    d = len(found.level)
    begin, n = stack.list_begin[d], stack.list_size[d]
    logs = len(log.cost) > 0
    rows = stack.rows[begin : begin + n]
    suppressed = judge(models, stack, scratch, begin, n, _EVERYTHING if logs else limit)
    if suppressed > limit and not logs:
        return
    words, area, holds = stack.words[:, begin : begin + n], scratch.area[:n], scratch.holds[:n]
    cost = cost_of_node(objective, lattice, found.level, words, rows, holds, area, scratch.column)
    if logs:
        node = (found.level * log.stride).sum()
        log.cost[node], log.suppressed[node], log.classes[node] = cost, suppressed, holds.sum()
    if suppressed <= limit and cost < found.cost[0]:
        found.cost[0], found.counts[0] = cost, suppressed
        found.best[:] = found.level


@kernel(
    types.void(
        LATTICE,
        OBJECTIVE,
        MODELS,
        types.int64,
        types.int64,
        types.int64,
        STACK,
        SCRATCH,
        FOUND,
        LOG,
    )
)
def walk(
    lattice: Lattice,
    objective: Objective,
    models: Models,
    limit: int,
    monotone: int,
    budget: int,
    stack: Stack,
    scratch: Scratch,
    found: Found,
    log: Log,
) -> None:
    """Visit up to `budget` nodes more; goes on where the last call stopped.

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
    found : Found, in and out
        `cost` may begin with the cost of a node known to be feasible.
    log : Log, out
        If it is not empty, every node is visited.
    """
    d = len(found.level)
    logs = len(log.cost) > 0
    level, counts = found.level, found.counts
    for _ in range(budget):
        if level[0] < 0:
            level[:] = 0
            j = 0
            for behind in range(d):
                stack.list_begin[behind + 1] = stack.list_begin[0]
                stack.list_size[behind + 1] = stack.list_size[0]
                stack.cell_end[behind + 1] = stack.cell_end[0]
        else:
            j = _raise(lattice, found)
            if j < 0:
                counts[2] = 1
                return
            # Nothing behind j, and no higher level of j, can be cheaper than the bound of this node.
            if not logs and bound_by_levels(objective, level, scratch.column) >= found.cost[0]:
                level[j] = lattice.n_levels[j]
                counts[3] = j
                continue
            _settle(lattice, models, stack, scratch, level, j)
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
            if bound >= found.cost[0]:
                level[j] = lattice.n_levels[j]
                counts[3] = j
                continue
            behind = j < d - 1 and level[j] < lattice.n_levels[j] - 1
            if monotone == 1 and behind and _tip_fails(lattice, models, stack, scratch, level, j, limit):
                counts[3] = j
                continue
        _visit(lattice, objective, models, stack, scratch, found, limit, log)


@kernel(types.void(LATTICE, OBJECTIVE, MODELS, vector(types.int64), STACK, SCRATCH, FOUND, LOG))
def visit(
    lattice: Lattice,
    objective: Objective,
    models: Models,
    level: Ints,
    stack: Stack,
    scratch: Scratch,
    found: Found,
    log: Log,
) -> None:
    """Write one node into ``log``, whose strides are 0; its classes replace the first list of the stack."""
    d = len(level)
    climb(lattice, models, stack, scratch, level, 0, d, 0, 0)
    stack.list_begin[d], stack.list_size[d] = stack.list_begin[0], stack.list_size[0]
    found.level[:] = level
    _visit(lattice, objective, models, stack, scratch, found, _EVERYTHING, log)


@kernel(types.int64(MODELS, STACK, SCRATCH, types.int64, types.int64))
def first_miss(models: Models, stack: Stack, scratch: Scratch, begin: int, n: int) -> int:
    """Return the rows of the first of n classes of the stack, from ``begin``, that misses other models; 0 if none does.

    ``scratch.holds`` is overwritten.
    """
    return judge(models, stack, scratch, begin, n, 0)


@kernel(
    types.void(
        LATTICE,
        OBJECTIVE,
        vector(types.int64),
        matrix(types.uint64),
        vector(types.int64),
        vector(types.uint8),
        types.float64[::1],
    )
)
def price(
    lattice: Lattice, objective: Objective, level: Ints, words: Words, rows: Ints, holds: Flags, cost: Floats
) -> None:
    """Write into ``cost``, (1,) float64, what a node costs that suppresses the classes where ``holds`` is 0."""
    area, column = np.empty(len(rows)), np.empty(len(level))
    cost[0] = cost_of_node(objective, lattice, level, words, rows, holds, area, column)
