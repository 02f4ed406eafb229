"""The cheapest node whose classes are counted in units exactly, where rows times nodes are few enough for that.

Weights that rows have before classes are made fall short of their units, so a node may hold more than they prove. Here
the units of every class of a node are counted, and the node costs what it releases; nodes are looked at by rising bound
until none that is left can be cheaper.
"""

from itertools import product

import numpy as np

from shoal_engine.anonymity.methods.full_domain.bounds import bounds_of
from shoal_engine.anonymity.methods.full_domain.lattice import n_nodes
from shoal_engine.anonymity.methods.full_domain.released_search import Ints, Settle, released_node
from shoal_engine.anonymity.methods.full_domain.search import Node, Search

MOST_ROWS = 100_000_000
"""Rows that are counted over all nodes at most."""


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
