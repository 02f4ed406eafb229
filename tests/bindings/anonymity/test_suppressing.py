"""Local suppression: every row is matched by k, by brute force; no order of rows matters."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from benches import adult
from naive import wildcards as naive
from shoal.anonymity.suppress_cells import matches

Rows = list[tuple[Any, ...]]
ROWS = st.integers(1, 4).flatmap(
    lambda d: st.lists(
        st.tuples(
            *(st.sampled_from([["a", "b", "c"], [1, 2, 3], [True, False], ["x", "y", None]][j]) for j in range(d))
        ),
        min_size=2,
        max_size=25,
    )
)


def _usable(rows: Rows) -> bool:
    return all(any(row[j] is not None for row in rows) for j in range(len(rows[0])))


def _frame(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=[f"c{j}" for j in range(len(rows[0]))], orient="row")


@settings(max_examples=150, deadline=None)
@given(rows=ROWS.filter(_usable), k=st.integers(2, 4), seed=st.randoms(use_true_random=False))
def test_suppress_cells__matches_every_row_k_times(rows: Rows, k: int, seed: Any) -> None:
    frame = _frame(rows)
    if len(rows) < k:
        with pytest.raises(shoal.PolicyNotMet):
            shoal.suppress_cells(frame, frame.columns, k=k)
        return
    found = shoal.suppress_cells(frame, frame.columns, k=k)
    released = found.frame.rows()
    assert min(naive.matching(released)) >= k
    for before, after in zip(rows, released, strict=True):
        assert all(new is None or new == old for old, new in zip(before, after, strict=True))
    assert found.total == sum(
        new is None and old is not None
        for b, a in zip(rows, released, strict=True)
        for old, new in zip(b, a, strict=True)
    )
    assert found.total <= sum(naive.least_cells(rows, k))
    order = list(range(len(rows)))
    seed.shuffle(order)
    again = shoal.suppress_cells(frame[order], frame.columns, k=k)
    assert again.frame.rows() == [released[i] for i in order]


@settings(max_examples=100, deadline=None)
@given(rows=ROWS.filter(_usable))
def test_matches__equals_naive(rows: Rows) -> None:
    frame = _frame(rows)
    assert matches(frame, frame.columns, len(rows) + 1).tolist() == naive.matching(rows)


def test_suppress_cells__takes_nothing_where_every_class_is_large_enough() -> None:
    frame = pl.DataFrame({"a": [1, 1, 2, 2], "b": ["x", "x", "y", "y"]})
    assert shoal.suppress_cells(frame, ["a", "b"], k=2).total == 0


def test_suppress_cells__takes_cells_of_less_worth_first() -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": ["z", "z"]})
    dear_a = shoal.suppress_cells(frame, ["a", "b"], k=2, worth=[3, 1])
    dear_b = shoal.suppress_cells(frame, ["a", "b"], k=2, worth=[1, 3])
    assert dear_a.cells["a"] <= dear_b.cells["a"]
    assert dear_b.cells["b"] <= dear_a.cells["b"]
    assert dear_a.frame["c"].to_list() == ["z", "z"]


def test_suppress_cells__refuses_what_it_cannot_do() -> None:
    frame = pl.DataFrame({f"c{j}": [1, 2] for j in range(17)})
    with pytest.raises(shoal.InputError, match="at most 16"):
        shoal.suppress_cells(frame, frame.columns, k=2)
    with pytest.raises(shoal.PolicyError, match="worth"):
        shoal.suppress_cells(frame, ["c0"], k=2, worth=[0])


@pytest.mark.shared
@pytest.mark.skipif(not adult.present(), reason=adult.MISSING)
def test_suppress_cells__of_adult_takes_fewer_cells_than_sdcmicro() -> None:
    found = shoal.suppress_cells(adult.read(), adult.QUASI_IDENTIFIERS, k=5)
    assert found.total <= 26_755
    # A row is matched by hand, so that the count does not rest on the code that was written for it.
    table = found.frame.select(adult.QUASI_IDENTIFIERS)
    lacking = table.filter(pl.any_horizontal(pl.all().is_null()))
    for row in lacking[:: max(1, lacking.height // 40)].iter_rows(named=True):
        same = [(pl.col(name) == value) | pl.col(name).is_null() for name, value in row.items() if value is not None]
        assert table.select(pl.all_horizontal(*same, pl.lit(value=True)).sum()).item() >= 5
