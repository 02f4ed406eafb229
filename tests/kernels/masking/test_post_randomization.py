from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import perturbing as naive
from shoal_kernels.masking.post_randomization import KEYSTREAM_PER_ROW, randomize

WORD = 2**64


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=30).filter(lambda codes: len(set(codes)) > 1),
    st.integers(1, 8),
    st.integers(0, 8),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_randomize__equals_naive(codes: list[int], pd8: int, alpha8: int, seed: int) -> None:
    table = np.unique(codes, return_inverse=True)[1]
    m, n = int(table.max()) + 1, len(table)
    count = np.bincount(table)
    pd, alpha = Fraction(pd8, 8), Fraction(alpha8, 8)
    words = np.random.default_rng(seed).integers(0, WORD, KEYSTREAM_PER_ROW * n, np.uint64, endpoint=False)
    stay = [pd * int(t) / (pd * int(t) + (1 - pd) / (m - 1) * (n - int(t))) for t in count]
    threshold = np.array([min(WORD - 1, round(p * WORD)) for p in (alpha, pd, *stay)], np.uint64)
    found = table.astype(np.int64)
    randomize(words, threshold, np.sort(table), count, found)
    assert found.tolist() == naive.randomize(words.reshape(n, -1).tolist(), table.tolist(), table.tolist(), alpha, pd)


def test_randomize__the_highest_words_stay_in_bounds() -> None:
    words = np.full(KEYSTREAM_PER_ROW * 4, WORD - 1, np.uint64)
    code = np.array([0, 1, 2, 2])
    words[::KEYSTREAM_PER_ROW] = 0
    randomize(words, np.array([1, 0, 0, 0, 0], np.uint64), np.array([0, 1, 2, 2]), np.array([1, 1, 2]), code)
    # First the highest other value, then the last row of other values.
    assert code.tolist() == [1, 1, 2, 2]
