"""From a policy and the values of its sensitive columns to the models that kernels check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.hierarchies.trees import order_ranks, plant
from shoal_engine.anonymity.policy.hierarchies import Order
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import Sensitive
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
from shoal_engine.anonymity.table.dimensions import domain_of
from shoal_kernels._jit import freeze
from shoal_kernels.criteria import privacy_models as kernel

if TYPE_CHECKING:
    from shoal_engine.tables.columns import Domain

_CLOSE = {"equal": kernel.CLOSE_EQUAL, "ordered": kernel.CLOSE_ORDERED, "hierarchical": kernel.CLOSE_TREE}


@dataclass(frozen=True, slots=True, eq=False)
class SensitiveColumn:
    """One sensitive column, bound to its values.

    Attributes
    ----------
    name : str
    role : Sensitive
    domain : Domain
    first : int
        The column owns values ``first`` up to ``first + size`` of the common numbering.
    size : int
        Distinct values, null included; under a declared order all that are declared.
    value : (domain size,) int64
        Value of each domain code in the common numbering.
    """

    name: str
    role: Sensitive
    domain: "Domain"
    first: int
    size: int
    value: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Modeling:
    """The models of a policy, bound to the values of a table.

    Attributes
    ----------
    columns : tuple of SensitiveColumn
        Every sensitive column, in the policy's order, also those without model.
    models : Models
        For kernels; frozen. `reference` is 0 everywhere until `with_reference`.
    """

    columns: tuple[SensitiveColumn, ...]
    models: kernel.Models

    @property
    def n_values(self) -> int:
        """Values of all columns together."""
        return len(self.models.reference)

    def with_reference(self, count: npt.NDArray[np.int64]) -> kernel.Models:
        """Return the models with the shares that values have in the whole table.

        Parameters
        ----------
        count : (n_values,) int64
            Rows with each value; every column's sum to the table's rows.
        """
        reference = np.zeros(self.n_values)
        for column in self.columns:
            own = slice(column.first, column.first + column.size)
            reference[own] = count[own] / max(1, int(count[own].sum()))
        return freeze(self.models._replace(reference=reference))


class _Row(NamedTuple):
    """One model as kernels see it."""

    kind: int
    first: int
    last: int
    at_least: int
    limit: float
    ancestor: npt.NDArray[np.int64]


def models_of(policy: Policy, domains: "Mapping[str, Domain]") -> Modeling:
    """Bind the models of a policy to the values of a table.

    Values keep the order of their column, a null, a value of its own, first; under an ordered distance with a
    declared order, values follow that order.

    Parameters
    ----------
    policy : Policy
    domains : mapping of str to Domain
        One for each sensitive column; others are passed over.

    Raises
    ------
    ColumnError
        A column is not there, or its type cannot take its hierarchy.
    HierarchyError
        A hierarchy is malformed or does not cover the values.
    """
    columns: list[SensitiveColumn] = []
    rows: list[_Row] = []
    first = 0
    # Shares of combinations are bound through those of the classes that make them up.
    implied = [Alpha(alpha=model.c) for model in policy.models if isinstance(model, LKC)]
    for name, role in policy.sensitive.items():
        column = _bound(name, role, domain_of(name, domains), first)
        columns.append(column)
        rows += [_row(model, column, policy.folder) for model in (*role.models, *implied)]
        first += column.size
    return Modeling(tuple(columns), _models(policy.k, rows, first))


def _bound(name: str, role: Sensitive, domain: "Domain", first: int) -> SensitiveColumn:
    """Give the values of a column the numbers from `first` on."""
    order = next((m.hierarchy for m in role.models if isinstance(m, Closeness) and m.distance == "ordered"), None)
    if not isinstance(order, Order):
        return SensitiveColumn(name, role, domain, first, domain.size, np.arange(domain.size) + first)
    value = np.full(domain.size, first)
    value[domain.has_null :] = first + domain.has_null + order_ranks(order, domain.values, column=name)
    return SensitiveColumn(name, role, domain, first, len(order.values) + domain.has_null, value)


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
