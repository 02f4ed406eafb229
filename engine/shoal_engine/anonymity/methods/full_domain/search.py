"""Full-domain generalization: every quasi-identifier moved to one level of its hierarchy, at the least cost.

A class that misses a model is suppressed whole; a node is feasible when no more rows are suppressed than the
policy allows (Samarati 2001; LeFevre, DeWitt, Ramakrishnan 2005; El Emam et al. 2009, "OLA"; Kohlmayer et al.
2012, "Flash"). While the search runs, closeness is measured from the table as it came, as these works and ARX
do; `settle` measures it from the released rows.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.binding import BoundTable
from shoal_engine.anonymity.criteria.people import with_outside
from shoal_engine.anonymity.criteria.unit_criteria import with_weighed_cells
from shoal_engine.anonymity.methods.full_domain.lattice import Levels, lattice_arrays, levels_of, n_nodes
from shoal_engine.anonymity.methods.full_domain.objectives import FullDomain, bind_objective, check_objective
from shoal_engine.anonymity.table.dimensions import Space
from shoal_engine.anonymity.table.table import codes_of
from shoal_engine.errors import PolicyError
from shoal_kernels.criteria.privacy_models import (
    CARRIED,
    DELTA,
    DISTINCT,
    GRASSBERGER,
    K_MAP,
    PRESENCE_LEAST,
    WEIGHED,
    Cells,
    Models,
)
from shoal_kernels.full_domain.lattice import Lattice
from shoal_kernels.full_domain.node_costs import SUM, Objective
from shoal_kernels.full_domain.roll_up_stack import Scratch, Stack
from shoal_kernels.full_domain.walk import NodeLog, WalkState, evaluate_node, rows_of_first_failure, walk

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

MOST_NODES = 100_000
"""Largest lattice that is searched to the end."""
_NODES_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the lattice.

    Attributes
    ----------
    levels : tuple of int
        Level of each quasi-identifier, in the table's order.
    cost : float
    suppressed : int
        Rows that are left out.
    gap : float
        How far the cost may lie above the least there could be; 0 where it is proven to be the least.
    n_classes : int
        Classes that it releases, where these were counted.
    """

    levels: tuple[int, ...]
    cost: float
    suppressed: int
    gap: float = 0.0
    n_classes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A table ready to be searched.

    Attributes
    ----------
    levels : tuple of Levels
        In the table's order.
    order : tuple of int
        The quasi-identifiers in the order of the lattice.
    lattice, objective : Lattice, Objective
        For kernels, in that order.
    words, weight, cells, models
        The distinct tuples and what binds their classes; behind those of the table, without rows, those that only
        people of the population have.
    limit : int
        Rows that may be suppressed.
    mass : (n,) int64
        What k is counted in: weights of units, or rows.
    grid : int
        What one unit weighs in `mass`.
    """

    levels: tuple[Levels, ...]
    order: tuple[int, ...]
    lattice: Lattice
    objective: Objective
    words: Words
    weight: Ints
    cells: Cells
    models: Models
    limit: int
    mass: Ints
    grid: int = 1

    @property
    def monotone(self) -> bool:
        """Return whether coarser nodes never suppress more rows.

        Larger classes keep k, people and distinct values. Most other models are kept by the union of two classes that
        have them, for they bound something convex in the shares of values, but may be lost by the union of one
        that has them with one that is suppressed. Two are not kept at all: Grassberger's estimate depends on the
        size of a class, and delta-disclosure leaves out the values that a class lacks.
        """
        kinds = self.models.kind
        if self.limit > 0:
            return bool(np.isin(kinds, (DISTINCT, K_MAP, CARRIED, WEIGHED)).all())
        return not np.isin(kinds, (GRASSBERGER, DELTA)).any()

    def left_out(self, rows: Ints, released: npt.NDArray[np.bool_]) -> int:
        """Return the rows of classes, or of tuples, that are not released.

        Tuples of people who have no row have none to leave out, but where everybody has to fit a class they count
        as one.
        """
        least = int((self.models.kind == PRESENCE_LEAST).any())
        return int(np.maximum(rows, least)[~released].sum())

    def in_order(self, levels: Sequence[int]) -> Ints:
        """Return levels in the order of the lattice."""
        return np.array([levels[j] for j in self.order], np.int64)

    def in_table_order(self, level: Ints) -> tuple[int, ...]:
        """Return levels in the order of the table."""
        place = np.argsort(self.order)
        return tuple(int(level[p]) for p in place)


def prepare(table: BoundTable, how: FullDomain, *, limit: int) -> Search:
    """Return the search over a table's lattice.

    Raises
    ------
    PolicyError
        The objective needs a hierarchy that a quasi-identifier does not have.
    """
    check_objective(how, table.space.dimensions)
    words, weight, cells = with_outside(table)
    cells, models = with_weighed_cells(table, cells, table.models)
    mass = weight if table.weights is None else np.append(table.mass, np.zeros(weight.size - table.mass.size, np.int64))
    search = search_over(table.space, how, words, weight, cells, models, limit=limit)
    return replace(search, mass=mass, grid=table.grid)


def search_over(
    space: Space, how: FullDomain, words: Words, weight: Ints, cells: Cells, models: Models, *, limit: int
) -> Search:
    """Return the search over some distinct tuples; at least one."""
    dimensions, dims = space.dimensions, space.arrays
    levels = tuple(levels_of(dimension) for dimension in dimensions)
    order = tuple(sorted(range(len(levels)), key=lambda j: (-dimensions[j].size, j)))
    leaf_rows = [
        np.bincount(codes_of(words, dims.word[j], dims.shift[j], dims.mask[j]), weights=weight, minlength=one.size)
        for j, one in enumerate(dimensions)
    ]
    lattice = lattice_arrays(space, levels, order)
    objective, lattice = bind_objective(how, dimensions, levels, order, leaf_rows, weight, lattice)
    return Search(levels, order, lattice, objective, words, weight, cells, models, limit, weight)


def optimum(search: Search) -> Node | None:
    """Return the cheapest feasible node, the first in lattice order among equals; None if no node is feasible.

    Raises
    ------
    PolicyError
        The lattice has more nodes than are searched to the end.
    """
    check_size(search)
    d = len(search.levels)
    found = _start(d)
    _walk(search, found, _no_log(d))
    if not math.isfinite(found.cost[0]):
        return None
    return Node(search.in_table_order(found.best), float(found.cost[0]), int(found.counts[0]))


def check_size(search: Search) -> None:
    """Raise PolicyError where the lattice has more nodes than are searched to the end."""
    nodes = n_nodes(search.levels)
    if nodes > MOST_NODES:
        msg = (
            f"the lattice has {nodes:,} nodes, and up to {MOST_NODES:,} are searched to the end; give `full_domain` "
            "search = 'top-down' and `max_steps`, or hierarchies of fewer levels"
        )
        raise PolicyError(msg)


def every_node(search: Search) -> NodeLog:
    """Visit every node; return what each turned out to be, by number, the table's last quasi-identifier fastest.

    Raises
    ------
    PolicyError
        The lattice is too large.
    """
    check_size(search)
    shape = [one.n_levels for one in search.levels]
    nodes = n_nodes(search.levels)
    stride = np.array([math.prod(shape[j + 1 :]) for j in search.order], np.int64)
    log = NodeLog(stride, np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros(nodes))
    _walk(search, _start(len(shape)), log)
    return log


def every_visited(
    search: Search, alone: Sequence[Models] = ()
) -> "Iterator[tuple[tuple[int, ...], Visited, tuple[bool, ...]]]":
    """Yield the levels of each node, in the table's order, its classes, and which models `alone` all of them hold.

    One walk for all; nodes come in the lattice's order. What is yielded is overwritten by the next node. The models
    `alone` are counted in the cells of the search, whose own models must not be empty where one of them needs cells.

    Raises
    ------
    PolicyError
        The lattice is too large.
    """
    check_size(search)
    d, (stack, scratch) = len(search.levels), _memory(search)
    found = _start(d)
    log = NodeLog(np.zeros(d, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1))
    step = partial(walk, search.lattice, search.objective, search.models, search.limit, int(search.monotone), 1)
    while True:
        step(stack, scratch, found, log)
        if found.counts[2]:
            return
        begin, n = int(stack.list_begin[d]), int(stack.list_size[d])
        words, rows = np.ascontiguousarray(stack.words[:, begin : begin + n]), stack.rows[begin : begin + n]
        seen = Visited(words, rows, scratch.holds[:n].copy(), float(log.cost[0]))
        met = tuple(not rows_of_first_failure(models, stack, scratch, begin, n) for models in alone)
        yield search.in_table_order(found.level), seen, met


def ranked(search: Search) -> Iterator[Node]:
    """Yield all feasible nodes by rising cost, then in lattice order."""
    log = every_node(search)
    shape = [one.n_levels for one in search.levels]
    for number in np.argsort(log.cost, kind="stable"):
        if log.suppressed[number] <= search.limit:
            levels = tuple(int(level) for level in np.unravel_index(number, shape))
            yield Node(levels, float(log.cost[number]), int(log.suppressed[number]))


def look_at(search: Search, levels: tuple[int, ...]) -> Node:
    """Return one node, feasible or not."""
    seen = visited(search, levels)
    return Node(levels, seen.cost, search.left_out(seen.rows, seen.holds > 0))


@dataclass(frozen=True, slots=True, eq=False)
class Visited:
    """The classes of a node, numbered by their first tuple.

    Attributes
    ----------
    words, rows : (n_words, n_classes) uint64, (n_classes,) int64
    holds : (n_classes,) uint8
        0 where a class misses a model.
    cost : float
    """

    words: Words
    rows: Ints
    holds: npt.NDArray[np.uint8]
    cost: float


def visited(search: Search, levels: tuple[int, ...]) -> Visited:
    """Visit one node."""
    d = len(levels)
    log = NodeLog(np.zeros(d, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1))
    stack, scratch = _memory(search, lists=1)
    evaluate_node(
        search.lattice, search.objective, search.models, search.in_order(levels), stack, scratch, _start(d), log
    )
    n = int(stack.list_size[0])
    words = np.ascontiguousarray(stack.words[:, :n])
    return Visited(words, stack.rows[:n], scratch.holds[:n], float(log.cost[0]))


def chosen(search: Search, levels: Sequence[int], names: Sequence[str]) -> Node | None:
    """Return the node of levels chosen by hand; None where it is not feasible.

    Raises
    ------
    PolicyError
        A hierarchy has no such level.
    """
    for name, level, one in zip(names, levels, search.levels, strict=True):
        if level >= one.n_levels:
            msg = f"`full_domain.levels` asks for level {level} of {name!r}, whose highest is {one.n_levels - 1}"
            raise PolicyError(msg)
    node = look_at(search, tuple(levels))
    return node if node.suppressed <= search.limit else None


def _start(d: int) -> WalkState:
    """Return the state of a walk that has not begun."""
    return WalkState(np.full(d, -1, np.int64), np.zeros(d, np.int64), np.array([math.inf]), np.zeros(4, np.int64))


def _no_log(d: int) -> NodeLog:
    """Return the log of a walk that nobody asks about its nodes."""
    nothing = np.empty(0, np.int64)
    return NodeLog(np.zeros(d, np.int64), nothing, nothing.copy(), np.empty(0))


def _walk(search: Search, found: WalkState, log: NodeLog) -> None:
    """Walk over the whole lattice, in steps between which an interrupt is heard."""
    stack, scratch = _memory(search)
    while not found.counts[2]:
        walk(
            search.lattice,
            search.objective,
            search.models,
            search.limit,
            int(search.monotone),
            _NODES_AT_ONCE,
            stack,
            scratch,
            found,
            log,
        )


def _memory(search: Search, lists: int | None = None) -> tuple[Stack, Scratch]:
    """Return the stack with the tuples as its first list, and scratch memory.

    By default the stack has room for a list as long as the tuples for each quasi-identifier and one
    beside; what is not reached is never written, and costs no memory.
    """
    n, d, n_cells = search.weight.size, len(search.levels), search.cells.value.size
    n_words, lists = search.words.shape[0], lists or d + 2
    places = lists * n
    words, rows = np.empty((n_words, places), np.uint64), np.empty(places, np.int64)
    begin, end = np.empty(places, np.int64), np.empty(places, np.int64)
    value, count = np.empty(lists * n_cells, np.int64), np.empty(lists * n_cells, np.int64)
    words[:, :n], rows[:n] = search.words, search.weight
    begin[:n], end[:n] = search.cells.start[:-1], search.cells.start[1:]
    value[:n_cells], count[:n_cells] = search.cells.value, search.cells.count
    sizes, cell_ends = np.zeros(d + 2, np.int64), np.zeros(d + 2, np.int64)
    sizes[0], cell_ends[0] = n, n_cells
    stack = Stack(words, rows, begin, end, value, count, np.zeros(d + 2, np.int64), sizes, cell_ends)
    scratch = Scratch(
        class_of=np.empty(n, np.uint32),
        by_class=np.empty(n, np.uint32),
        slots=np.empty(2 << max(1, (n - 1).bit_length() + 1), np.uint32),
        holds=np.empty(n, np.uint8),
        area=np.empty(n),
        first=np.empty(n + 1, np.int64),
        histogram=np.zeros(search.models.reference.size, np.int64),
        value=np.empty(n_cells, np.int64),
        count=np.empty(n_cells, np.int64),
        column=np.empty(d),
        top=np.empty(d, np.int64),
    )
    return stack, scratch


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
