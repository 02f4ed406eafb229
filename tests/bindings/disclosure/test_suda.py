"""SUDA against a search through every set of columns, and against its formulas."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from naive import minimal_uniques as naive
from shoal.io.observing import observe
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.risk import minimal_uniques as engine

Rows = list[tuple[Any, ...]]
ROWS = st.integers(1, 4).flatmap(
    lambda d: st.lists(
        st.tuples(*(st.sampled_from([["a", "b", None], [1, 2, 3], [True, False], ["x"]][j]) for j in range(d))),
        min_size=1,
        max_size=14,
    )
)


def _frame(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=[f"c{j}" for j in range(len(rows[0]))], orient="row")


def _usable(rows: Rows) -> bool:
    return all(any(row[j] is not None for row in rows) for j in range(len(rows[0])))


@settings(max_examples=150, deadline=None)
@given(rows=ROWS.filter(_usable), max_size=st.integers(1, 4), scores=st.sampled_from(["elliot", "share"]))
def test_suda__equals_naive(rows: Rows, max_size: int, scores: Any) -> None:
    d = len(rows[0])
    found = shoal.suda(_frame(rows), [f"c{j}" for j in range(d)], max_size=max_size, scores=scores)
    expected = naive.minimal_uniques(rows, min(max_size, d))
    assert found.frame["minimal_uniques"].to_list() == [len(sets) for sets in expected]
    assert found.frame["smallest_size"].to_list() == [min(map(len, sets), default=None) for sets in expected]

    def level(k: int) -> float:
        if scores == "elliot":
            return math.factorial(d - k)
        return (2 ** (d - k) - 1) * math.factorial(k) * math.factorial(d - k) / math.factorial(d)

    np.testing.assert_allclose(found.frame["score"], [sum(level(len(s)) for s in sets) for sets in expected])
    for j in range(d):
        assert found.columns["minimal_uniques"][j] == sum(j in s for sets in expected for s in sets)
    total = sum(level(len(s)) for sets in expected for s in sets)
    parts = [sum(level(len(s)) for sets in expected for s in sets if j in s) for j in range(d)]
    np.testing.assert_allclose(found.columns["contribution"], [part / total if total else 0 for part in parts])


def test_suda__is_told_in_the_order_of_rows_and_works_on_text() -> None:
    people = pl.DataFrame({"town": ["a", "a", "a", "b"], "job": ["x", "x", "y", "x"]})
    assert shoal.suda(people, ["town", "job"]).frame["score"].to_list() == [0, 0, 1, 1]


def test_dis__follows_its_formula() -> None:
    # Three rows alone, two in a pair, f = 0.2: DIS = 3 * 0.2 / (3 * 0.2 + 2 * 0.8).
    people = pl.DataFrame({"a": [1, 1, 2, 3, 3], "b": [1, 1, 1, 1, 2]})
    found = shoal.suda(people, ["a", "b"], sampling_fraction=0.2)
    assert found.frame["score"].to_list() == [0, 0, 1, 1, 1]
    correct = 0.6 / (0.6 + 1.6)
    expected = 1 / (1 + (3 / correct - 3) / 3)
    np.testing.assert_allclose(found.frame["dis"], [0, 0, expected, expected, expected])


def test_minimal_uniques__goes_on_when_its_room_is_full() -> None:
    # Every row differs from each other in one column and shares every value: many sets of every size.
    random = np.random.default_rng(3)
    rows = [tuple(map(int, random.integers(0, 2, 7))) for _ in range(24)]
    frame = _frame(rows)
    table = observe(frame.lazy(), Policy.of(k=2, quasi_identifiers=frame.columns), carry=True, n_threads=1).finish()
    found = engine.minimal_uniques(table.grouped, [2] * 7)
    assert found.mask.size > 4 * table.grouped.n_tuples
    assert found.mask.size == sum(map(len, naive.minimal_uniques(rows, 7)))


def test_suda__refuses_what_it_cannot_do() -> None:
    people = pl.DataFrame({"a": [1, 2]})
    with pytest.raises(shoal.PolicyError, match="max_size = 0"):
        shoal.suda(people, ["a"], max_size=0)
    with pytest.raises(shoal.PolicyError, match="sampling_fraction"):
        shoal.suda(people, ["a"], sampling_fraction=0.0)
    wide = pl.DataFrame({f"c{j}": [1, 2] for j in range(63)})
    with pytest.raises(shoal.InputError, match="at most 62"):
        shoal.suda(wide, wide.columns)
