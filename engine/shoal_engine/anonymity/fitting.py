"""From an observed table to a release: classes by the chosen method, then what each of them says."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.dimensions import Dimension
from shoal_engine.anonymity.item_recoding import ItemRecoding, recode_items
from shoal_engine.anonymity.joined_classes import joined, unions_may_break
from shoal_engine.anonymity.models.people import check_method, with_outside, with_people
from shoal_engine.anonymity.models.table_models import least_and_sufficient_k
from shoal_engine.anonymity.models.whole_table import least_k_that_holds, with_k
from shoal_engine.anonymity.observation import Table
from shoal_engine.anonymity.partitioning import not_met, partition
from shoal_engine.anonymity.policy import Policy
from shoal_engine.anonymity.recoding import Recoding, recode
from shoal_engine.errors import PolicyError, PolicyNotMet
from shoal_kernels._jit import freeze
from shoal_kernels.models import Cells

Method: TypeAlias = Literal["tight", "mondrian", "mondrian-relaxed", "full-domain"]
MIN_K = 2
METHODS: tuple[Method, ...] = ("tight", "mondrian", "mondrian-relaxed", "full-domain")


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
    suppressed_rows : int
        Rows that are left out.
    notes : tuple of str
        What transformations did to the table before, and what the method chose.
    """

    policy: Policy
    dimensions: tuple[Dimension, ...]
    recoding: Recoding
    class_rows: npt.NDArray[np.int64]
    suppressed_rows: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """A table with its classes.

    Attributes
    ----------
    table : Table
        As observed; by row rather than by distinct tuple for the relaxed method.
    class_of_tuple : (n,) int64
        Negative where suppressed.
    classes : Classes
    levels_of_class : (n_classes, d) int64, or None
        Levels of the hierarchies that labels were moved to, by the method that does so.
    items : dict of column to ItemRecoding
        What becomes of the items of set-valued columns.
    """

    table: Table
    class_of_tuple: npt.NDArray[np.int64]
    classes: Classes
    levels_of_class: npt.NDArray[np.int64] | None = None
    items: dict[str, ItemRecoding] = field(default_factory=dict)


def fit(table: Table, *, method: Method, n_threads: int) -> Fit:
    """Find classes that meet the policy, with as little loss as the method can reach.

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
    table = with_people(table)
    least, sufficient = least_and_sufficient_k(policy.k, policy.models, table.n_rows)
    if table.n_rows < least:
        msg = f"k = {least} asks for more rows than the table has; "
        if table.n_rows < MIN_K:
            raise PolicyNotMet(msg + "no k protects a single row, add rows")
        msg += f"the nearest that it can: k = {table.n_rows}"
        raise PolicyNotMet(msg, nearest={"k": table.n_rows})

    def attempt(k: int) -> Fit:
        return _fit_with(with_k(table, k), method, n_threads)

    if method == "full-domain" and policy.full_domain.is_exact:
        # The search itself suppresses what models of the class sizes ask for.
        return _with_items(attempt(least))
    found = least_k_that_holds(policy.models, least, sufficient, attempt, rows=lambda made: made.classes.class_rows)
    return _with_items(found)


def _fit_with(table: Table, method: Method, n_threads: int) -> Fit:
    """Find classes that each hold the table's models."""
    max_suppressed = math.floor(table.policy.suppress * table.n_rows)
    if method == "full-domain":
        return _generalized(table, max_suppressed)
    if method == "mondrian-relaxed":
        table = by_row(table)
    class_of_tuple = _partitioned(table, method, max_suppressed, n_threads)
    grouped = table.grouped

    def recoded(classes: npt.NDArray[np.int64]) -> Recoding:
        return recode(table.space.dimensions, table.space.arrays, grouped.words, grouped.weight, classes)

    if unions_may_break(table):
        found = joined(table, class_of_tuple, recoded)
        if found is None:
            raise not_met(grouped.weight, table.cells, table.models, [table.space.names[j] for j in table.space.apart])
        class_of_tuple = found
    return _fit(table, class_of_tuple, recoded(class_of_tuple))


