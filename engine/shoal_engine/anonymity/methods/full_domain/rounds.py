"""From a table to classes by full-domain generalization: the search that the policy asks for, round by round.

Every round but the last leaves as many rows to the next as is cheapest by its own objective, a suppressed row
being one that the next round generalizes further: local recoding by repeated full-domain search.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.binding import BoundTable
from shoal_engine.anonymity.criteria.measures import chosen_models, class_sizes, satisfied
from shoal_engine.anonymity.criteria.unit_criteria import UnitJudge
from shoal_engine.anonymity.methods.full_domain.classes import (
    Exact,
    accepted_classes,
    classes_at,
    kept_classes,
    settled,
    settled_units,
)
from shoal_engine.anonymity.methods.full_domain.objectives import FullDomain
from shoal_engine.anonymity.methods.full_domain.released_search import (
    cheapest_in_units,
    cheapest_released,
    is_affordable,
    reference_moves,
    released_node,
)
from shoal_engine.anonymity.methods.full_domain.search import (
    Node,
    Search,
    bounds_of,
    chosen,
    look_at,
    optimum,
    prepare,
    ranked,
    search_over,
)
from shoal_engine.anonymity.methods.full_domain.size_models import Accepts, by_sizes
from shoal_engine.anonymity.methods.suppression import SUPPRESSED, with_released_shares
from shoal_engine.anonymity.policy.table_models import accepts_of
from shoal_engine.anonymity.table.table import codes_of, subset_of
from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import K_MAP

Ints = npt.NDArray[np.int64]

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


_SEARCHES: dict[str, Callable[[Search, FullDomain], Node | None]] = {
    "optimal": lambda search, how: optimum(search),
    "top-down": top_down,
    "datafly": lambda search, how: datafly(search),
}


@dataclass(frozen=True, slots=True, eq=False)
class FullDomainClasses:
    """Classes whose labels lie at chosen levels.

    Attributes
    ----------
    class_of_tuple : (n,) int64
        Numbered from 0 without gaps; negative where suppressed.
    levels_of_class : (n_classes, d) int64
        Level of each quasi-identifier.
    nodes : tuple of Node
        What each round found.
    """

    class_of_tuple: Ints
    levels_of_class: Ints
    nodes: tuple[Node, ...]

    def notes(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return which levels were chosen, and how far from the best they may be."""
        told: list[str] = []
        for number, node in enumerate(self.nodes, 1):
            levels = ", ".join(f"{name} {level}" for name, level in zip(names, node.levels, strict=True))
            turn = f" (round {number})" if len(self.nodes) > 1 else ""
            gap = f"; the least possible is lower by {node.gap:.6g} at most" if node.gap else ""
            told.append(f"full-domain levels{turn}: {levels}; objective {node.cost:.10g}{gap}")
        return tuple(told)


def generalize(table: BoundTable, how: FullDomain, *, limit: int) -> FullDomainClasses | None:
    """Return the classes of a table, or None where no node is feasible.

    Parameters
    ----------
    table : BoundTable
    how : FullDomain
    limit : int
        Rows that may be suppressed.

    Raises
    ------
    PolicyError
        The objective or the search cannot be run on these quasi-identifiers.
    """
    search = prepare(table, how, limit=limit)
    # Rounds are bound together at the end; where too many rows are left out then, fewer rounds may do.
    for n_rounds in range(how.rounds, 0, -1):
        found = _in_rounds(table, how, search, n_rounds)
        if found is not None:
            return replace(found, class_of_tuple=found.class_of_tuple[: table.grouped.n_tuples])
    return None


def _in_rounds(table: BoundTable, how: FullDomain, search: Search, n_rounds: int) -> FullDomainClasses | None:
    """Return the classes of `n_rounds` rounds, people outside the table included; None where they do not hold."""
    accepts = accepts_of(table.policy.models) if how.is_exact and table.weights is None else None
    judge = None if table.weights is None else UnitJudge(table)
    class_of_tuple = np.full(search.weight.size, SUPPRESSED, np.int64)
    left = np.arange(search.weight.size)
    levels: list[Ints] = []
    nodes: list[Node] = []
    for number in range(n_rounds):
        last = number == n_rounds - 1
        part = search if number == 0 and last else _restricted(table, how, search, left, last=last)
        exact = None if judge is None else _on_part(judge, left, table.grouped.n_tuples)
        found = _first_that_settles(part, how, table.space.names, accepts, exact, last=last)
        if found is None:
            break
        node, classes = found
        n_before = sum(len(one) for one in levels)
        released = classes >= 0
        class_of_tuple[left[released]] = classes[released] + n_before
        levels.append(np.tile(np.array(node.levels, np.int64), (int(classes.max(initial=-1)) + 1, 1)))
        nodes.append(node)
        left = left[~released]
        if not search.weight[left].any():
            break
    if not nodes:
        return None
    every = None if judge is None else _on_part(judge, np.arange(search.weight.size), table.grouped.n_tuples)
    return _settled_together(search, class_of_tuple, np.concatenate(levels), tuple(nodes), every)


