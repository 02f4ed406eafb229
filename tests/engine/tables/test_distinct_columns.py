import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from shoal_engine.tables import distinct_columns as module
from shoal_engine.tables.distinct_columns import distinct_columns


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-(2**62), 2**62), st.integers(0, 1))))
def test_distinct_columns__are_those_of_numpy(rows: list[tuple[int, int, int]]) -> None:
    table = np.array(rows, np.int64).reshape(-1, 3)
    _, first, inverse = np.unique(table, axis=0, return_index=True, return_inverse=True)
    for found, wanted in zip(distinct_columns(table.T), (first, inverse.reshape(-1)), strict=True):
        assert_array_equal(found, wanted)


def test_distinct_columns__many_columns_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (5, 40)).astype(np.uint64)
    few = distinct_columns(bits)
    monkeypatch.setattr(module, "_MANY", 1)
    for one, other in zip(few, distinct_columns(bits), strict=True):
        assert_array_equal(one, other)
