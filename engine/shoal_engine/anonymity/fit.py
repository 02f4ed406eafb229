"""From an observed table to a release: classes by the chosen method, then what each of them says."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.binding import BoundTable
from shoal_engine.anonymity.criteria.people import check_method, with_outside
from shoal_engine.anonymity.criteria.unit_criteria import UnitJudge
from shoal_engine.anonymity.criteria.whole_table import least_k_that_holds, with_k
from shoal_engine.anonymity.methods.joined_classes import joined, unions_may_break
from shoal_engine.anonymity.methods.partitioning import not_met, partition
from shoal_engine.anonymity.methods.tuple_orders import Orders
from shoal_engine.anonymity.methods.unit_classes import bind_units_and_people, settled_in_units
from shoal_engine.anonymity.policy.methods import METHODS, CutMethod, Method
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.table_models import least_and_sufficient_k
from shoal_engine.anonymity.release.item_recoding import ItemRecoding, recode_items
from shoal_engine.anonymity.release.recoding import Recoding, recode
from shoal_engine.anonymity.table.dimensions import Dimension
from shoal_engine.anonymity.table.table import Table, rows_of_classes
from shoal_engine.errors import PolicyError, PolicyNotMet
from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import Cells

MIN_K = 2


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a table without its rows: what a release is checked against.

    Attributes
    ----------
    policy : Policy
    dimensions : tuple of Dimension
    recoding : Recoding
    class_rows : (n_classes,) int64
        Rows of each class, as the method made it.
    class_units : (n_classes,) int64
        Distinct units of each class; its rows where the policy names no unit.
    suppressed_rows : int
        Rows that are left out.
    notes : tuple of str
        What transformations did to the table before, and what the method chose.
    """

    policy: Policy
    dimensions: tuple[Dimension, ...]
    recoding: Recoding
    class_rows: npt.NDArray[np.int64]
    class_units: npt.NDArray[np.int64]
    suppressed_rows: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """A table with its classes.

    Attributes
    ----------
    table : BoundTable
        As observed; by row rather than by distinct tuple for the relaxed method.
    class_of_tuple : (n,) int64
        Negative where suppressed.
    classes : Classes
    levels_of_class : (n_classes, d) int64, or None
        Levels of the hierarchies that labels were moved to, by the method that does so.
    items : dict of column to ItemRecoding
        What becomes of the items of set-valued columns.
    """

    table: BoundTable
    class_of_tuple: npt.NDArray[np.int64]
    classes: Classes
    levels_of_class: npt.NDArray[np.int64] | None = None
    items: dict[str, ItemRecoding] = field(default_factory=dict)


def fit(table: Table, *, method: Method, n_threads: int, orders: Orders | None = None) -> Fit:
    """Find classes that meet the policy, with as little loss as the method can reach.

    Parameters
    ----------
    table : Table
    method : str
    n_threads : int
    orders : Orders, optional
        Orders of the same table with another k, or empty: what is ordered once is not ordered again. The classes are
        those without it.

    Raises
    ------
    PolicyError
        There is no such method, or its classes do not let a model be counted in people.
    PolicyNotMet
        No release of this table can meet the policy.
    """
    if method not in METHODS:
        msg = f"there is no method {method!r}; choose one of {', '.join(METHODS)}"
        raise PolicyError(msg)
    policy = table.policy
    check_method(policy, table.space, method)
    counted = bind_units_and_people(table)
    least, sufficient = least_and_sufficient_k(policy.k, policy.models, table.n_rows)
    n, one = (table.n_rows, "row") if table.units is None else (table.units.size, "unit")
    if n < least:
        msg = f"k = {least} asks for more {one}s than the table has; "
        if n < MIN_K:
            raise PolicyNotMet(msg + f"no k protects a single {one}, add {one}s")
        msg += f"the nearest that it can: k = {n}"
        raise PolicyNotMet(msg, nearest={"k": n})

    def attempt(k: int) -> Fit:
        return _fit_with(with_k(counted, k), method, n_threads, orders)

    if method == "full-domain" and policy.full_domain.is_exact and counted.weights is None:
        # The search itself suppresses what models of the class sizes ask for.
        return _with_items(attempt(least))
    found = least_k_that_holds(policy.models, least, sufficient, attempt, rows=lambda made: made.classes.class_units)
    return _with_items(found)


