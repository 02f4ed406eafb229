"""Which release is recommended: against trying every rule by hand, and by properties."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.errors import NumberError
from shoal_engine.frontier.points import Point, front
from shoal_engine.frontier.recommendation import Limits, gaps, recommend


def point(k: int, risk: float, error: float, **others: Any) -> Point:
    fixed: dict[str, Any] = {"method": "tight", "guarantee": 1 / k, "mean_risk": risk / 2, "error_at_95": 4 * error}
    return Point(
        **fixed | {"k": k, "risk": risk, "error": error, "loss": 0.0, "suppressed": 0.0, "classes": 1} | others
    )


POINTS = [point(2, 0.5, 0.001), point(10, 0.1, 0.01), point(12, 1 / 12, 0.02), point(50, 0.02, 0.09)]
figures = st.sampled_from([0.01, 0.05, 0.1, 0.5])
points = st.lists(st.builds(point, st.integers(2, 9), figures, figures), min_size=1, max_size=6)


def test_recommend__the_most_useful_of_those_that_meet_all_limits() -> None:
    """The European limit of 0.09 needs k = 12, for 1 / 11 is above it."""
    found = recommend(POINTS, Limits(max_risk=0.09))
    assert found is not None
    assert (found.place, found.met) == (2, True)
    assert "tight with k = 12" in found.text
    assert "of 4" in found.text


def test_recommend__says_that_none_does_and_which_comes_nearest() -> None:
    """Of risks 0.5, 0.1, 0.083, 0.02 and errors of 0.4, 4, 8 and 36 % against 0.05 and 1 %: factors 10, 4, 8, 36."""
    found = recommend(POINTS, Limits(max_risk=0.05, max_error=0.01))
    assert found is not None
    assert (found.place, found.met) == (1, False)
    assert "None of the 4" in found.text
    assert "highest risk 0.1 is above 0.05; error of 95 % of the answers 0.04 is above 0.01" in found.text


def test_recommend__accuracy_counts_where_it_is_measured() -> None:
    two = [point(5, 0.2, 0.0, accuracy=0.8), point(10, 0.1, 0.5, accuracy=0.83)]
    found = recommend(two, Limits(min_accuracy=0.81))
    assert found is not None
    assert found.place == 1
    found = recommend(two, Limits(min_accuracy=0.9))
    assert found is not None
    assert (found.place, found.met) == (1, False)


def test_recommend__nothing_without_a_limit() -> None:
    assert recommend(POINTS, Limits()) is None


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("max_risk", 0.0),
        ("max_risk", 1.5),
        ("max_mean_risk", -1.0),
        ("max_error", -0.1),
        ("max_error", math.nan),
        ("min_accuracy", 1.1),
    ],
)
def test_limits__out_of_range(name: str, limit: float) -> None:
    with pytest.raises(NumberError, match=name):
        Limits(**{name: limit})


@given(points, figures, figures)
def test_recommend__equals_trying_every_point(tried: list[Point], risk: float, error: float) -> None:
    limits = Limits(max_risk=risk, max_error=error)
    found = recommend(tried, limits)
    assert found is not None
    meeting = [one for one in tried if one.risk <= risk and one.error_at_95 <= error]
    chosen = tried[found.place]
    assert found.met == bool(meeting)
    if meeting:
        assert chosen in meeting
        assert all((chosen.usefulness, -chosen.risk) >= (one.usefulness, -one.risk) for one in meeting)
    else:
        assert gaps(chosen, limits)
        factor = max(chosen.risk / risk, chosen.error_at_95 / error)
        assert factor == pytest.approx(min(max(one.risk / risk, one.error_at_95 / error) for one in tried))


@given(points)
def test_front__equals_comparing_every_pair(tried: list[Point]) -> None:
    for one, best in zip(tried, front(tried), strict=True):
        better = [
            other
            for other in tried
            if other.risk <= one.risk
            and other.usefulness >= one.usefulness
            and (other.risk < one.risk or other.usefulness > one.usefulness)
        ]
        assert best == (not better)
    assert any(front(tried))
