"""From an observed table to a release: classes by the chosen method, then what each of them says."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.dimensions import Dimension
from shoal_engine.anonymity.observation import Table
from shoal_engine.anonymity.partitioning import partition
from shoal_engine.anonymity.policy import Policy
from shoal_engine.anonymity.recoding import Recoding, recode
from shoal_engine.errors import PolicyError, PolicyNotMet
from shoal_kernels._jit import freeze
from shoal_kernels.models import Cells

Method: TypeAlias = Literal["tight", "mondrian", "mondrian-relaxed"]
MIN_K = 2
METHODS: tuple[Method, ...] = ("tight", "mondrian", "mondrian-relaxed")


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
        What transformations did to the table before.
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
    """

    table: Table
    class_of_tuple: npt.NDArray[np.int64]
    classes: Classes


def fit(table: Table, *, method: Method, n_threads: int) -> Fit:
    """Find classes that meet the policy, with as little loss as the method can reach.

    Raises
    ------
    PolicyError
        There is no such method.
    PolicyNotMet
        No release of this table can meet the policy.
    """
    if method not in METHODS:
        msg = f"there is no method {method!r}; choose one of {', '.join(METHODS)}"
        raise PolicyError(msg)
    policy = table.policy
    if table.n_rows < policy.k:
        msg = f"k = {policy.k} asks for more rows than the table has; "
        if table.n_rows < MIN_K:
            raise PolicyNotMet(msg + "no k protects a single row, add rows")
        msg += f"the nearest that it can: k = {table.n_rows}"
        raise PolicyNotMet(msg, nearest={"k": table.n_rows})
    if method == "mondrian-relaxed":
        table = by_row(table)
    grouped, dims = table.grouped, table.space.arrays
    apart = table.space.apart
    max_suppressed = math.floor(policy.suppress * table.n_rows)
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
    if left > 0:
        from shoal_engine.anonymity.suppression import suppress

        class_of_tuple = suppress(
            dims, grouped.words, grouped.weight, table.cells, table.models, class_of_tuple, max_rows=left
        )
    kept = class_of_tuple >= 0
    classes = Classes(
        policy=policy,
        dimensions=table.space.dimensions,
        recoding=recode(table.space.dimensions, dims, grouped.words, grouped.weight, class_of_tuple),
        class_rows=np.bincount(class_of_tuple[kept], weights=grouped.weight[kept]).astype(np.int64),
        suppressed_rows=int(grouped.weight[~kept].sum()),
        notes=table.notes,
    )
    return Fit(table, class_of_tuple, classes)


def by_row(table: Table) -> Table:
    """Return the table with every row a tuple of its own, in the order of the distinct tuples.

    The relaxed cuts of LeFevre et al. 2006 (section 2.2) may part rows of equal values.
    """
    from dataclasses import replace

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
