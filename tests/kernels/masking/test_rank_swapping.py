from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from naive import perturbing as naive
from shoal_kernels.masking.rank_swapping import pair_ranks


@given(st.lists(st.integers(0, 2**64 - 1), max_size=60), st.integers(1, 70))
@settings(deadline=None)
def test_pair_ranks__equals_naive(words: list[int], reach: int) -> None:
    partner = np.empty(len(words), np.int64)
    pair_ranks(np.array(words, np.uint64), reach, partner)
    assert partner.tolist() == naive.pair_ranks(words, reach)
    # An exchange is its own inverse, and nobody is alone who has a lonely neighbor within reach.
    assert partner[partner].tolist() == list(range(len(words)))
    assert (np.abs(partner - np.arange(len(words))) <= reach).all()
    alone = np.flatnonzero(partner == np.arange(len(words)))
    assert (np.diff(alone) > reach).all()


def test_pair_ranks__free_ranks_are_equally_likely() -> None:
    # 5 degrees of freedom; a partner that is a tenth too likely would fail with probability 0.998.
    words = np.random.default_rng(11).integers(0, 2**64, (30_000, 7), np.uint64, endpoint=False)
    partner = np.empty(7, np.int64)
    count: Counter[int] = Counter()
    for row in words:
        pair_ranks(row, 6, partner)
        count[int(partner[0])] += 1
    assert set(count) == set(range(1, 7))
    expected = len(words) / 6
    assert sum((seen - expected) ** 2 / expected for seen in count.values()) < chi2.ppf(0.9999, 5)
