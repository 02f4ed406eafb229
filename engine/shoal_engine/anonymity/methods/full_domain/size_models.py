"""Full-domain search under models that bind the sizes of all classes together: risks and uniqueness.

A node that misses such a model suppresses its smallest classes, those of a size in the order of their first
tuple, until the rest holds it (ARX does so too, those of a size in the order of rows). Nodes are looked at by
rising bound until none that is left can be cheaper than the best.
"""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.methods.full_domain.search import Node, Search, Words, bounds_of, check_size, visited
from shoal_kernels.full_domain.walk import cost_suppressing

Sizes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.uint8]
Accepts = Callable[[Sizes], bool]


def by_sizes(search: Search, accepts: Accepts) -> Iterator[Node]:
    """Yield the cheapest feasible node, then all feasible ones by rising cost; parameters as for the optimum."""
    best = optimum_by_sizes(search, accepts)
    if best is None:
        return
    yield best
    every = (node_by_sizes(search, levels, accepts) for levels in _nodes(search))
    yield from sorted((node for node in every if node.suppressed <= search.limit), key=lambda node: node.cost)


def _nodes(search: Search) -> list[tuple[int, ...]]:
    """Return all nodes, the last quasi-identifier's level fastest."""
    return list(product(*(range(one.n_levels) for one in search.levels)))


def optimum_by_sizes(search: Search, accepts: Accepts) -> Node | None:
    """Return the cheapest feasible node; None if no node is feasible.

    Parameters
    ----------
    search : Search
    accepts : callable of (n_classes,) int64 to bool
        Whether released classes of these rows are acceptable; once they are, they stay so as the smallest go.

    Raises
    ------
    PolicyError
        The lattice is too large to be searched to the end.
    """
    check_size(search)
    nodes = _nodes(search)
    bounds = bounds_of(search, nodes)
    best: Node | None = None
    for number in np.argsort(bounds, kind="stable"):
        if best is not None and bounds[number] >= best.cost:
            break
        node = node_by_sizes(search, nodes[number], accepts)
        if node.suppressed <= search.limit and (best is None or node.cost < best.cost):
            best = node
    return best


def node_by_sizes(search: Search, levels: tuple[int, ...], accepts: Accepts) -> Node:
    """Return one node, feasible or not."""
    seen = visited(search, levels)
    return node_of_classes(search, levels, seen.words, seen.rows, accepted(seen.rows, seen.holds, accepts))


def node_of_classes(search: Search, levels: tuple[int, ...], words: Words, rows: Sizes, holds: Flags) -> Node:
    """Return the node of given classes that suppresses those where ``holds`` is 0."""
    cost = np.zeros(1)
    cost_suppressing(search.lattice, search.objective, search.in_order(levels), words, rows, holds, cost)
    return Node(levels, float(cost[0]), search.left_out(rows, holds > 0), n_classes=int(holds.sum()))


def accepted(rows: Sizes, holds: Flags, accepts: Accepts) -> Flags:
    """Suppress the fewest of the smallest classes so that the rest is accepted.

    Parameters
    ----------
    rows : (n_classes,) int64
    holds : (n_classes,) uint8
        0 where a class is suppressed already.
    accepts : callable

    Returns
    -------
    (n_classes,) uint8
        0 where a class is suppressed.
    """
    order = np.flatnonzero(holds)
    order = order[np.argsort(rows[order], kind="stable")]
    low, high = 0, order.size
    if accepts(rows[order]):
        high = 0  # Nothing has to go, which needs no search.
    while low < high:
        middle = (low + high) // 2
        if accepts(rows[order[middle:]]):
            high = middle
        else:
            low = middle + 1
    kept = np.zeros(rows.size, np.uint8)
    kept[order[low:]] = 1
    return kept
