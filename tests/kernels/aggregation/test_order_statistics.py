import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from naive import order_statistics as naive
from shoal_engine.federated.rules.order_rules import mean_of_ranks
from shoal_kernels.aggregation.order_statistics import FEW, TILE, WIDTH, exchanges, n_tiles

DTYPES = ["float32", "float64"]
LENGTHS = [0, 1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 3 * WIDTH + 5]

Values = npt.NDArray[Any]


def bits(values: Values) -> Values:
    return values.view(f"i{values.itemsize}")


def expected(updates: list[Values], low: int, high: int) -> Values:
    return np.array(naive.mean_of_ranks(updates, low, high), updates[0].dtype)


def corners(dtype: str) -> list[float]:
    """Numbers at the edges of a dtype, none so large that sums of a hundred overflow float64."""
    info = np.finfo(dtype)
    most = float(info.max) if dtype == "float32" else 1e300
    tiny = [float(info.smallest_subnormal), float(info.tiny), 3 * float(info.smallest_subnormal)]
    return [0.0, -0.0, 1.0, -1.0, most, -most, *tiny, *(-x for x in tiny)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Values], int, int]:
    """Updates of few or many different values, and ranks."""
    dtype = draw(st.sampled_from(DTYPES))
    n = draw(st.one_of(st.integers(1, 40), st.just(100)))
    length = draw(st.sampled_from(LENGTHS))
    low = draw(st.integers(0, n - 1))
    high = draw(st.integers(low + 1, n))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["normal", "few", "corners", "equal"]))
    if kind == "normal":
        table = rng.standard_normal((n, length))
    elif kind == "few":
        table = rng.integers(-2, 3, (n, length)).astype(float)
    elif kind == "corners":
        table = rng.choice(corners(dtype), (n, length))
    else:
        table = np.full((n, length), draw(st.sampled_from(corners(dtype))))
    return list(table.astype(dtype)), low, high


@given(cases())
@settings(deadline=None, max_examples=150)
def test_mean_of_ranks__equals_naive(case: tuple[list[Values], int, int]) -> None:
    updates, low, high = case
    found, _ = mean_of_ranks(updates, updates[0].dtype.name, low, high)
    assert_array_equal(bits(found), bits(expected(updates, low, high)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 7, 8, 9, FEW, FEW + 1, 100])
@pytest.mark.parametrize("length", [TILE - 1, TILE, TILE + 1, 2 * TILE + WIDTH + 3])
def test_mean_of_ranks__whatever_the_tiles(dtype: str, n: int, length: int) -> None:
    updates = list(np.random.default_rng(n).standard_normal((n, length), np.float64).astype(dtype))
    low, high = (n - 1) // 2, n // 2 + 1
    found, squares = mean_of_ranks(updates, dtype, low, high)
    table = np.sort(np.stack(updates), axis=0)[low:high]
    assert_array_equal(found, (table.astype(np.float64).sum(0) / len(table)).astype(dtype))
    assert squares.shape == (n, -(-length // TILE))
    assert_array_equal(mean_of_ranks(updates, dtype, low, high, n_threads=2)[0], found)
    norms = np.linalg.norm(np.stack(updates).astype(np.float64), axis=1)
    np.testing.assert_allclose(np.sqrt(squares.sum(axis=1)), norms, rtol=1e-5)


@pytest.mark.parametrize("n", range(1, 41))
def test_mean_of_ranks__every_number_of_updates(n: int) -> None:
    updates = list(np.random.default_rng(n).integers(-9, 9, (n, 70)).astype(np.float32))
    for low, high in {((n - 1) // 2, n // 2 + 1), (n // 5, n - n // 5), (0, 1), (n - 1, n)}:
        assert_array_equal(mean_of_ranks(updates, "float32", low, high)[0], expected(updates, low, high))


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf, 1e30])
def test_mean_of_ranks__squares_tell_what_is_not_finite(bad: float) -> None:
    updates = [np.ones(TILE + 70, np.float32) for _ in range(11)]
    updates[9][TILE + 69] = bad
    _, squares = mean_of_ranks(updates, "float32", 5, 6)
    assert [(u, tile) for u, tile in zip(*np.nonzero(~np.isfinite(squares)), strict=True)] == [(9, 1)]


def test_mean_of_ranks__unaligned_memory() -> None:
    odd = [np.frombuffer(bytes(1) + np.full(70, x, np.float32).tobytes(), np.uint8)[1:].view("f4") for x in (1, 2, 9)]
    assert not odd[0].flags.aligned
    assert_array_equal(mean_of_ranks(odd, "float32", 1, 2)[0], np.full(70, 2, np.float32))


@pytest.mark.parametrize("n", range(1, 14))
def test_exchanges__sorts_every_row_of_zeros_and_ones(n: int) -> None:
    """A network that sorts zeros and ones sorts everything (Knuth 1998, section 5.3.4, theorem Z)."""
    steps = exchanges(n, 0, n).tolist()
    for rows in itertools.product((0, 1), repeat=n):
        assert naive.run(list(rows), steps) == sorted(rows)


@given(st.one_of(st.integers(1, 140), st.just(1000)), st.data())
@settings(deadline=None)
def test_exchanges__puts_wanted_ranks_in_place(n: int, data: st.DataObject) -> None:
    low = data.draw(st.integers(0, n - 1))
    high = data.draw(st.integers(low + 1, n))
    rows = np.random.default_rng(data.draw(st.integers(0, 2**32))).integers(0, n, n).tolist()
    assert naive.run(rows, exchanges(n, low, high).tolist())[low:high] == sorted(rows)[low:high]


def test_exchanges__fewer_where_fewer_ranks_are_wanted() -> None:
    assert len(exchanges(100, 49, 51)) < len(exchanges(100, 20, 80)) < len(exchanges(100, 0, 100))
    assert exchanges(1, 0, 1).shape == (0, 4)


def test_n_tiles__within_the_second_cache() -> None:
    assert n_tiles(10, 4) == 1
    assert n_tiles(100, 4) * 100 * WIDTH * 4 <= 1 << 19
    assert n_tiles(100_000, 8) == 1
