"""What no coarser node can fall below, by its levels alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.methods.full_domain.search import Search
from shoal_kernels.full_domain.node_costs import SUM


def bounds_of(search: Search, nodes: Sequence[tuple[int, ...]]) -> npt.NDArray[np.float64]:
    """Return the bound of each node, (n,) float64; minus infinity for an objective over classes.

    See `shoal_kernels.full_domain.node_costs`: the columns' costs without suppression, times the share of them that
    stays whatever is suppressed.
    """
    objective, kind = search.objective, int(search.objective.kind[0])
    if kind > SUM:
        return np.full(len(nodes), -np.inf)
    level = np.array(nodes, np.int64).reshape(len(nodes), -1)[:, list(search.order)]
    weighed = objective.weight * objective.bound[0] * objective.total[objective.total_start + level]
    if kind == SUM:
        return weighed.sum(axis=1)
    return np.prod(1.0 + weighed, axis=1) ** (1.0 / level.shape[1]) - 1.0
