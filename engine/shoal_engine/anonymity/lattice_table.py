"""Every node of a lattice: what it suppresses and costs, and which models it meets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.full_domain import Search, every_node, prepare
from shoal_engine.anonymity.objectives import FullDomain
from shoal_engine.anonymity.observation import Table
from shoal_engine.anonymity.promises import promised
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
    search = prepare(table, how, limit=math.floor(table.policy.suppress * table.n_rows))
    log = every_node(search)
    shape = [one.n_levels for one in search.levels]
    names = promised(table.policy)
    met = {name: every_node(_only(search, j - 1)).suppressed == 0 for j, name in enumerate(names)}
    return LatticeTable(
        levels=np.stack(np.unravel_index(np.arange(log.cost.size), shape)).astype(np.int64),
        suppressed=log.suppressed,
        classes=log.classes,
        cost=log.cost,
        feasible=log.suppressed <= search.limit,
        met=met,
    )


def _only(search: Search, j: int) -> Search:
    """Return the search under one model alone: the j-th of a sensitive column, or k-anonymity for -1."""
    models = search.models
    one = slice(j, j + 1) if j >= 0 else slice(0, 0)
    picked = {name: getattr(models, name)[one] for name in _BY_MODEL}
    k = models.k if j < 0 else np.ones_like(models.k)
    return replace(search, models=freeze(models._replace(k=k, **picked)))


_BY_MODEL = ("kind", "first", "last", "count", "limit", "depth", "tree_start")
