"""Sums on a grid against slow twins: every product rounded once, every sum exact."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive.averaging import on_grid
from shoal_kernels.aggregation import clipped_changes, fixed_point

PRODUCTS = st.one_of(
    st.floats(-fixed_point.REACH, fixed_point.REACH),
    st.integers(-(2**40), 2**40).map(lambda n: n + 0.5),
    st.sampled_from([fixed_point.REACH, -fixed_point.REACH, 0.0, -0.0, 0.5, -0.5, 1.5, 5e-324]),
)


@given(st.lists(PRODUCTS, min_size=1, max_size=200))
@settings(deadline=None)
def test_fold__rounds_each_product_to_nearest_and_is_undone_exactly(products: list[float]) -> None:
    values, sums = np.array(products), np.arange(len(products), dtype=np.int64)
    fixed_point.FOLD["float64"](values, 1.0, sums)
    assert sums.tolist() == [place + on_grid(product) for place, product in enumerate(products)]
    fixed_point.FOLD["float64"](values, -1.0, sums)
    assert sums.tolist() == list(range(len(products)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_updates", [1, 2, 3, 5, 7, 8, 9, 16, 31])
@pytest.mark.parametrize("n", [1, 63, 1024, fixed_point.TILE, fixed_point.TILE + 1, 2 * fixed_point.TILE + 777])
def test_average_many__is_fold_after_fold(dtype: str, n_updates: int, n: int) -> None:
    rng = np.random.default_rng(n + n_updates)
    payloads = [rng.standard_normal(n).astype(dtype) for _ in range(n_updates)]
    factors = rng.random(n_updates) * 2.0**40
    sums = np.zeros(n, np.int64)
    for values, factor in zip(payloads, factors, strict=True):
        fixed_point.FOLD[dtype](values, float(factor), sums)
    expected = np.empty(n, dtype)
    fixed_point.SCALE[dtype](sums, 0.25, expected)
    addresses = np.array([values.__array_interface__["data"][0] for values in payloads], np.uint64)
    scratch = np.empty(fixed_point.TILE, np.int64)
    squares, means = np.empty((-(-n // fixed_point.TILE), n_updates)), np.empty(n, dtype)
    fixed_point.AVERAGE_MANY[dtype](addresses, factors, 0.25, 0, scratch, squares, means)
    assert means.tobytes() == expected.tobytes()
    for values, of_one in zip(payloads, squares.T, strict=True):
        assert math.fsum(of_one) == pytest.approx(float((values.astype(np.float64) ** 2).sum()), rel=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 64, 1000, fixed_point.TILE, fixed_point.TILE + 64])
def test_measure__shows_what_is_no_number(dtype: str, bad: float, place: int) -> None:
    values = np.ones(fixed_point.TILE + 65, dtype)
    squares = np.empty(2)
    fixed_point.MEASURE[dtype](values, np.empty(fixed_point.LANES, dtype), squares)
    assert squares.tolist() == [fixed_point.TILE, 65]
    values[place] = bad
    fixed_point.MEASURE[dtype](values, np.empty(fixed_point.LANES, dtype), squares)
    assert np.isfinite(squares).tolist() == [place >= fixed_point.TILE, place < fixed_point.TILE]


@given(st.data(), st.sampled_from(["float32", "float64"]))
@settings(deadline=None, max_examples=40)
def test_changes__are_those_of_differences(data: st.DataObject, dtype: str) -> None:
    floats = st.floats(-1000, 1000, width=32)
    pairs = data.draw(st.lists(st.tuples(floats, floats), min_size=1, max_size=2500))
    values, base = (np.array([pair[end] for pair in pairs], dtype) for end in (0, 1))
    change = values.astype(np.float64) - base.astype(np.float64)
    squares = np.empty(-(-len(pairs) // fixed_point.BLOCK))
    clipped_changes.MEASURE_CHANGE[dtype](values, base, np.empty(fixed_point.LANES), squares)
    assert math.fsum(squares) == pytest.approx(math.fsum(change**2), rel=1e-13)
    sums, expected = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), np.int64)
    clipped_changes.FOLD_CHANGE[dtype](values, base, 2.0**30, sums)
    fixed_point.FOLD["float64"](change, 2.0**30, expected)
    assert sums.tolist() == expected.tolist()
