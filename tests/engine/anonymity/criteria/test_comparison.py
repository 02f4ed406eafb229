"""Class sizes before and after a release: bins that hold nobody or at least k, and figures of as many people."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.anonymity.criteria.comparison import (
    before_of,
    people_alone,
    people_at_risk,
    size_bins,
    size_edges,
    smallest_class,
)

SIZES = st.lists(st.integers(1, 300), max_size=60)


def held(sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(sizes, np.int64), np.array(sizes, np.int64)


def people(sizes: list[int], least: int, most: int | None) -> int:
    """Count people in classes of some sizes, one class after the other."""
    return sum(size for size in sizes if size >= least and (most is None or size <= most))


@given(SIZES, SIZES, st.integers(1, 120))
def test_size_bins__hold_nobody_or_at_least_k(before: list[int], extra: list[int], k: int) -> None:
    after = [size + k for size in extra]
    bins = size_bins(held(before), held(after), k)
    assert bins[0].least == 1
    assert all(one.most is not None and one.most + 1 == two.least for one, two in pairwise(bins))
    for one in bins:
        assert one.before == people(before, one.least, one.most)
        assert one.after == people(after, one.least, one.most)
        enough = all(count == 0 or count >= k for count in (one.before, one.after))
        # There is nothing left to merge with where everybody together is fewer than k.
        assert enough or len(bins) == 1
    assert sum(one.before for one in bins) == sum(before)


@given(SIZES, st.integers(2, 50))
def test_size_bins__part_at_k_if_enough_people_are_on_each_side(before: list[int], k: int) -> None:
    below = sum(size for size in before if size < k)
    above = sum(size for size in before if size >= k)
    bins = size_bins(held(before), held([k, k]), k)
    if all(count == 0 or count >= k for count in (below, above)):
        assert k in {one.least for one in bins}


def test_size_bins__are_those_of_the_draft() -> None:
    assert size_edges(10, 49) == [1, 2, 5, 10, 15, 20, 30]
    assert size_edges(5, 500) == [1, 2, 5, 8, 10, 15, 25, 50, 100, 250, 500]


def test_size_bins__of_a_rare_size_are_merged_on_their_side_of_k() -> None:
    bins = size_bins(held([1] * 2 + [3] * 10 + [20] * 5), held([12] * 11), 10)
    assert [(one.least, one.most, one.before, one.after) for one in bins] == [
        (1, 4, 32, 0),
        (5, 9, 0, 0),
        (10, 14, 0, 132),
        (15, 19, 0, 0),
        (20, None, 100, 0),
    ]
    # A count of people who are alone would be below k, and so would its difference to those at risk.
    assert people_alone(bins) is None
    assert people_at_risk(bins) == (32, 0)


def test_people_at_risk__are_not_counted_across_a_bin() -> None:
    bins = size_bins(held([3, 3, 7, 7, 7]), held([13, 14]), 10)
    # Six people in classes of 3 are too few for a bin, and go to those in classes of 7.
    assert [(one.least, one.most, one.before) for one in bins[:2]] == [(1, 1, 0), (2, 9, 27)]
    assert people_at_risk(bins) is None


@given(SIZES.filter(bool), st.integers(1, 20))
def test_smallest_class__is_that_of_at_least_k_people(sizes: list[int], k: int) -> None:
    least = min(sizes)
    shown = smallest_class(*held(sizes), k)
    assert shown == (least if least >= k or Counter(sizes)[least] * least >= k else None)


@pytest.mark.parametrize(("n_unique", "k", "highest"), [(9, 10, None), (10, 10, 1.0)])
def test_before_of__states_no_figure_of_fewer_than_k(n_unique: int, k: int, highest: float | None) -> None:
    sizes = np.array([1] * n_unique + [30], np.int64)
    found = before_of(sizes, (sizes, sizes), k=k, rows=n_unique + 30, columns=2)
    assert (found.highest_risk, found.k) == (highest, None if highest is None else 1)
    assert found.average_risk == (n_unique + 1) / (n_unique + 30)
