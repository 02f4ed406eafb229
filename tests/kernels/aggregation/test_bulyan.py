"""Sorting networks, and the mean of the values closest to the median."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import distance_rules as naive
from shoal_kernels.aggregation.bulyan import MEAN_AROUND_MEDIAN, TILE, exchanges


@pytest.mark.parametrize("n", range(1, 12))
def test_exchanges__sort_every_zero_and_one(n: int) -> None:
    # What sorts these sorts everything (Knuth, volume 3, section 5.3.4, theorem Z).
    for given_values in itertools.product((0, 1), repeat=n):
        values = list(given_values)
        for low, high in exchanges(n):
            values[low], values[high] = min(values[low], values[high]), max(values[low], values[high])
        assert values == sorted(values)


@pytest.mark.parametrize("n", [13, 60, 100])
def test_exchanges__sort(n: int) -> None:
    values = np.random.default_rng(n).permutation(n)
    for low, high in exchanges(n):
        values[low], values[high] = min(values[low], values[high]), max(values[low], values[high])
    assert np.array_equal(values, np.arange(n))


def mean_around_median(rows: np.ndarray, n_kept: int) -> np.ndarray:
    means = np.empty(rows.shape[1])
    addresses = np.array([row.ctypes.data for row in rows], np.uint64)
    scratch = np.empty((len(rows), TILE), rows.dtype), np.empty(TILE, np.int64)
    MEAN_AROUND_MEDIAN[rows.dtype.name](addresses, exchanges(len(rows)), n_kept, *scratch, means)
    return means


@settings(deadline=None)
@given(data=st.data(), n=st.integers(1, 9), n_columns=st.integers(0, 5), dtype=st.sampled_from(["float32", "float64"]))
def test_mean_around_median__equals_naive(data: st.DataObject, n: int, n_columns: int, dtype: str) -> None:
    # Halves, so that many values are equal and many are as far from the median.
    halves = st.integers(-6, 6).map(lambda x: x / 2)
    rows = np.array([[data.draw(halves) for _ in range(n_columns)] for _ in range(n)], dtype).reshape(n, n_columns)
    n_kept = data.draw(st.integers(1, n))
    expected = [naive.mean_around_median(column.tolist(), n_kept) for column in rows.T]
    assert mean_around_median(rows, n_kept).tolist() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("n_columns", [TILE - 1, TILE, TILE + 1, 3 * TILE + 7])
def test_mean_around_median__tiles(n_columns: int) -> None:
    rows = np.random.default_rng(1).standard_cauchy((11, n_columns)).astype(np.float32)
    expected = [naive.mean_around_median(column.tolist(), 5) for column in rows.T]
    np.testing.assert_allclose(mean_around_median(rows, 5), expected, rtol=1e-14, atol=1e-15)
