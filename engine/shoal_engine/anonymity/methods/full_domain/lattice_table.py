"""Every node of a lattice: what it suppresses and costs, and which models it meets."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.assessment import size_promises
from shoal_engine.anonymity.criteria.binding import BoundTable
from shoal_engine.anonymity.criteria.measures import chosen_models
from shoal_engine.anonymity.criteria.people import bounds_on_people
from shoal_engine.anonymity.criteria.unit_criteria import UnitJudge
from shoal_engine.anonymity.criteria.whole_table import with_k
from shoal_engine.anonymity.methods.full_domain.classes import classes_at
from shoal_engine.anonymity.methods.full_domain.lattice import n_nodes
from shoal_engine.anonymity.methods.full_domain.objectives import FullDomain
from shoal_engine.anonymity.methods.full_domain.released_search import is_affordable
from shoal_engine.anonymity.methods.full_domain.search import Node, Search, every_visited, prepare, visited
from shoal_engine.anonymity.methods.full_domain.size_models import accepted, node_of_classes
from shoal_engine.anonymity.methods.unit_classes import bind_units_and_people
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.table_models import LKC, accepts_of, least_and_sufficient_k, of_people
from shoal_engine.anonymity.table.table import Table
from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import K_MAP, WEIGHED

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
    bound = bind_units_and_people(table)
    search = prepare(with_k(bound, least), how, limit=math.floor(policy.suppress * table.n_rows))
    shape = [one.n_levels for one in search.levels]
    nodes = n_nodes(search.levels)
    levels = np.stack(np.unravel_index(np.arange(nodes), shape)).astype(np.int64)
    in_units, promises = bound.weights is not None, dict(size_promises(policy))
    accepts = accepts_of(policy.models)
    alone = {named: _only(search, places, k=k).models for named, places, k in _alone(policy)}
    met = {named: np.zeros(nodes, np.bool_) for named in [*alone, *promises]}
    suppressed, classes, cost = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros(nodes)
    for of_node, seen, holding in every_visited(search, list(alone.values())):
        number = np.ravel_multi_index(of_node, shape)
        node = Node(of_node, seen.cost, search.left_out(seen.rows, seen.holds > 0), n_classes=int(seen.holds.sum()))
        for named, holds in zip(alone, holding, strict=True):
            met[named][number] = holds
        if not in_units:
            sizes = seen.rows[seen.rows > 0]
            for named, hold in promises.items():
                met[named][number] = hold(sizes)
            if accepts is not None:
                # Classes are suppressed, the smallest first, until the sizes of the rest are accepted.
                node = node_of_classes(search, of_node, seen.words, seen.rows, accepted(seen.rows, seen.holds, accepts))
        suppressed[number], classes[number], cost[number] = node.suppressed, node.n_classes, node.cost
    if in_units and is_affordable(search):
        exact = [_in_units(with_k(bound, least), search, of_node) for of_node in map(tuple, levels.T.tolist())]
        suppressed, classes = (np.array([getattr(n, of) for n, _ in exact]) for of in ("suppressed", "n_classes"))
        cost = np.array([node.cost for node, _ in exact])
        met |= {named: np.array([held[named] for _, held in exact]) for named in exact[0][1]}
    feasible: npt.NDArray[np.bool_] = suppressed <= search.limit
    if in_units and promises:
        counted = _exact_sizes(bound, search, levels)
        met |= {named: np.array([holds(sizes) for sizes in counted]) for named, holds in promises.items()}
        if accepts is not None:
            # No node is trimmed for these models then: it holds them as it is, or not.
            feasible &= np.logical_and.reduce([met[named] for named in promises])
    return LatticeTable(levels, suppressed, classes, cost, feasible, met)


def _in_units(table: BoundTable, search: Search, levels: tuple[int, ...]) -> tuple[Node, dict[str, bool]]:
    """Return a node whose classes are counted in units, and which models they all meet, those of people apart."""
    judge, n_own = UnitJudge(table), table.declared.kind.size
    bare = _only(search, [j for j, kind in enumerate(search.models.kind) if kind == K_MAP], k=1)
    seen = visited(bare, levels)
    n = seen.rows.size
    of_tuple = classes_at(search, levels)[: table.grouped.n_tuples]
    met = {
        named: bool(judge.only(places, k).holding(of_tuple, n)[seen.rows > 0].all())
        for named, places, k in _alone(table.policy)
        if all(place < n_own for place in places)
    }
    holds = judge.holding(of_tuple, n).astype(np.uint8) & seen.holds
    return node_of_classes(search, levels, seen.words, seen.rows, holds), met


def _exact_sizes(table: BoundTable, search: Search, levels: Ints) -> list[Ints]:
    """Return the units of each class of every node."""
    judge, n = UnitJudge(table), table.grouped.n_tuples
    every = [classes_at(search, of_node) for of_node in map(tuple, levels.T.tolist())]
    sizes = [judge.units(classes[:n], int(classes.max()) + 1) for classes in every]
    return [one[one > 0] for one in sizes]


def _alone(policy: Policy) -> Iterator[tuple[str, list[int], int]]:
    """Yield each model of a class in words, its places among those of the kernels, and the rows that it asks for."""
    yield f"{policy.k}-anonymity", [], policy.k
    place = 0
    # What LKC asks of the classes stands behind each column's own models.
    implied = sum(isinstance(model, LKC) for model in policy.models)
    for column, role in policy.sensitive.items():
        for model in role.models:
            yield f"{model.describe()} of {column!r}", [place], 1
            place += 1
        place += implied
    for model in of_people(policy.models):
        n = len(bounds_on_people(model))
        yield model.describe(), list(range(place, place + n)), 1
        place += n


def _only(search: Search, places: list[int], *, k: int) -> Search:
    """Return the search under classes of `k` rows, and the models at some places alone."""
    weighed = np.flatnonzero(search.models.kind == WEIGHED)
    models = chosen_models(search.models, np.append(np.array(places, np.int64), weighed))
    # One is what every class holds, however little it weighs.
    least = k * search.grid if k > 1 else 1
    return replace(search, models=freeze(models._replace(k=np.array([least], np.int64))))
