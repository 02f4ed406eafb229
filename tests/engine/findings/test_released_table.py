"""Findings of a released table, against the obvious count over rows."""

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import Insensitive, QuasiIdentifier, Sensitive
from shoal_engine.anonymity.policy.table_models import LKC
from shoal_engine.finding import Finding
from shoal_engine.findings.released_table import ReleasedTable, examined_columns


def findings(table: dict[str, list[Any]], policy: Policy, *, cut: int = 0) -> dict[str, list[Finding]]:
    rows = pa.table(table).combine_chunks()
    released = ReleasedTable(policy, list(table), n_threads=1)
    for part in (rows.slice(0, cut), rows.slice(cut)):
        for batch in part.to_batches():
            released.observe(batch)
    found: dict[str, list[Finding]] = {}
    for finding in released.findings():
        found.setdefault(finding.code, []).append(finding)
    return found


def policy(k: int = 2, **roles: Any) -> Policy:
    return Policy(k=k, quasi_identifiers={"age": QuasiIdentifier()}, **roles)


def unique(rows: list[tuple[Any, ...]]) -> float:
    return sum(n for n in Counter(rows).values() if n == 1) / len(rows)


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), min_size=1, max_size=30), st.integers(0, 30))
def test_findings__equal_naive(rows: list[tuple[int, int, int, int]], cut: int) -> None:
    names = ["age", "a", "b", "s"]
    table = {name: [row[j] for row in rows] for j, name in enumerate(names)}
    promised = policy(insensitive={"a": Insensitive(), "b": Insensitive()}, sensitive={"s": Sensitive()})
    found = findings(table, promised, cut=cut)
    single = Counter(age for age, s in {(row[0], row[3]) for row in rows})
    shares = {
        "kept-unique": unique([row[1:3] for row in rows]),
        "kept-unique-with-quasi-identifiers": unique([row[:3] for row in rows]),
        "one-sensitive-value": sum(single[row[0]] == 1 for row in rows) / len(rows),
    }
    for code, share in shares.items():
        assert [finding.share for finding in found.get(code, [])] == ([pytest.approx(share)] if share else [])


def test_kept_unique__names_the_worst_column_first() -> None:
    table = {"age": [1] * 4, "a": [1, 1, 2, 2], "b": [1, 2, 3, 4]}
    found = findings(table, policy(insensitive={"a": Insensitive(), "b": Insensitive()}))
    assert found["kept-unique"][0].columns == ("b", "a")
    assert "4 rows (100 %)" in found["kept-unique"][0].text


def test_kept_unique__small_counts_are_not_told() -> None:
    table = {"age": [1] * 40, "a": [1] * 39 + [2]}
    found = findings(table, policy(k=5, insensitive={"a": Insensitive()}))
    assert "fewer than 5 rows" in found["kept-unique"][0].text


@pytest.mark.parametrize(
    "values",
    [
        [[1], [1], [2], None],
        [{"a": 1}, {"a": 1}, {"a": 2}, None],
        [1.5, 1.5, 2.5, None],
        ["x", "x", "y", None],
        [True, True, False, None],
    ],
)
def test_kept_unique__of_any_type(values: list[Any]) -> None:
    found = findings({"age": [1] * 4, "a": values}, policy(insensitive={"a": Insensitive()}))
    assert found["kept-unique"][0].share == 0.5


def test_findings__without_kept_columns_there_are_none() -> None:
    assert examined_columns(policy(), ["age"]) == []
    assert findings({"age": [1, 1]}, policy()) == {}


def test_findings__of_no_rows() -> None:
    empty: dict[str, list[Any]] = {"age": [], "a": []}
    assert findings(empty, policy(insensitive={"a": Insensitive()})) == {}


def test_findings__of_a_column_that_is_gone() -> None:
    assert findings({"age": [1, 1]}, policy(insensitive={"a": Insensitive()})) == {}


def test_one_sensitive_value__is_a_decision_once_a_model_is_declared() -> None:
    table = {"age": [1, 1, 2, 2], "s": ["a", "a", "b", "c"]}
    assert findings(table, policy(sensitive={"s": Sensitive()}))["one-sensitive-value"][0].share == 0.5
    weak = policy(sensitive={"s": Sensitive(l=1)})
    assert "one-sensitive-value" not in findings(table, weak)
    bound = policy(sensitive={"s": Sensitive()}, models=[LKC(l=1, k=2, c=1.0)])
    assert "one-sensitive-value" not in findings(table, bound)


@pytest.mark.parametrize(("n_rows", "severity"), [(10, "note"), (100, "medium")])
def test_sensitive_unique__weighs_less_where_rows_are_few(n_rows: int, severity: str) -> None:
    table = {"age": [1] * n_rows, "s": list(range(n_rows))}
    found = findings(table, policy(sensitive={"s": Sensitive(l=2)}))
    assert [(f.severity, f.share) for f in found["sensitive-unique"]] == [(severity, 1.0)]


def test_sensitive_unique__values_that_repeat_are_none() -> None:
    table = {"age": [1] * 100, "s": [i // 2 for i in range(100)]}
    assert "sensitive-unique" not in findings(table, policy(sensitive={"s": Sensitive(l=2)}))


@pytest.mark.parametrize("labels", [[None] * 4, [[1]] * 4, ["*"] * 4, [1.5] * 4])
def test_findings__of_labels_that_tell_nothing(labels: list[Any]) -> None:
    found = findings({"age": labels, "a": [1, 1, 2, 2]}, policy(insensitive={"a": Insensitive()}))
    assert found == {}
