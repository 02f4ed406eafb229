"""Sensitive columns: their values in one common numbering."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.hierarchies.trees import order_ranks
from shoal_engine.anonymity.policy.hierarchies import Order
from shoal_engine.anonymity.policy.roles import Sensitive
from shoal_engine.anonymity.policy.value_models import Closeness
from shoal_engine.anonymity.table.dimensions import domain_of

if TYPE_CHECKING:
    from shoal_engine.tables.columns import Domain


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


def number_values(sensitive: Mapping[str, Sensitive], domains: "Mapping[str, Domain]") -> tuple[SensitiveColumn, ...]:
    """Give the values of every sensitive column numbers, one column behind the other.

    Values keep the order of their column, a null, a value of its own, first; under an ordered distance with a
    declared order, values follow that order.

    Parameters
    ----------
    sensitive : mapping of str to Sensitive
    domains : mapping of str to Domain
        One for each sensitive column; others are ignored.

    Raises
    ------
    ColumnError
        A column is missing, or its type cannot take its hierarchy.
    HierarchyError
        A declared order is malformed or does not cover the values.
    """
    columns: list[SensitiveColumn] = []
    first = 0
    for name, role in sensitive.items():
        columns.append(_numbered(name, role, domain_of(name, domains), first))
        first += columns[-1].size
    return tuple(columns)


def _numbered(name: str, role: Sensitive, domain: "Domain", first: int) -> SensitiveColumn:
    """Give the values of a column the numbers from `first` on."""
    order = next((m.hierarchy for m in role.models if isinstance(m, Closeness) and m.distance == "ordered"), None)
    if not isinstance(order, Order):
        return SensitiveColumn(name, role, domain, first, domain.size, np.arange(domain.size) + first)
    value = np.full(domain.size, first)
    value[domain.has_null :] = first + domain.has_null + order_ranks(order, domain.values, column=name)
    return SensitiveColumn(name, role, domain, first, len(order.values) + domain.has_null, value)
