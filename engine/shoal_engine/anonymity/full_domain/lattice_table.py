"""Every node of a lattice: what it suppresses and costs, and which models it meets."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.full_domain.classes import classes_at
from shoal_engine.anonymity.full_domain.objectives import FullDomain
from shoal_engine.anonymity.full_domain.search import Search, every_node, prepare, visited
from shoal_engine.anonymity.full_domain.size_models import node_by_sizes
from shoal_engine.anonymity.models.measures import chosen_models
from shoal_engine.anonymity.models.people import bounds_on_people
from shoal_engine.anonymity.models.promises import in_words, size_promises, table_in_words
from shoal_engine.anonymity.models.table_models import LKC, accepts_of, least_and_sufficient_k, of_people, of_sizes
from shoal_engine.anonymity.models.unit_models import UnitJudge
from shoal_engine.anonymity.models.whole_table import with_k
from shoal_engine.anonymity.observation import Table
from shoal_engine.anonymity.policy import Policy
from shoal_engine.anonymity.unit_classes import counted_by_units
from shoal_kernels._jit import freeze
from shoal_kernels.models import WEIGHED

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
    table = counted_by_units(table)
    search = prepare(with_k(table, least), how, limit=math.floor(policy.suppress * table.n_rows))
    log = every_node(search)
    shape = [one.n_levels for one in search.levels]
    levels = np.stack(np.unravel_index(np.arange(log.cost.size), shape)).astype(np.int64)
    met = {named: every_node(_only(search, places, k=k)).suppressed == 0 for named, places, k in _alone(policy)}
    suppressed, classes, cost = log.suppressed, log.classes, log.cost
    rows: list[Ints] = []
    if of_sizes(policy.models):
        rows = [_sizes(table, search, levels_of) for levels_of in map(tuple, levels.T.tolist())]
        met |= {named: np.array([holds(sizes) for sizes in rows]) for named, holds in size_promises(policy)}
    accepts = accepts_of(policy.models)
    feasible = suppressed <= search.limit
    if accepts is not None and table.weights is not None:
        # No node is trimmed for these models then: it holds them as it is, or not.
        feasible = feasible & np.array([accepts(sizes) for sizes in rows])
    elif accepts is not None:
        nodes = [node_by_sizes(search, levels_of, accepts) for levels_of in map(tuple, levels.T.tolist())]
        suppressed = np.array([node.suppressed for node in nodes])
        classes = np.array([node.n_classes for node in nodes])
        cost = np.array([node.cost for node in nodes])
        feasible = suppressed <= search.limit
    return LatticeTable(levels, suppressed, classes, cost, feasible, met)


def _sizes(table: Table, search: Search, levels: tuple[int, ...]) -> Ints:
    """Return the rows of each class of a node, or its units."""
    if table.weights is None:
        sizes = visited(_only(search, [], k=1), levels).rows
    else:
        classes = classes_at(search, levels)
        sizes = UnitJudge(table).units(classes[: table.grouped.n_tuples], int(classes.max()) + 1)
    return sizes[sizes > 0]


def _alone(policy: Policy) -> Iterator[tuple[str, list[int], int]]:
    """Yield each model of a class in words, its places among those of the kernels, and the rows that it asks for."""
    yield f"{policy.k}-anonymity", [], policy.k
    place = 0
    # What LKC asks of the classes stands behind each column's own models.
    implied = sum(isinstance(model, LKC) for model in policy.models)
    for column, role in policy.sensitive.items():
        for model in role.models:
            yield f"{in_words(model)} of {column!r}", [place], 1
            place += 1
        place += implied
    for model in of_people(policy.models):
        n = len(bounds_on_people(model))
        yield table_in_words(model), list(range(place, place + n)), 1
        place += n


def _only(search: Search, places: list[int], *, k: int) -> Search:
    """Return the search under classes of `k` rows, and the models at some places alone."""
    weighed = np.flatnonzero(search.models.kind == WEIGHED)
    models = chosen_models(search.models, np.append(np.array(places, np.int64), weighed))
    # One is what every class holds, however little it weighs.
    least = k * search.grid if k > 1 else 1
    return replace(search, models=freeze(models._replace(k=np.array([least], np.int64))))
