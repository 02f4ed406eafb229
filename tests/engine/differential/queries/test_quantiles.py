"""Quantiles: scores that know ties, their sensitivity, and answers of the column's kind."""

import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.budget import QueryBudget
from shoal_engine.differential.queries.private_group_by import GroupQuery, Observation, Totals
from shoal_engine.differential.queries.quantiles import Quantile
from shoal_engine.errors import PolicyError
from shoal_engine.randomness import Keystream

STREAM = Keystream._of_key(bytes(range(32)), bytes(16))


def bounds_of(low: float, high: float) -> tuple[Fraction, Fraction]:
    return Fraction(low), Fraction(high)


def totals_of(quantile: Quantile, values: Any) -> Totals:
    query = GroupQuery((), (quantile,), None, Bounds(1, 1))
    observation = Observation(query, n_threads=1)
    observation.observe(pa.record_batch({"x": pa.array(values)}))
    return observation.finish(bytes(16))


def answers(quantile: Quantile, values: Any, *, epsilon: int, n: int = 200) -> list[Any]:
    totals = totals_of(quantile, values)
    allotment = totals.query.allot(QueryBudget(Fraction(epsilon)), "laplace")
    return [totals.release(allotment, STREAM).column(quantile.name)[0].as_py() for _ in range(n)]


def scores_of(quantile: Quantile, values: Any) -> list[int]:
    totals = totals_of(quantile, values)
    return quantile.scores(totals.sums.columns[0])[0].tolist()


RATINGS = np.repeat([1, 2, 3, 4, 5], [500, 500, 1000, 4000, 2000])


@pytest.mark.parametrize("is_whole", [True, False])
def test_release__ties_of_ratings_answer_the_rating(is_whole: bool) -> None:  # noqa: FBT001
    """The next candidate is 2000 ranks off: at epsilon 5 anything but 4 has chance below 1024 exp(-5000)."""
    quantile = Quantile("x", bounds_of(0, 6), "q", is_whole=is_whole)
    found = answers(quantile, RATINGS if is_whole else RATINGS.astype(float), epsilon=5)
    step = 6 / 1023
    assert all(abs(one - 4) <= step for one in found)
    assert all(isinstance(one, int) for one in found) or not is_whole


@pytest.mark.parametrize("share", ["1/100", "1/2", "99/100"])
@pytest.mark.parametrize("constant", [0.0, 20.0, 99.9, 100.0])
def test_release__a_constant_column_answers_its_constant(share: str, constant: float) -> None:
    quantile = Quantile("x", bounds_of(0, 100), "q", share=Fraction(share))
    assert all(abs(one - constant) <= 100 / 1023 for one in answers(quantile, [constant] * 5000, epsilon=5, n=50))


@given(
    values=st.lists(st.integers(-4, 9), max_size=30),
    share=st.fractions(Fraction(1, 20), Fraction(19, 20), max_denominator=20),
    points=st.lists(st.integers(-3, 8), min_size=2, max_size=6, unique=True).map(sorted),
)
@settings(deadline=None, max_examples=100)
def test_scores__equal_the_distance_of_the_rank_from_the_interval_of_ties(
    values: list[int], share: Fraction, points: list[int]
) -> None:
    quantile = Quantile("x", bounds_of(-3, 8), "q", share=share, candidates=tuple(map(Fraction, points)), is_whole=True)
    clamped = [min(8, max(-3, value)) for value in values]
    nearest = [min(points, key=lambda point: (abs(point - value), -point)) for value in clamped]
    wanted = [
        -max(
            Fraction(0),
            sum(one < point for one in nearest) - share * len(values),
            share * len(values) - sum(one <= point for one in nearest),
        )
        for point in points
    ]
    found = scores_of(quantile, pa.array(values, pa.int64()))
    assert [Fraction(score, share.denominator) for score in found] == wanted


@given(
    values=st.lists(st.integers(0, 5), max_size=20),
    more=st.integers(0, 5),
    other=st.integers(0, 5),
    share=st.fractions(Fraction(1, 20), Fraction(19, 20), max_denominator=20),
)
@settings(deadline=None, max_examples=150)
def test_scores__move_no_more_than_the_sensitivity(values: list[int], more: int, other: int, share: Fraction) -> None:
    quantile = Quantile("x", bounds_of(0, 5), "q", share=share, is_whole=True)
    (part,) = quantile.parts(Bounds(1, 1))
    without, with_one, exchanged = (
        np.array(scores_of(quantile, pa.array(rows, pa.int64())))
        for rows in (values, [*values, more], [*values, other])
    )
    assert np.abs(with_one - without).max() <= part.sensitivity
    assert np.abs(with_one - exchanged).max() <= 2 * part.sensitivity


def test_release__chooses_with_the_exact_probabilities() -> None:
    """Scores of 1, 1, 3 at the median: (-1, 0, 0) with d = 2 over 0, 1, 2, 3; 4,000 draws detect 3 %."""
    quantile = Quantile("x", bounds_of(0, 3), "q", is_whole=True)
    scores = scores_of(quantile, [1, 1, 3])
    assert scores == [-3, 0, -1, -1]
    weight = [math.exp(2 * score / 2) for score in scores]
    seen = Counter(answers(quantile, [1, 1, 3], epsilon=2, n=4000))
    expected = [4000 * one / sum(weight) for one in weight]
    assert stats.chisquare([seen[value] for value in range(4)], expected).pvalue > 1e-4


def test_candidates__that_are_listed_are_answered_as_given() -> None:
    powers = tuple(Fraction(10) ** i for i in range(7))
    quantile = Quantile("x", bounds_of(0, 10**6), "q", candidates=powers)
    assert set(answers(quantile, [980.0] * 500 + [7.0] * 100, epsilon=5)) == {1000.0}


def test_answer__of_integers_beyond_int32_is_an_integer() -> None:
    quantile = Quantile("x", bounds_of(0, 10**12), "q", is_whole=True)
    (found,) = answers(quantile, [5 * 10**11] * 999, epsilon=5, n=1)
    assert isinstance(found, int)
    assert abs(found - 5 * 10**11) <= 10**12 / 1023


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"share": Fraction(1)}, "between 0 and 1"),
        ({"share": Fraction(1, 10**12)}, "too many digits"),
        ({"candidates": 1}, "at least two"),
        ({"candidates": (Fraction(3),)}, "two or more"),
        ({"candidates": (Fraction(3), Fraction(3))}, "two or more"),
        ({"candidates": (Fraction(3), Fraction(11))}, "within its bounds"),
    ],
)
def test_quantile__refuses_what_cannot_be_chosen_from(more: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        Quantile("x", bounds_of(0, 10), "q", **more)


def test_share__scores_of_four_billion_rows_fit_64_bits() -> None:
    """A score is up to the rows times the denominator: 2**32 times 2**31 is one too many."""
    Quantile("x", bounds_of(0, 1), "q", share=Fraction(1, 2**30))
    with pytest.raises(PolicyError, match="too many digits"):
        Quantile("x", bounds_of(0, 1), "q", share=Fraction(1, 2**31))
