"""Nodes of a lattice judged in units exactly, where rows times nodes are few enough for that.

Weights that a class has before it is made fall short of its units, so a node may hold more than they prove. Here the
units of every class of a node are counted; nodes are looked at by rising bound until none left can be cheaper.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.full_domain.bounds import bounds_of
from shoal_engine.anonymity.full_domain.classes import classes_at
from shoal_engine.anonymity.full_domain.lattice import n_nodes
from shoal_engine.anonymity.full_domain.search import Node, Search, visited
from shoal_engine.anonymity.models.measures import chosen_models
from shoal_engine.anonymity.models.unit_models import UnitJudge
from shoal_kernels._jit import freeze
from shoal_kernels.lattice_walk import price
from shoal_kernels.models import K_MAP

Look = Callable[[tuple[int, ...]], Node]

MOST_ROWS = 100_000_000
"""Rows that are counted over all nodes at most."""


def is_affordable(search: Search, n_rows: int) -> bool:
    """Tell whether the units of every node can be counted."""
    return n_nodes(search.levels) * n_rows <= MOST_ROWS


def exact_look(search: Search, judge: UnitJudge, n_tuples: int) -> Look:
    """Return what looks at one node, its classes counted in units.

    Parameters
    ----------
    search : Search
        Over a whole table.
    judge : UnitJudge
    n_tuples : int
        Tuples of the table; those behind them have no rows.
    """
    people = np.flatnonzero(search.models.kind == K_MAP)
    bare = chosen_models(search.models, people)
    fitting = replace(search, models=freeze(bare._replace(k=np.ones(1, np.int64))))

    def look(levels: tuple[int, ...]) -> Node:
        seen = visited(fitting, levels)
        classes = classes_at(search, levels)[:n_tuples]
        holds = judge.holding(classes, seen.rows.size).astype(np.uint8)
        if people.size:
            holds &= seen.holds
        cost = np.zeros(1)
        price(search.lattice, search.objective, search.in_order(levels), seen.words, seen.rows, holds, cost)
        return Node(levels, float(cost[0]), search.left_out(seen.rows, holds > 0), n_classes=int(holds.sum()))

    return look


def by_units(search: Search, look: Look) -> Iterator[Node]:
    """Yield the cheapest feasible node, then all feasible ones by rising cost."""
    nodes = list(product(*(range(one.n_levels) for one in search.levels)))
    bounds: npt.NDArray[np.float64] = bounds_of(search, nodes)
    best: Node | None = None
    for number in np.argsort(bounds, kind="stable"):
        if best is not None and bounds[number] >= best.cost:
            break
        node = look(nodes[number])
        if node.suppressed <= search.limit and (best is None or node.cost < best.cost):
            best = node
    if best is None:
        return
    yield best
    yield from sorted((node for node in map(look, nodes) if node.suppressed <= search.limit), key=lambda one: one.cost)
