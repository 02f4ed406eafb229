"""Every node of a lattice: what it suppresses and costs, and which models it meets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.full_domain import Search, every_node, prepare, visited
from shoal_engine.anonymity.full_domain_sizes import node_by_sizes
from shoal_engine.anonymity.objectives import FullDomain
from shoal_engine.anonymity.observation import Table
from shoal_engine.anonymity.promises import promised, size_promises
from shoal_engine.anonymity.table_models import accepts_of, least_and_sufficient_k
from shoal_engine.anonymity.whole_table import with_k
from shoal_kernels._jit import freeze

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LatticeTable:
    """All n nodes of a lattice, in the order of their levels, the last quasi-identifier fastest.

    Attributes
    ----------
    levels : (d, n) int64
    suppressed, classes : (n,) int64
        Rows in classes that miss a model; classes that satisfy all.
    cost : (n,) float64
    feasible : (n,) bool
        No more rows are suppressed than the policy allows.
    met : mapping of str to (n,) bool
        For each model by itself: every class satisfies it.
    """

    levels: Ints
    suppressed: Ints
    classes: Ints
    cost: npt.NDArray[np.float64]
    feasible: npt.NDArray[np.bool_]
    met: Mapping[str, npt.NDArray[np.bool_]]


def lattice_table(table: Table, how: FullDomain) -> LatticeTable:
    """Visit every node, once for all models together and once for each by itself.

    Raises
    ------
    PolicyError
        The lattice is too large, or the objective needs a hierarchy that a quasi-identifier does not have.
    """
    policy = table.policy
    least, _ = least_and_sufficient_k(policy.k, policy.models, table.n_rows)
    search = prepare(with_k(table, least), how, limit=math.floor(policy.suppress * table.n_rows))
    log = every_node(search)
    shape = [one.n_levels for one in search.levels]
    levels = np.stack(np.unravel_index(np.arange(log.cost.size), shape)).astype(np.int64)
    met = {name: every_node(_only(search, j - 1)).suppressed == 0 for j, name in enumerate(promised(policy))}
    suppressed, classes, cost = log.suppressed, log.classes, log.cost
    if policy.models:
        bare = _only(search, -1, k=1)
        rows = [visited(bare, levels_of).rows for levels_of in map(tuple, levels.T.tolist())]
        met |= {named: np.array([holds(sizes) for sizes in rows]) for named, holds in size_promises(policy)}
    accepts = accepts_of(policy.models)
    if accepts is not None:
        nodes = [node_by_sizes(search, levels_of, accepts) for levels_of in map(tuple, levels.T.tolist())]
        suppressed = np.array([node.suppressed for node in nodes])
        classes = np.array([node.n_classes for node in nodes])
        cost = np.array([node.cost for node in nodes])
    return LatticeTable(levels, suppressed, classes, cost, suppressed <= search.limit, met)


def _only(search: Search, j: int, *, k: int | None = None) -> Search:
    """Return the search under one model alone: the j-th of a sensitive column, or k-anonymity for -1."""
    models = search.models
    one = slice(j, j + 1) if j >= 0 else slice(0, 0)
    picked = {name: getattr(models, name)[one] for name in _BY_MODEL}
    rows = k if k is not None else int(models.k[0]) if j < 0 else 1
    return replace(search, models=freeze(models._replace(k=np.array([rows], np.int64), **picked)))


_BY_MODEL = ("kind", "first", "last", "count", "limit", "depth", "tree_start")
