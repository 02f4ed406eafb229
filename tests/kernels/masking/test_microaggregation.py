import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches import scanning
from naive import microaggregation as naive
from shoal_kernels.masking.microaggregation import best_on_line, mdav, v_mdav

GRID = 2.0**-20


@st.composite
def points(draw: st.DrawFn) -> list[tuple[float, ...]]:
    """Draw up to 90 points on a grid whose sums are exact, in ascending order; coarse ones tie often."""
    d = draw(st.integers(1, 4))
    step = draw(st.sampled_from([GRID, 0.5, 1.0]))
    reach = draw(st.sampled_from([1, 4, 1000]))
    coordinate = st.integers(-reach, reach).map(lambda value: value * step)
    return sorted(draw(st.lists(st.tuples(*[coordinate] * d), min_size=1, max_size=90)))


def as_lists(group: np.ndarray, n_groups: int) -> list[list[int]]:
    return [np.flatnonzero(group == g).tolist() for g in range(n_groups)]


def matrix(table: Sequence[Sequence[float]]) -> np.ndarray:
    return np.array(table, np.float64).reshape(len(table), -1)


@given(points(), st.integers(1, 12))
@settings(deadline=None, max_examples=300)
def test_mdav__equals_naive(table: list[tuple[float, ...]], k: int) -> None:
    k = min(k, len(table))
    group = np.empty(len(table), np.int64)
    found = as_lists(group, mdav(matrix(table), k, group))
    assert found == [sorted(members) for members in naive.mdav(table, k)]
    assert {len(members) for members in found} <= set(range(k, 2 * k))


@pytest.mark.parametrize("coarse", [True, False])
def test_mdav__equals_naive_with_many_leaves(coarse: bool) -> None:  # noqa: FBT001
    random = np.random.default_rng(5)
    numbers = random.integers(0, 6, (1500, 3)) if coarse else random.lognormal(0.0, 1.0, (1500, 3))
    table = np.rint(numbers / GRID) * GRID
    table = np.ascontiguousarray(table[np.lexsort(table.T[::-1])])
    for k in (2, 3, 10):
        group = np.empty(len(table), np.int64)
        n_groups = mdav(table, k, group)
        assert as_lists(group, n_groups) == [sorted(members) for members in naive.mdav(table.tolist(), k)]


@pytest.mark.parametrize("shape", ["skewed", "round", "corners", "far point"])
def test_mdav__equals_computing_every_distance(shape: str) -> None:
    """Enough points for the outer shell to be used, worn out, and too small for all that are equally far."""
    random = np.random.default_rng(6)
    numbers = random.lognormal(0.0, 1.0, (6000, 3))
    if shape == "round":
        numbers = random.normal(size=(6000, 3))
        numbers /= np.linalg.norm(numbers, axis=1)[:, None]
    if shape == "corners":
        numbers = random.choice([-1.0, 1.0], (6000, 3))
    if shape == "far point":
        numbers[0] = 1e6
    table = np.rint(numbers / GRID) * GRID
    table = np.ascontiguousarray(table[np.lexsort(table.T[::-1])])
    for k in (2, 5):
        group = np.empty(len(table), np.int64)
        mdav(table, k, group)
        assert np.array_equal(group, scanning.mdav(table, k))


@given(points(), st.integers(1, 8), st.sampled_from([0.0, 0.2, 1.1, 3.0]))
@settings(deadline=None, max_examples=200)
def test_v_mdav__equals_naive(table: list[tuple[float, ...]], k: int, gain: float) -> None:
    k = min(k, len(table))
    group = np.empty(len(table), np.int64)
    found = as_lists(group, v_mdav(matrix(table), k, gain, group))
    assert found == [sorted(members) for members in naive.v_mdav(table, k, gain)]
    assert min(map(len, found)) >= k


def test_v_mdav__a_group_takes_what_is_near_it() -> None:
    # Solanas and Martinez-Balleste's point: with fixed sizes, two clusters of 4 would be cut 3 / 3 / 2.
    line = [[0.0], [1.0], [2.0], [3.0], [100.0], [101.0], [102.0], [103.0]]
    group = np.empty(8, np.int64)
    assert v_mdav(matrix(line), 3, 1.1, group) == 2
    assert len(set(group[:4])) == len(set(group[4:])) == 1


@given(st.lists(st.integers(-40, 40).map(lambda v: v / 4), min_size=1, max_size=11).map(sorted), st.integers(1, 4))
@settings(deadline=None, max_examples=100)
def test_best_on_line__loses_least_of_all_partitions(values: list[float], k: int) -> None:
    k = min(k, len(values))
    group = np.empty(len(values), np.int64)
    n_groups = best_on_line(np.array(values), k, group)
    found = as_lists(group, n_groups)
    assert group.tolist() == sorted(group.tolist())
    assert {len(members) for members in found} <= set(range(k, 2 * k))
    reached = sum(naive.spread([values[i] for i in members]) for members in found)
    assert math.isclose(reached, naive.least_spread(values, k), rel_tol=1e-12, abs_tol=1e-12)


def test_best_on_line__far_from_zero() -> None:
    # Sums of squares around 1e18 would hide differences of 1.
    values = 1e9 + np.array([0.0, 1.0, 2.0, 10.0, 11.0, 12.0, 13.0])
    group = np.empty(7, np.int64)
    assert best_on_line(values, 3, group) == 2
    assert group.tolist() == [0, 0, 0, 1, 1, 1, 1]
