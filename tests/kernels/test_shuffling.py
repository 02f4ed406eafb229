import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from naive import shuffling as naive
from shoal_kernels.shuffling import shuffle


def shuffled(words: np.ndarray, n: int, chunk: int) -> tuple[list[int], int]:
    order = np.arange(n, dtype=np.uint32)
    state = np.array([n, 0], np.int64)
    at = 0
    while state[0] > 1:
        shuffle(words[at : at + chunk], state, order)
        at += int(state[1])
    return order.tolist(), at


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_shuffle__equals_naive(n: int, chunk: int, seed: int) -> None:
    words = np.random.default_rng(seed).integers(0, 2**32, 200, np.uint32)
    assert shuffled(words, n, chunk)[0] == naive.shuffle(words.tolist(), n)


@pytest.mark.parametrize("bound", [3, 5, 6, 7])
def test_shuffle__skips_words_that_would_favor_a_result(bound: int) -> None:
    # The product with word 0 has low half 0, which is below 2**32 mod bound for every bound but powers of 2.
    order = np.arange(bound, dtype=np.uint32)
    state = np.array([bound, 0], np.int64)
    shuffle(np.zeros(1, np.uint32), state, order)
    assert state.tolist() == [bound, 1]


def test_shuffle__permutations_of_four_are_equally_likely() -> None:
    # Chi-square with 23 degrees of freedom; fixed words, so this either always passes or never does.
    words = np.random.default_rng(20_240_229).integers(0, 2**32, 200_000, np.uint32)
    count = dict.fromkeys(itertools.permutations(range(4)), 0)
    at, n = 0, 48_000
    for _ in range(n):
        order, used = shuffled(words[at : at + 20], 4, 20)
        at += used
        count[tuple(order)] += 1
    expected = n / math.factorial(4)
    statistic = sum((seen - expected) ** 2 / expected for seen in count.values())
    assert statistic < chi2.ppf(0.9999, 23)
