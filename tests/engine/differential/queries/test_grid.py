import datetime as dt
import decimal
import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive.bounding import Column
from shoal_engine.differential.queries.grid import MAX_STEPS, Grid, ValueSpec, check_type, place_on_grid
from shoal_engine.errors import ColumnError, PolicyError
from shoal_kernels.private.grid_values import ABSENT

_finite = st.floats(-1e12, 1e12) | st.integers(-1000, 1000).map(float)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    low, high = sorted(
        draw(st.lists(st.integers(-MAX_STEPS, MAX_STEPS) | st.integers(-99, 99), min_size=2, max_size=2))
    )
    exponent = draw(st.integers(-31, 1000) | st.integers(-5, 40))
    return Grid(low, high + (low == high), exponent) if high < MAX_STEPS else Grid(low - 1, high, exponent)


def _place(array: pa.Array, grid: Grid, missing: int | None = None) -> list[int | None]:
    out = np.empty(len(array), np.int32)
    place_on_grid(array, ValueSpec("x", grid, missing), out)
    return [None if v == ABSENT else v for v in out.tolist()]


def _naive(grid: Grid, missing: int | None = None) -> Column:
    return Column(grid.low, grid.high, grid.exponent, missing)


@given(_finite, _finite, st.integers(-40, 40) | st.none())
@settings(deadline=None)
def test_grid__between_moves_bounds_inwards(lower: float, upper: float, exponent: int | None) -> None:
    try:
        grid = Grid.between(lower, upper, exponent=exponent)
    except PolicyError:
        return
    assert Fraction(lower) <= grid.lower < grid.upper <= Fraction(upper)
    assert grid.lower - grid.step < Fraction(lower)
    assert Fraction(upper) < grid.upper + grid.step
    assert grid.size <= MAX_STEPS
    assert grid.largest_square(grid.least_square_bits) <= MAX_STEPS + 1


@pytest.mark.parametrize(
    ("lower", "upper", "exponent"),
    [
        (1, 1, 0),
        (2, 1, 0),
        (math.nan, 1, 0),
        (0, math.inf, 0),
        (0, 1 << 31, 0),
        (0.2, 0.8, 0),
        (0, 1, 1001),
        ("a", 1, 0),
    ],
)
def test_grid__refuses(lower: float, upper: float, exponent: int) -> None:
    with pytest.raises(PolicyError):
        Grid.between(lower, upper, exponent=exponent)


def test_grid__refuses_what_could_overflow_for_squares_and_missing_outside() -> None:
    grid = Grid.between(0, 50_000, exponent=0)
    assert grid.least_square_bits == 1
    for wrong in ({"square_bits": 0}, {"missing": 50_001}, {"edges": (3, 3)}, {"edges": (-1, 3)}):
        with pytest.raises(PolicyError):
            ValueSpec("x", grid, **wrong)


@given(values=st.lists(st.floats() | st.none(), max_size=20), grid=grids(), skip=st.booleans())
@settings(deadline=None, max_examples=300)
def test_place__floats_equal_naive(*, values: list[float | None], grid: Grid, skip: bool) -> None:
    missing = None if skip else grid.high
    expected = [_naive(grid, missing).place(v) for v in values]
    assert _place(pa.array(values, pa.float64()), grid, missing) == expected


@given(st.data(), st.sampled_from([f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]), grids())
@settings(deadline=None, max_examples=300)
def test_place__integers_equal_naive(data: st.DataObject, kind: str, grid: Grid) -> None:
    ends = np.iinfo(kind)
    values = data.draw(st.lists(st.integers(int(ends.min), int(ends.max)) | st.integers(0, 9) | st.none(), max_size=20))
    cut = data.draw(st.integers(0, len(values)))
    array = pa.array(values, getattr(pa, kind)())
    assert _place(array.slice(cut), grid) == [_naive(grid).place(v) for v in values[cut:]]


def test_place__every_type_that_can_be_summed() -> None:
    grid = Grid.between(-20_000, 20_000, exponent=0)
    day = dt.date(1970, 1, 11)
    for array, expected in [
        (pa.array([True, None, False]), [1, None, 0]),
        (pa.array([day, None, dt.date(9999, 1, 1)]), [10, None, 20_000]),
        (pa.array([dt.timedelta(seconds=3)], pa.duration("s")), [3]),
        (pa.array([decimal.Decimal("2.5"), decimal.Decimal("3.5"), None]), [2, 4, None]),
        (pa.array([1.5, -0.0, math.nan, -math.inf], pa.float32()), [2, 0, None, -20_000]),
        (pa.array(np.array([1.5], np.float16)), [2]),
        (pa.array([None, None]), [None, None]),
        (pa.array([7, None, 7]).dictionary_encode(), [7, None, 7]),
        (pa.array([], pa.int64()), []),
    ]:
        check_type("x", array.type)
        assert _place(array, grid) == expected


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.list_(pa.int64()), pa.binary(), pa.dictionary(pa.int8(), pa.string())]
)
def test_check_type__refuses_what_is_no_number(kind: pa.DataType) -> None:
    with pytest.raises(ColumnError, match="'x'"):
        check_type("x", kind)
