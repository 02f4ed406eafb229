import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_kernels._types import OutVector, kernel
from shoal_kernels.tables.radix_sort import sort_upper


@kernel
def _sort(words: OutVector[np.uint64], spare: OutVector[np.uint64]) -> None:
    sort_upper(words, spare)


@given(st.lists(st.integers(0, 3) | st.integers(0, 2**32 - 1), max_size=60))
@settings(deadline=None)
def test_sort_upper__is_stable(upper: list[int]) -> None:
    n = len(upper)
    # Lower halves descend, so that sorting whole words would show.
    words = np.array([(u << 32) | (n - i) for i, u in enumerate(upper)], np.uint64)
    expected = words[sorted(range(n), key=lambda i: upper[i])]
    _sort(words, np.empty(n, np.uint64))
    assert words.tolist() == expected.tolist()
