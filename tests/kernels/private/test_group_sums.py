from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_kernels.private.grid_values import ABSENT
from shoal_kernels.private.group_sums import ADD_TO_BINS, ADD_VALUES, COUNT_ROWS

_values = st.integers(-(2**31) + 1, 2**31 - 1) | st.integers(-9, 9) | st.just(ABSENT)
_rows = st.lists(st.tuples(st.integers(0, 4), _values), max_size=30)


@pytest.mark.parametrize("dtype", sorted(ADD_VALUES))
@given(rows=_rows, square_bits=st.integers(-1, 62), edges=st.sets(_values, max_size=6))
@settings(deadline=None)
def test_sums__equal_naive(dtype: str, rows: list[tuple[int, int]], square_bits: int, edges: set[int]) -> None:
    codes = np.array([code for code, _ in rows], dtype)
    values = np.array([value for _, value in rows], np.int32)
    ascending = sorted(edges)
    count, sums, bins = np.zeros(5, np.int64), np.zeros((5, 3), np.int64), np.zeros((5, len(edges) + 1), np.int64)
    COUNT_ROWS[dtype](codes, count)
    ADD_VALUES[dtype](codes, values, square_bits, sums)
    ADD_TO_BINS[dtype](codes, values, np.array(ascending, np.int32), bins)
    for group in range(5):
        mine = [value for code, value in rows if code == group]
        held = [value for value in mine if value != ABSENT]
        squares = [round(Fraction(value * value, 2**square_bits)) for value in held] if square_bits >= 0 else []
        wrapped = (sum(squares) + 2**63) % 2**64 - 2**63
        assert count[group] == len(mine)
        assert sums[group].tolist() == [len(held), sum(held), wrapped]
        assert bins[group].tolist() == [
            sum(sum(edge <= value for edge in ascending) == b for value in held) for b in range(len(edges) + 1)
        ]