def _fit_with(table: BoundTable, method: Method, n_threads: int, orders: Orders | None) -> Fit:
    """Find classes that each hold the table's models."""
    max_suppressed = math.floor(table.policy.suppress * table.n_rows)
    if method == "full-domain":
        return _generalized(table, max_suppressed)
    if method == "mondrian-relaxed":
        table = by_row(table)
    if table.weights is not None:
        return _fit(table, *_cut_in_units(table, method, max_suppressed, n_threads, orders))
    class_of_tuple, _ = _partitioned(table, method, max_suppressed, n_threads, orders)
    if unions_may_break(table):
        found = joined(table, class_of_tuple, lambda classes: _recoded(table, classes))
        if found is None:
            grouped, names = table.grouped, [table.space.names[j] for j in table.space.apart]
            raise not_met(grouped.weight, table.cells, table.models, names)
        class_of_tuple = found
    return _fit(table, class_of_tuple, _recoded(table, class_of_tuple))


def _recoded(table: BoundTable, class_of_tuple: npt.NDArray[np.int64]) -> Recoding:
    """Return what classes that are cut state."""
    grouped = table.grouped
    return recode(table.space.dimensions, table.space.arrays, grouped.words, grouped.weight, class_of_tuple)


def _cut_in_units(
    table: BoundTable, method: CutMethod, max_suppressed: int, n_threads: int, orders: Orders | None
) -> tuple[npt.NDArray[np.int64], Recoding]:
    """Return classes that hold k units, and what they state.

    The weight of k units proves k units, but units whose rows lie far apart weigh little in each class. So
    less weight is tried, by halves, as long as the loss falls: classes that turn out to hold too few units, counted
    exactly, are merged.
    """
    assert table.weights is not None
    best: tuple[npt.NDArray[np.int64], Recoding] | None = None
    lost, k = math.inf, int(table.models.k[0])
    least = k // table.grid * int(table.weights.of_row.min())
    while best is None or k >= least:
        asked = replace(table, models=freeze(table.models._replace(k=np.array([k], np.int64))))
        classes, untrimmed = _partitioned(asked, method, max_suppressed, n_threads, orders)
        classes = settled_in_units(table, classes, untrimmed, state=lambda made: _recoded(table, made).stated()[1])
        recoding = _recoded(table, classes)
        loss = _loss_of(table, classes, recoding)
        if best is not None and loss >= lost:
            break
        best, lost, k = (classes, recoding), loss, k // 2
    assert best is not None
    return best


def _loss_of(table: BoundTable, class_of_tuple: npt.NDArray[np.int64], recoding: Recoding) -> float:
    """Return what the rows of a release lose, a suppressed row everything."""
    weight, kept = table.grouped.weight, class_of_tuple >= 0
    rows = np.bincount(class_of_tuple[kept], weights=weight[kept], minlength=recoding.loss_of_class.shape[1])
    return float((recoding.loss_of_class @ rows).sum()) + len(recoding.loss_of_class) * float(weight[~kept].sum())


def _with_items(fitted: Fit) -> Fit:
    """Return the fit with what becomes of the items of the rows that it releases."""
    policy, table = fitted.table.policy, fitted.table
    if not table.sets:
        return fitted
    assert table.grouped.tuple_of_row is not None
    released = fitted.class_of_tuple[table.grouped.tuple_of_row] >= 0
    items = {
        name: recode_items(
            sets.of_units(table.units),
            released,
            policy.set_valued[name],
            k=policy.k_of(name),
            name=name,
            folder=policy.folder,
        )
        for name, sets in table.sets.items()
    }
    notes = (*fitted.classes.notes, *(one.note for one in items.values()))
    return replace(fitted, items=items, classes=replace(fitted.classes, notes=notes))


