"""Measures of utility against the costs of lattice nodes, and against labels read back from a release."""

import math

import polars as pl
import pytest
from hypothesis import given, settings

import shoal
from naive import lattice as naive
from naive.trees_of_text import COLUMNS, TREES, roles, rows_of

SAME = {
    "discernibility": "discernibility",
    "average_class_size": "average-class-size",
    "ambiguity": "ambiguity",
    "divergence": "divergence",
    "non_uniform_entropy": "entropy",
}


@settings(max_examples=40, deadline=None)
@given(rows=rows_of())
def test_utility__of_full_domain_equals_the_naive_costs(rows: list[tuple[str, ...]]) -> None:
    plain = [row[:3] for row in rows] * 2
    frame = pl.DataFrame(plain, schema=COLUMNS, orient="row")
    policy = shoal.Policy(k=2, quasi_identifiers=roles(), full_domain=shoal.FullDomain(objective="loss"))
    release = shoal.anonymize(frame, policy, method="full-domain", utility=True)
    told = {row["measure"]: row["value"] for row in release.utility.filter(pl.col("column").is_null()).to_dicts()}
    nodes = naive.nodes(plain, TREES, lambda members: len(members) >= 2)
    best = min(
        (node for node in nodes if not node.suppressed), key=lambda node: naive.loss(plain, TREES, node), default=None
    )
    assert best is not None
    labels = sorted(naive.labels(row, TREES, best.levels) for row in plain)
    assert sorted(release.frame.rows()) == labels
    for measure, objective in SAME.items():
        assert told[measure] == pytest.approx(naive.COSTS[objective](plain, TREES, best), rel=1e-9, abs=1e-9)
    assert told["precision"] == pytest.approx(1 - naive.precision(plain, TREES, best), abs=1e-12)


def test_utility__of_intervals_and_sets_is_what_the_labels_say() -> None:
    frame = pl.DataFrame({"age": [20, 22, 24, 60, 62, 70], "job": ["a", "a", "b", "c", "c", "c"]})
    policy = shoal.Policy.of(k=3, quasi_identifiers=["age", "job"])
    release = shoal.anonymize(frame, policy, utility=True)
    assert set(release.frame.rows()) == {("[20, 24]", "{a, b}"), ("[60, 70]", "c")}
    told = {(row["measure"], row["column"]): row["value"] for row in release.utility.to_dicts()}
    assert told["ncp", "age"] == pytest.approx((3 * 4 + 3 * 10) / 50 / 6)
    assert told["ncp", "job"] == pytest.approx(3 * (2 / 3) / 6)
    assert told["non_uniform_entropy", "age"] == pytest.approx(6 * math.log2(3))
    assert told["non_uniform_entropy", "job"] == pytest.approx(2 * math.log2(3 / 2) + math.log2(3))
    assert told["ambiguity", None] == pytest.approx((3 * 3 * 2 + 3 * 3 * 1) / 6)
    assert told["mean_squared_error", "age"] == pytest.approx((4 + 0 + 4 + 25 + 9 + 25) / 6)
    # Each of the four distinct tuples of the two classes, spread over 3 x 2 and 3 x 1 combinations.
    spread = [1 / 2 / 6] * 3 + [1 / 2 / 3] * 3
    expected = sum(1 / 6 * math.log((1 / 6) / q) for q in spread)
    assert told["divergence", None] == pytest.approx(expected)


def test_utility__is_only_measured_where_it_is_asked_for() -> None:
    frame = pl.DataFrame({"age": [20, 22, 24]})
    assert shoal.anonymize(frame, shoal.Policy.of(k=3, quasi_identifiers=["age"])).utility.is_empty()