def _with_items(fitted: Fit) -> Fit:
    """Return the fit with what becomes of the items of the rows that it releases."""
    policy, table = fitted.table.policy, fitted.table
    if not table.sets:
        return fitted
    assert table.grouped.tuple_of_row is not None
    released = fitted.class_of_tuple[table.grouped.tuple_of_row] >= 0
    items = {
        name: recode_items(
            sets, released, policy.set_valued[name], k=policy.k_of(name), name=name, folder=policy.folder
        )
        for name, sets in table.sets.items()
    }
    notes = (*fitted.classes.notes, *(one.note for one in items.values()))
    return replace(fitted, items=items, classes=replace(fitted.classes, notes=notes))


def _partitioned(
    table: Table,
    method: Literal["tight", "mondrian", "mondrian-relaxed"],
    max_suppressed: int,
    n_threads: int,
) -> npt.NDArray[np.int64]:
    """Return classes that are cut or grown, and trimmed where rows may be left out."""
    grouped, dims, apart = table.grouped, table.space.arrays, table.space.apart
    class_of_tuple = partition(
        dims,
        grouped.words,
        grouped.weight,
        table.cells,
        table.models,
        apart=apart,
        apart_names=[table.space.names[j] for j in apart],
        method=method,
        max_suppressed=max_suppressed,
        n_threads=n_threads,
    )
    left = max_suppressed - int(grouped.weight[class_of_tuple < 0].sum())
    if left <= 0:
        return class_of_tuple
    from shoal_engine.anonymity.suppression import suppress

    return suppress(dims, grouped.words, grouped.weight, table.cells, table.models, class_of_tuple, max_rows=left)


def _generalized(table: Table, max_suppressed: int) -> Fit:
    """Return classes that move every quasi-identifier to levels of its hierarchy."""
    from shoal_engine.anonymity.full_domain.level_recoding import check_outputs, recode_levels
    from shoal_engine.anonymity.full_domain.rounds import generalize

    check_outputs(table.space.dimensions)
    found = generalize(table, table.policy.full_domain, limit=max_suppressed)
    if found is None:
        _, weight, cells = with_outside(table)
        raise not_met(weight, cells, table.models, [table.space.names[j] for j in table.space.apart])
    recoding = recode_levels(
        table.space.dimensions, table.space.arrays, table.grouped.words, found.class_of_tuple, found.levels_of_class
    )
    fitted = _fit(table, found.class_of_tuple, recoding, notes=found.notes(table.space.names))
    return replace(fitted, levels_of_class=found.levels_of_class)


def _fit(
    table: Table, class_of_tuple: npt.NDArray[np.int64], recoding: Recoding, *, notes: tuple[str, ...] = ()
) -> Fit:
    """Return a table with its classes and what they say."""
    weight, kept = table.grouped.weight, class_of_tuple >= 0
    classes = Classes(
        policy=table.policy,
        dimensions=table.space.dimensions,
        recoding=recoding,
        class_rows=np.bincount(class_of_tuple[kept], weights=weight[kept]).astype(np.int64),
        suppressed_rows=int(weight[~kept].sum()),
        notes=(*table.notes, *notes),
    )
    return Fit(table, class_of_tuple, classes)


def by_row(table: Table) -> Table:
    """Return the table with every row a tuple of its own, in the order of the distinct tuples.

    The relaxed cuts of LeFevre et al. 2006 (section 2.2) may part rows of equal values.
    """
    grouped = table.grouped
    assert grouped.tuple_of_row is not None
    order = np.argsort(grouped.tuple_of_row, kind="stable")
    place = np.empty(order.size, np.uint32)
    place[order] = np.arange(order.size, dtype=np.uint32)
    columns = table.modeling.columns
    value = np.array([column.value[table.coded[column.name][1][order]] for column in columns], np.int64)
    cells = Cells(
        np.arange(order.size + 1, dtype=np.int64) * len(columns),
        value.T.reshape(-1),
        np.ones(value.size, np.int64),
    )
    rows = replace(
        grouped,
        words=np.ascontiguousarray(grouped.words[:, grouped.tuple_of_row[order]]),
        weight=np.ones(order.size, np.int64),
        tuple_of_row=place,
    )
    return replace(table, grouped=rows, cells=freeze(cells))
