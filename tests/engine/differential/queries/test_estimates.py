"""Intervals of answers against the corners of what noise may have done."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shoal_engine.differential.queries.estimates import Noisy, ratio, scaled

numbers = st.integers(-1000, 1000)
widths = st.integers(0, 1200).map(lambda quarters: quarters / 4)


def noisy(value: int, half_width: float, deviation: float = 1.0) -> Noisy:
    return Noisy(np.array([value], np.int64), deviation, half_width)


def test_scaled__deviation_and_interval_are_in_units() -> None:
    told = scaled(noisy(10, half_width=3, deviation=2), 0.5)
    assert (told.value[0], told.std[0], told.low[0], told.high[0]) == (5.0, 1.0, 3.5, 6.5)


@given(numbers, widths, numbers, widths)
@example(1, 0.5, 10, 2.0)
@example(-1, 0.5, 10, 2.0)
@example(0, 0.5, 10, 2.0)
@example(7, 0.0, 10, 10.0)
def test_ratio__interval_is_the_hull_of_its_corners(above: int, wide: float, below: int, narrow: float) -> None:
    told = ratio(noisy(above, wide), noisy(below, narrow), most=10.0)
    corners = [(above + one * wide) / max(below + other * narrow, 1) for one in (-1, 1) for other in (-1, 1)]
    assert told.low[0] == pytest.approx(min(corners))
    assert told.high[0] == pytest.approx(max(corners))
    assert told.value[0] == above / max(below, 1)


@pytest.mark.parametrize(("above", "below"), [(600, 30), (-40, 80), (0, 50)])
def test_ratio__deviation_is_the_first_order_of_a_quotient(above: int, below: int) -> None:
    """Partial derivatives by differences: 1 / n of the upper number, -a / n**2 of the lower."""
    told = ratio(noisy(above, 1, deviation=3.0), noisy(below, 1, deviation=0.5), most=1e9)
    step = 1e-4
    by_above = (above + step) / below - (above - step) / below
    by_below = above / (below + step) - above / (below - step)
    expected = math.hypot(3.0 * by_above / (2 * step), 0.5 * by_below / (2 * step))
    assert told.std[0] == pytest.approx(expected, rel=1e-6)


def test_ratio__a_ratio_that_noise_drove_out_has_the_deviation_of_the_largest() -> None:
    far, limit = ratio(noisy(900, 1), noisy(1, 1), most=4.0), math.hypot(1.0, 4.0)
    assert far.std[0] == pytest.approx(limit)
    assert ratio(noisy(-900, 1), noisy(1, 1), most=4.0).std[0] == pytest.approx(limit)
