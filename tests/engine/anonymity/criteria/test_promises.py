from typing import Any

import pytest

from shoal_engine.anonymity.criteria.assessment import (
    Assessment,
    Loss,
    Report,
    Risk,
    SensitiveReach,
    UtilityFigure,
    broken_promises,
    released_names,
)
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import QuasiIdentifier, Sensitive, SetValued
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


def broken(model: Model | None = None, k: int = 2, rows: int = 9, **reached: object) -> list[str]:
    policy = Policy(
        k=2, quasi_identifiers={"a": QuasiIdentifier()}, sensitive={"s": Sensitive(models=[model] if model else [])}
    )
    reach = SensitiveReach(**{"l_distinct": 2, "l_entropy": 2.0, "t": 0.2, **reached})
    found = Assessment.of(rows=rows, k=k, equivalence_classes=1, unique_rows=0, sensitive={"s": reach})
    return broken_promises(policy, found)


def test_broken_promises__k() -> None:
    assert broken() == []
    assert broken(k=1) == ["a class has fewer than k = 2 rows"]
    assert broken(k=0, rows=0) == []


@pytest.mark.parametrize(
    ("model", "met", "missed"),
    [
        (Distinct(l=3), {"l_distinct": 3}, {"l_distinct": 2}),
        (Entropy(l=1.5), {"l_entropy": 1.5}, {"l_entropy": 1.49}),
        (Recursive(c=2, l=2), {"c_recursive": {"2": 1.99}}, {"c_recursive": {"2": 2.0}}),
        (Closeness(t=0.2), {"closeness": {"equal": 0.2}}, {"closeness": {"equal": 0.21}}),
        (Entropy(l=1.5, estimator="grassberger"), {"l_entropy_grassberger": 1.5}, {"l_entropy_grassberger": 1.49}),
        (DeltaDisclosure(delta=1), {"delta_disclosure": 0.99}, {"delta_disclosure": 1.0}),
        (DeltaDisclosure(delta=1, log="binary"), {"delta_disclosure": 0.69}, {"delta_disclosure": 0.7}),
        (DeltaDisclosure(delta=1, absent="infinite"), {"delta_disclosure_strict": 0.9}, {"delta_disclosure": 0.9}),
        (BetaLikeness(beta=1), {"beta_basic": 1.0}, {"beta_basic": 1.01}),
        (BetaLikeness(beta=1, enhanced=True), {"beta_enhanced": 1.0}, {"beta_basic": 1.0}),
        (Alpha(alpha=0.5), {"alpha": 0.5}, {"alpha": 0.51}),
        (Alpha(alpha=0.5, values=["x"]), {"alpha_declared": 0.5}, {"alpha": 0.5}),
    ],
)
def test_broken_promises__limits_are_as_the_papers_set_them(
    model: Model, met: dict[str, Any], missed: dict[str, Any]
) -> None:
    assert broken(model, **met) == []
    (told,) = broken(model, **missed)
    assert "'s'" in told


@pytest.mark.parametrize(("fewest", "kept"), [(None, True), (3, True), (2, False)])
def test_broken_promises__sets_without_items_break_none(fewest: int | None, kept: bool) -> None:  # noqa: FBT001
    policy = Policy(k=2, quasi_identifiers={"a": QuasiIdentifier()}, set_valued={"x": SetValued(m=2, k=3)})
    found = Assessment.of(rows=9, k=2, equivalence_classes=1, unique_rows=0, sensitive={}, set_valued={"x": fewest})
    assert broken_promises(policy, found) == ([] if kept else ["a combination of items misses 3^2-anonymity of 'x'"])


@pytest.mark.parametrize("kind", [Assessment, Loss, Report, Risk, SensitiveReach, UtilityFigure])
def test_results__are_made_by_names_alone_and_never_changed(kind: type[Any]) -> None:
    """So a measure that is added moves none of the others, and what was reported stays what it was."""
    with pytest.raises(TypeError, match="Extra positional"):
        kind(1)
    assert kind.__struct_config__.frozen


def test_released_names__bounds_become_two_columns() -> None:
    roles = {"a": QuasiIdentifier(output="bounds"), "b": QuasiIdentifier()}
    assert released_names(Policy(k=2, quasi_identifiers=roles)) == ["a_lower", "a_upper", "b"]