def _on_part(judge: UnitJudge, tuples: Ints, n_tuples: int) -> Exact:
    """Return what judges classes of some tuples of a search; those behind the table's own have no rows."""

    def holding(classes: Ints, n_classes: int) -> npt.NDArray[np.bool_]:
        class_of_tuple = np.full(n_tuples, SUPPRESSED, np.int64)
        own = tuples < n_tuples
        class_of_tuple[tuples[own]] = classes[own]
        return judge.holding(class_of_tuple, n_classes)

    return holding


def _restricted(table: BoundTable, how: FullDomain, whole: Search, tuples: Ints, *, last: bool) -> Search:
    """Return the search over some of the tuples; before the last round all but one class may be left over."""
    words, weight, cells = subset_of(whole.words, whole.weight, whole.cells, tuples)
    # k units have k rows at least.
    limit = whole.limit if last else max(whole.limit, int(weight.sum()) - int(whole.models.k[0]) // whole.grid)
    part = search_over(table.space, how, words, weight, cells, whole.models, limit=limit)
    return replace(part, mass=whole.mass[tuples], grid=whole.grid)


def _first_that_settles(
    search: Search,
    how: FullDomain,
    names: Sequence[str],
    accepts: Accepts | None,
    exact: Exact | None,
    *,
    last: bool,
) -> tuple[Node, Ints] | None:
    """Return the cheapest node whose classes, and for a round before the last also the rest, can be released."""

    def settle(levels: tuple[int, ...]) -> Ints | None:
        if exact is None:
            classes = settled(search.weight, search.cells, search.models, _kept_at(search, levels, accepts))
        else:
            classes = settled_units(exact, _fitting_at(search, levels))
        fits = search.left_out(search.weight, classes >= 0) <= search.limit and _sizes_hold(search, classes, accepts)
        return classes if fits else None

    if last and exact is not None and how.levels:
        levels = tuple(how.levels[name] for name in names)
        chosen(search, levels, names)
        classes = settle(levels)
        return None if classes is None else (released_node(search, levels, classes), classes)
    if last and exact is not None and how.search == "optimal" and is_affordable(search):
        return cheapest_in_units(search, settle)
    if last and reference_moves(search) and how.search == "optimal" and not how.levels:
        return cheapest_released(search, settle)
    for node in _candidates(search, how, names, accepts):
        if not last:
            classes = _kept_at(search, node.levels, accepts)
            if _rest_holds(search, classes):
                return node, classes
            continue
        classes = settle(node.levels)
        if classes is not None:
            return replace(released_node(search, node.levels, classes), gap=node.gap), classes
    return None


def _kept_at(search: Search, levels: tuple[int, ...], accepts: Accepts | None) -> Ints:
    """Return the classes of a node that hold the models, as the table came, and are accepted by their sizes."""
    classes = kept_classes(search.mass, search.cells, search.models, classes_at(search, levels))
    return accepted_classes(search.weight, classes, accepts)


def _fitting_at(search: Search, levels: tuple[int, ...]) -> Ints:
    """Return the classes of a node that people of a population fit, where a model counts them: all others wait."""
    people = chosen_models(search.models, search.models.kind == K_MAP)
    every = freeze(people._replace(k=np.ones(1, np.int64)))
    return kept_classes(search.weight, search.cells, every, classes_at(search, levels))


def _sizes_hold(search: Search, classes: Ints, accepts: Accepts | None) -> bool:
    """Return whether the sizes of the classes are accepted."""
    return accepts is None or accepts(class_sizes(search.weight, classes, int(classes.max(initial=-1)) + 1))


def _candidates(search: Search, how: FullDomain, names: Sequence[str], accepts: Accepts | None) -> Iterator[Node]:
    """Yield the node that was chosen or found; behind an optimal one, all feasible nodes by rising cost."""
    if how.levels:
        first = chosen(search, [how.levels[name] for name in names], names)
    elif accepts is not None:
        yield from by_sizes(search, accepts)
        return
    else:
        first = _SEARCHES[how.search](search, how)
    if first is None:
        return
    yield first
    if how.search == "optimal" and not how.levels:
        yield from ranked(search)


def _rest_holds(search: Search, classes: Ints) -> bool:
    """Return whether the rows left over satisfy the models as one class, or no row is left."""
    rest = np.where(classes < 0, 0, SUPPRESSED)
    if not (classes < 0).any():
        return True
    return satisfied(search.mass, search.cells, search.models, rest, 1)


def _settled_together(
    search: Search, class_of_tuple: Ints, levels_of_class: Ints, nodes: tuple[Node, ...], exact: Exact | None
) -> FullDomainClasses | None:
    """Return the classes of all rounds as the released rows bind them; None where too many rows are left out."""
    if exact is None:
        released = with_released_shares(search.cells, search.models, class_of_tuple)
        kept = settled(search.weight, search.cells, search.models, class_of_tuple, first=released)
    else:
        kept = settled_units(exact, class_of_tuple)
    if search.left_out(search.weight, kept >= 0) > search.limit:
        return None
    first = np.unique(kept[kept >= 0], return_index=True)[1]
    source = class_of_tuple[kept >= 0][first]
    return FullDomainClasses(kept, levels_of_class[source], nodes)
