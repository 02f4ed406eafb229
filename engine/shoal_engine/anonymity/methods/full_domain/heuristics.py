"""Searches for lattices too large to be searched to the end, and the greedy one that is older than both."""

import heapq

import numpy as np

from shoal_engine.anonymity.methods.full_domain.bounds import bounds_of
from shoal_engine.anonymity.methods.full_domain.objectives import FullDomain
from shoal_engine.anonymity.methods.full_domain.search import Node, Search, look_at
from shoal_engine.anonymity.table.tuples import codes_of

_STEPS = 10_000
"""Nodes that are looked at unless a policy says how many."""


def top_down(search: Search, how: FullDomain) -> Node | None:
    """Return the best of a bounded number of nodes, cheapest first from the roots down.

    A node is expanded into those that lie one step below it. Where coarser nodes never suppress more, nodes
    below an infeasible one are not looked at. The node reports the gap: how far its cost may lie above the best
    there could be, by the bound of the lowest levels that each quasi-identifier can have by itself.
    """
    steps = how.max_steps or _STEPS
    top = tuple(one.n_levels - 1 for one in search.levels)
    floor, used = _floor(search, top), 0
    best: Node | None = None
    opened = [(0.0, tuple(-level for level in top), top)]
    seen = {top}
    while opened and used < steps:
        _, _, levels = heapq.heappop(opened)
        node = look_at(search, levels)
        used += 1
        feasible = node.suppressed <= search.limit
        if feasible and (best is None or (node.cost, node.levels) < (best.cost, best.levels)):
            best = node
        if not feasible and search.monotone:
            continue
        for j, level in enumerate(levels):
            below = (*levels[:j], level - 1, *levels[j + 1 :])
            if level > floor[j] and below not in seen:
                seen.add(below)
                heapq.heappush(opened, (node.cost, tuple(-one for one in below), below))
    if best is None:
        return None
    return Node(
        best.levels, best.cost, best.suppressed, gap=best.cost - float(bounds_of(search, [floor])[0]) if opened else 0.0
    )


def _floor(search: Search, top: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lowest level of each quasi-identifier that is feasible with all others at their root.

    By monotony no feasible node lies below it.
    """
    if not search.monotone:
        return (0,) * len(top)
    floor = list(top)
    for j in range(len(top)):
        for level in range(top[j]):
            if look_at(search, (*top[:j], level, *top[j + 1 :])).suppressed <= search.limit:
                floor[j] = level
                break
    return tuple(floor)


def datafly(search: Search) -> Node | None:
    """Generalize the quasi-identifier with most distinct values by one level until few enough rows are left out.

    Sweeney 2002b, "Achieving k-anonymity privacy protection using generalization and suppression", section 4.1;
    distinct values are those of the rows that are not yet released, the first quasi-identifier among equals.
    """
    levels = [0] * len(search.levels)
    while True:
        node = look_at(search, tuple(levels))
        if node.suppressed <= search.limit:
            return node
        distinct = [_distinct(search, j, level) for j, level in enumerate(levels)]
        able = [j for j, level in enumerate(levels) if level + 1 < search.levels[j].n_levels]
        if not able:
            return None
        levels[max(able, key=lambda j: (distinct[j], -j))] += 1


def _distinct(search: Search, j: int, level: int) -> int:
    """Return how many nodes of a level occur in the table."""
    place = search.order.index(j)
    lattice = search.lattice
    words = search.words[:, search.weight > 0]
    code = codes_of(words, lattice.word[place], lattice.shift[place], lattice.mask[place])
    return int(np.unique(search.levels[j].representative[level][np.unique(code)]).size)
