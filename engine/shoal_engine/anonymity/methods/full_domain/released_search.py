"""The cheapest node by what it releases, where leaving rows out moves the distribution that models compare with.

Closeness, delta-disclosure and beta-likeness compare each class with the released table. What a node suppresses against
the whole table is therefore only where it begins: classes are suppressed until those that are left hold against
themselves (`classes.settled`), and only then does the node have a cost. Classes that miss a model at first stay out, so
no node releases more than it did at first; where a suppressed row costs no less than a released one, its first cost
bounds what it releases from below. Nodes are settled by rising bound, until no bound that is left is below the best.

The cheapest node whose classes are counted in units exactly, where rows times nodes are few enough for that.

Weights that rows have before classes are made fall short of their units, so a node may hold more than they prove. Here
the units of every class of a node are counted, and the node costs what it releases; nodes are looked at by rising bound
until none that is left can be cheaper.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.methods.full_domain.classes import classes_at
from shoal_engine.anonymity.methods.full_domain.lattice import n_nodes
from shoal_engine.anonymity.methods.full_domain.search import Node, Search, bounds_of, every_node, visited
from shoal_kernels.criteria.privacy_models import (
    BETA,
    BETA_ENHANCED,
    CLOSE_EQUAL,
    CLOSE_ORDERED,
    CLOSE_TREE,
    DELTA,
    DELTA_STRICT,
)
from shoal_kernels.full_domain.node_costs import DIVERGENCE
from shoal_kernels.full_domain.walk import cost_suppressing

Ints = npt.NDArray[np.int64]
Settle = Callable[[tuple[int, ...]], Ints | None]
"""From the levels of a node to the class of each tuple as it is released; None where too many rows are left out."""

MOST_SETTLED = 4_096
"""Nodes that are settled at most; behind them the node tells how far it may lie above the least."""
_MOVING = (CLOSE_EQUAL, CLOSE_ORDERED, CLOSE_TREE, DELTA, DELTA_STRICT, BETA, BETA_ENHANCED)
MOST_ROWS = 100_000_000
"""Rows that are counted over all nodes at most."""


def reference_moves(search: Search) -> bool:
    """Return whether suppression changes what a model compares with."""
    return search.limit > 0 and bool(np.isin(search.models.kind, _MOVING).any())


def cheapest_released(search: Search, settle: Settle) -> tuple[Node, Ints] | None:
    """Return the node that costs least as it is released, the first in lattice order among equals, and its classes.

    Raises
    ------
    PolicyError
        The lattice is too large to be searched to the end.
    """
    log = every_node(search)
    shape = [one.n_levels for one in search.levels]
    feasible = np.flatnonzero(log.suppressed <= search.limit)
    nodes = [tuple(map(int, levels)) for levels in zip(*np.unravel_index(feasible, shape), strict=True)]
    least = log.cost[feasible] if _suppression_never_gains(search) else bounds_of(search, nodes)
    best: tuple[Node, Ints] | None = None
    order = np.lexsort((log.cost[feasible], least))
    for turn, place in enumerate(order):
        if best is not None and least[place] >= best[0].cost:
            break
        if turn == MOST_SETTLED and best is not None:
            return Node(best[0].levels, best[0].cost, best[0].suppressed, gap=best[0].cost - float(least[place])), best[
                1
            ]
        classes = settle(nodes[place])
        if classes is None:
            continue
        node = released_node(search, nodes[place], classes)
        if best is None or (node.cost, node.levels) < (best[0].cost, best[0].levels):
            best = node, classes
    return best


def released_node(search: Search, levels: tuple[int, ...], classes: Ints) -> Node:
    """Return a node with the cost of what it releases; ``classes``, (n,) int64, are negative where suppressed."""
    seen, own = visited(search, levels), classes_at(search, levels)
    holds = np.zeros(seen.rows.size, np.uint8)
    holds[own[classes >= 0]] = 1
    cost = np.zeros(1)
    cost_suppressing(search.lattice, search.objective, search.in_order(levels), seen.words, seen.rows, holds, cost)
    return Node(levels, float(cost[0]), search.left_out(search.weight, classes >= 0))


def _suppression_never_gains(search: Search) -> bool:
    """Return whether a suppressed row costs no less than a released one; `balance` may say otherwise."""
    released, suppressed = search.objective.factor
    return bool(suppressed >= released and search.objective.kind[0] != DIVERGENCE)


def is_affordable(search: Search) -> bool:
    """Return whether the units of every node can be counted."""
    return n_nodes(search.levels) * int(search.weight.sum()) <= MOST_ROWS


def cheapest_in_units(search: Search, settle: Settle) -> tuple[Node, Ints] | None:
    """Return the node that costs least as it is released, the first in lattice order among equals, and its classes."""
    nodes = list(product(*(range(one.n_levels) for one in search.levels)))
    bounds = bounds_of(search, nodes)
    best: tuple[Node, Ints] | None = None
    for number in np.argsort(bounds, kind="stable"):
        if best is not None and bounds[number] > best[0].cost:
            break
        classes = settle(nodes[number])
        if classes is None:
            continue
        node = released_node(search, nodes[number], classes)
        if best is None or (node.cost, node.levels) < (best[0].cost, best[0].levels):
            best = node, classes
    return best
