from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from shoal_engine.anonymity.criteria.binding import declare_models, with_reference
from shoal_engine.anonymity.policy.hierarchies import NamedTree, Order
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import (
    Closeness,
    Distinct,
    Entropy,
    Model,
    QuasiIdentifier,
    Recursive,
    Sensitive,
)
from shoal_engine.anonymity.table.sensitive import SensitiveColumn, number_values
from shoal_engine.errors import ColumnError, HierarchyError, PolicyError
from shoal_kernels.criteria import privacy_models as kernel
from shoal_kernels.criteria.privacy_models import Models


@dataclass(frozen=True)
class Domain:
    """What binding reads of a column."""

    values: pa.Array
    has_null: bool = False

    @property
    def size(self) -> int:
        return len(self.values) + self.has_null


def bound(policy: Policy, domains: dict[str, Domain]) -> tuple[tuple[SensitiveColumn, ...], Models]:
    columns = number_values(policy.sensitive, domains)
    return columns, declare_models(policy, columns)


def bound_column(domain: Domain, *models: Model) -> tuple[SensitiveColumn, Models]:
    policy = Policy(k=3, quasi_identifiers={"age": QuasiIdentifier()}, sensitive={"col": Sensitive(models=models)})
    (column,), found = bound(policy, {"col": domain})
    return column, found


def test_bind__every_kind_over_two_columns() -> None:
    policy = Policy(
        k=7,
        quasi_identifiers={"age": QuasiIdentifier()},
        sensitive={
            "salary": Sensitive(models=[Closeness(t=0.2, distance="ordered"), Entropy(l=2.5)]),
            "other": Sensitive(),
            "disease": Sensitive(models=[Distinct(l=3), Recursive(c=4, l=2), Closeness(t=0.1)]),
        },
    )
    columns, models = bound(
        policy,
        {
            "disease": Domain(pa.array(["a", "b", "c"]), has_null=True),
            "salary": Domain(pa.array([3, 4])),
            "other": Domain(pa.array([True])),
        },
    )
    assert models.k.tolist() == [7]
    assert models.kind.tolist() == [
        *(kernel.CLOSE_ORDERED, kernel.ENTROPY),
        *(kernel.DISTINCT, kernel.RECURSIVE, kernel.CLOSE_EQUAL),
    ]
    assert models.first.tolist() == [0, 0, 3, 3, 3]
    assert models.last.tolist() == [2, 2, 7, 7, 7]
    assert models.count.tolist() == [0, 0, 3, 2, 0]
    assert models.limit.tolist() == [0.2, 2.5, 0.0, 4.0, 0.1]
    assert models.depth.tolist() == [0] * 5
    assert models.ancestor.size == 0
    assert [column.name for column in columns] == ["salary", "other", "disease"]
    assert [column.value.tolist() for column in columns] == [[0, 1], [2], [3, 4, 5, 6]]
    assert models.reference.size == 7
    assert not any(array.flags.writeable for array in models)


def test_bind__no_sensitive_column() -> None:
    columns, models = bound(Policy.of(k=2, quasi_identifiers=["age"]), {})
    assert columns == ()
    assert models.kind.size == models.reference.size == 0


def test_with_reference__shares_of_each_column() -> None:
    policy = Policy.of(k=2, quasi_identifiers=["age"], sensitive=["x", "y"], t=0.5)
    columns, models = bound(policy, {"x": Domain(pa.array([1, 2])), "y": Domain(pa.array(["a"]), has_null=True)})
    reference = with_reference(models, columns, np.array([1, 3, 2, 2])).reference
    assert reference.tolist() == [0.25, 0.75, 0.5, 0.5]
    assert not reference.flags.writeable
    assert not models.reference.any()


def test_bind__hierarchical_closeness() -> None:
    hierarchy = NamedTree(nodes={"*": {"lung": ["flu", "cough"], "skin": ["acne"]}})
    _, models = bound_column(
        Domain(pa.array(["acne", "cough", "flu"]), has_null=True),
        Distinct(l=1),
        Closeness(t=0.2, distance="hierarchical", hierarchy=hierarchy),
    )
    assert models.kind.tolist() == [kernel.DISTINCT, kernel.CLOSE_TREE]
    assert models.depth.tolist() == [0, 3]
    levels = models.ancestor.reshape(3, 4).tolist()
    # null, acne, cough, flu: values keep their order, nodes are numbered from 0 within a level.
    assert [len(set(level)) for level in levels] == [4, 3, 1]
    assert all(set(level) == set(range(len(set(level)))) for level in levels)
    assert levels[1][2] == levels[1][3]


def test_bind__declared_order() -> None:
    order = Order(values=["none", "mild", "bad", "fatal"])
    column, models = bound_column(
        Domain(pa.array(["fatal", "mild", "none"]), has_null=True),
        Closeness(t=0.2, distance="ordered", hierarchy=order),
        Closeness(t=0.2, distance="hierarchical", hierarchy=NamedTree(nodes={"*": ["fatal", "mild", "none"]})),
    )
    assert column.size == 5
    assert column.value.tolist() == [0, 4, 2, 1]
    assert models.last.tolist() == [5, 5]
    leaves = models.ancestor.reshape(2, 5)[0]
    assert len(set(leaves[column.value])) == 4


def test_sensitive__two_models_of_one_distance() -> None:
    with pytest.raises(PolicyError, match="same distance"):
        Sensitive(models=[Closeness(t=0.2, distance="ordered"), Closeness(t=0.1, distance="ordered")])


def test_bind__value_outside_its_hierarchy() -> None:
    hierarchy = NamedTree(nodes={"*": ["a"]})
    with pytest.raises(HierarchyError, match="`col`"):
        bound_column(Domain(pa.array(["a", "b"])), Closeness(t=0.2, distance="hierarchical", hierarchy=hierarchy))


def test_bind__column_missing() -> None:
    with pytest.raises(ColumnError, match="'disease'"):
        bound(Policy.of(k=2, quasi_identifiers=["age"], sensitive=["disease"]), {})