def _partitioned(
    table: BoundTable,
    method: CutMethod,
    max_suppressed: int,
    n_threads: int,
    orders: Orders | None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return classes that are cut or grown, trimmed where rows may be left out, and as they were before that."""
    grouped, dims, apart = table.grouped, table.space.arrays, table.space.apart
    class_of_tuple = partition(
        dims,
        grouped.words,
        table.mass,
        table.cells,
        table.models,
        apart=apart,
        apart_names=[table.space.names[j] for j in apart],
        method=method,
        max_suppressed=max_suppressed,
        n_threads=n_threads,
        rows=grouped.weight,
        grid=table.grid,
        orders=orders,
    )
    left = max_suppressed - int(grouped.weight[class_of_tuple < 0].sum())
    if left <= 0:
        return class_of_tuple, class_of_tuple
    from shoal_engine.anonymity.methods.suppression import suppress

    trimmed = suppress(
        dims,
        grouped.words,
        table.mass,
        table.cells,
        table.models,
        class_of_tuple,
        max_rows=left,
        rows=grouped.weight,
    )
    return trimmed, class_of_tuple


def _generalized(table: BoundTable, max_suppressed: int) -> Fit:
    """Return classes that move every quasi-identifier to levels of its hierarchy."""
    from shoal_engine.anonymity.methods.full_domain.level_recoding import check_outputs, recode_levels
    from shoal_engine.anonymity.methods.full_domain.rounds import generalize

    check_outputs(table.space.dimensions)
    found = generalize(table, table.policy.full_domain, limit=max_suppressed)
    if found is None:
        _, weight, cells = with_outside(table)
        outside = np.zeros(weight.size - table.grouped.n_tuples, np.int64)
        apart = [table.space.names[j] for j in table.space.apart]
        raise not_met(np.append(table.mass, outside), cells, table.models, apart, grid=table.grid)
    recoding = recode_levels(
        table.space.dimensions, table.space.arrays, table.grouped.words, found.class_of_tuple, found.levels_of_class
    )
    fitted = _fit(table, found.class_of_tuple, recoding, notes=found.notes(table.space.names))
    return replace(fitted, levels_of_class=found.levels_of_class)


def _fit(
    table: BoundTable, class_of_tuple: npt.NDArray[np.int64], recoding: Recoding, *, notes: tuple[str, ...] = ()
) -> Fit:
    """Return a table with its classes and what they say."""
    n_classes = int(class_of_tuple.max(initial=-1)) + 1
    class_rows = rows_of_classes(class_of_tuple, table.grouped.weight, n_classes)
    class_units = class_rows if table.weights is None else UnitJudge(table).units(class_of_tuple, class_rows.size)
    classes = Classes(
        policy=table.policy,
        dimensions=table.space.dimensions,
        recoding=recoding,
        class_rows=class_rows,
        class_units=class_units,
        suppressed_rows=table.n_rows - int(class_rows.sum()),
        notes=(*table.notes, *notes),
    )
    return Fit(table, class_of_tuple, classes)


def by_row(table: BoundTable) -> BoundTable:
    """Return the table with every row a tuple of its own, in the order of the distinct tuples.

    The relaxed cuts of LeFevre et al. 2006 (section 2.2) may part rows of equal values.
    """
    grouped = table.grouped
    assert grouped.tuple_of_row is not None
    order = np.argsort(grouped.tuple_of_row, kind="stable")
    place = np.empty(order.size, np.uint32)
    place[order] = np.arange(order.size, dtype=np.uint32)
    columns = table.sensitive
    value = np.array([column.value[table.coded[column.name][1][order]] for column in columns], np.int64)
    mass = np.ones(order.size, np.int64) if table.weights is None else table.weights.of_row[order]
    cells = Cells(
        np.arange(order.size + 1, dtype=np.int64) * len(columns),
        value.T.reshape(-1),
        np.repeat(mass, len(columns)),
    )
    rows = replace(
        grouped,
        words=np.ascontiguousarray(grouped.words[:, grouped.tuple_of_row[order]]),
        weight=np.ones(order.size, np.int64),
        tuple_of_row=place,
    )
    weights = None if table.weights is None else replace(table.weights, of_tuple=mass)
    return replace(table, grouped=rows, cells=freeze(cells), weights=weights)
