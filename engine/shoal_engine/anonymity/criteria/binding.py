"""From a policy and a table's sensitive values to the models that kernels check."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.hierarchies.trees import plant
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.table_models import LKC
from shoal_engine.anonymity.policy.value_models import (
    Alpha,
    BetaLikeness,
    Closeness,
    DeltaDisclosure,
    Distinct,
    Entropy,
    Model,
    Recursive,
)
from shoal_engine.anonymity.table.sensitive import SensitiveColumn
from shoal_engine.anonymity.table.table import Table
from shoal_engine.anonymity.table.units import Weights
from shoal_kernels._jit import freeze
from shoal_kernels.criteria import privacy_models as kernel

_CLOSE = {"equal": kernel.CLOSE_EQUAL, "ordered": kernel.CLOSE_ORDERED, "hierarchical": kernel.CLOSE_TREE}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundTable(Table):
    """A table with the models that its classes must meet; only this can be cut into classes.

    Attributes
    ----------
    declared : Models
        Those of the sensitive columns as the policy declares them, without reference; k in units or rows.
    models : Models
        Those that bind classes while they are made, with the table's own distribution as reference.
    weights : Weights or None
        What rows and tuples weigh, where `cells` and `models` count weights and not rows: see
        `shoal_engine.anonymity.criteria.unit_criteria`.
    """

    declared: kernel.Models
    models: kernel.Models
    weights: Weights | None = None

    @property
    def mass(self) -> npt.NDArray[np.int64]:
        """Return what k is counted in, by tuple: weights of units, or rows."""
        return self.grouped.weight if self.weights is None else self.weights.of_tuple

    @property
    def grid(self) -> int:
        """Return what one unit weighs in `mass`."""
        return 1 if self.weights is None else self.weights.grid


def bind(table: Table) -> BoundTable:
    """Bind the models of a table's policy to its values.

    Raises
    ------
    HierarchyError
        The hierarchy of a distance is malformed or does not cover the values.
    """
    declared = declare_models(table.policy, table.sensitive)
    count = np.bincount(table.cells.value, weights=table.cells.count, minlength=table.n_values)
    observed = {one.name: getattr(table, one.name) for one in fields(Table)}
    models = with_reference(declared, table.sensitive, count.astype(np.int64))
    return BoundTable(**observed, declared=declared, models=models)


def with_reference(
    models: kernel.Models, columns: Sequence[SensitiveColumn], count: npt.NDArray[np.int64]
) -> kernel.Models:
    """Return the models with the shares that values have in the whole table.

    Parameters
    ----------
    models : Models
    columns : sequence of SensitiveColumn
    count : (n_values,) int64
        Rows with each value; every column's sum to the table's rows.
    """
    reference = np.zeros(count.size)
    for column in columns:
        own = slice(column.first, column.first + column.size)
        reference[own] = count[own] / max(1, int(count[own].sum()))
    return freeze(models._replace(reference=reference))


class _Row(NamedTuple):
    """One model as kernels see it."""

    kind: int
    first: int
    last: int
    at_least: int
    limit: float
    ancestor: npt.NDArray[np.int64]


def declare_models(policy: Policy, columns: Sequence[SensitiveColumn]) -> kernel.Models:
    """Return the models of sensitive columns as kernels see them, frozen; `reference` is 0 everywhere.

    Parameters
    ----------
    policy : Policy
    columns : sequence of SensitiveColumn
        In the policy's order, with the roles whose models are meant.

    Raises
    ------
    HierarchyError
        The hierarchy of a distance is malformed or does not cover the values.
    """
    # Shares of combinations are bound through those of the classes that make them up.
    implied = [Alpha(alpha=model.c) for model in policy.models if isinstance(model, LKC)]
    rows = [_row(model, column, policy.folder) for column in columns for model in (*column.role.models, *implied)]
    return _models(policy.k, rows, sum(column.size for column in columns))


def _row(model: Model, column: SensitiveColumn, folder: str | Path) -> _Row:
    """Return one model as kernels see it."""
    first, last = column.first, column.first + column.size
    nothing = np.empty((0, column.size), np.int64)
    match model:
        case Distinct(l=l):
            return _Row(kernel.DISTINCT, first, last, l, 0.0, nothing)
        case Entropy(l=l, estimator=estimator):
            kind = kernel.ENTROPY if estimator == "shannon" else kernel.GRASSBERGER
            return _Row(kind, first, last, 0, float(l), nothing)
        case Recursive(c=c, l=l):
            return _Row(kernel.RECURSIVE, first, last, l, float(c), nothing)
        case Closeness(t=t, distance=distance):
            ancestor = nothing if distance != "hierarchical" else _ancestors(model, column, folder)
            return _Row(_CLOSE[distance], first, last, 0, float(t), ancestor)
        case DeltaDisclosure(absent=absent):
            kind = kernel.DELTA if absent == "ignored" else kernel.DELTA_STRICT
            return _Row(kind, first, last, 0, model.nats, nothing)
        case BetaLikeness(beta=beta, enhanced=enhanced):
            return _Row(kernel.BETA_ENHANCED if enhanced else kernel.BETA, first, last, 0, float(beta), nothing)
        case Alpha(alpha=alpha, values=values):
            bound = _bound_values(values, column) if values else nothing
            return _Row(kernel.ALPHA, first, last, 0, float(alpha), bound)


def _bound_values(values: Sequence[str], column: SensitiveColumn) -> npt.NDArray[np.int64]:
    """Return 1 for each value of the column that is among `values`, (1, size) int64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = column.domain.values.cast(pa.string())
    found = np.asarray(pc.is_in(known, value_set=pa.array(values, pa.string())))
    bound = np.zeros((1, column.size), np.int64)
    bound[0, column.value[column.domain.has_null :] - column.first] = found
    return bound


def _ancestors(model: Closeness, column: SensitiveColumn, folder: str | Path) -> npt.NDArray[np.int64]:
    """Return the nodes of each value, (n_levels, size) int64, numbered from 0 within each level."""
    assert model.hierarchy is not None
    domain = column.domain
    tree = plant(model.hierarchy, domain.values, has_null=domain.has_null, column=column.name, folder=folder)
    ancestor = np.zeros((tree.n_levels, column.size), np.int64)
    for row, nodes in zip(ancestor, tree.ancestor[:, tree.leaf], strict=True):
        # Declared values that do not occur move nothing, wherever they are.
        row[column.value - column.first] = np.unique(nodes, return_inverse=True)[1]
    return ancestor


def _models(k: int, rows: Sequence[_Row], n_values: int) -> kernel.Models:
    """Return the models for kernels, without reference."""
    cells = np.array([row.ancestor.size for row in rows], np.int64)
    return freeze(
        kernel.Models(
            k=np.array([k], np.int64),
            kind=np.array([row.kind for row in rows], np.int64),
            first=np.array([row.first for row in rows], np.int64),
            last=np.array([row.last for row in rows], np.int64),
            count=np.array([row.at_least for row in rows], np.int64),
            limit=np.array([row.limit for row in rows], np.float64),
            reference=np.zeros(n_values),
            depth=np.array([len(row.ancestor) for row in rows], np.int64),
            tree_start=np.cumsum(cells) - cells,
            ancestor=np.concatenate([np.empty(0, np.int64), *(row.ancestor.ravel() for row in rows)]),
        )
    )
