"""Known answers: Wilson (1927), and those of the statistics of Giomi et al. (2023)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.attack.success_rates import (
    Risk,
    SuccessRate,
    attack_report,
    residual_success,
    success_rate,
    trials,
)
from shoal_engine.errors import InputError, PolicyError


@pytest.mark.parametrize(
    ("attacks", "successes", "value", "error"),
    [
        (100, 100, 0.9815032508965071, 0.01849674910349284),
        (100, 0, 0.01849674910349284, 0.01849674910349284),
        (100, 23, 0.23998824451588613, 0.08155558571285167),
    ],
)
def test_success_rate__known_answers(attacks: int, successes: int, value: float, error: float) -> None:
    found = success_rate(attacks, successes, 0.95)
    assert (found.value, found.error) == pytest.approx((value, error), abs=1e-14)


@pytest.mark.parametrize(("successes", "value", "error"), [(850, 0.849, 0.022), (1000, 0.998, 0.002)])
def test_success_rate__known_answers_rounded(successes: int, value: float, error: float) -> None:
    found = success_rate(1000, successes, 0.95)
    assert (round(found.value, 3), round(found.error, 3)) == (value, error)


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0.01, 0.999))
def test_success_rate__ends_solve_the_score_equation(attacks: int, share: float, confidence: float) -> None:
    """Both ends p of the interval satisfy (share - p)^2 = z^2 p (1 - p) / n, which defines it."""
    found = success_rate(attacks, attacks * share, confidence)
    # The quantile from the error function, by bisection.
    low, high = 0.0, 10.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle / math.sqrt(2)) < confidence else (low, middle)
    for end in (found.value - found.error, found.value + found.error):
        assert (share - end) ** 2 == pytest.approx(low**2 * end * (1 - end) / attacks, abs=1e-9)


@pytest.mark.parametrize(("attacks", "successes"), [(0, 0), (3, 4), (3, -1), (3, math.nan)])
def test_success_rate__counts_out_of_range(attacks: int, successes: float) -> None:
    with pytest.raises(InputError, match="a rate needs an attack"):
        success_rate(attacks, successes, 0.95)


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95, math.nan])
def test_success_rate__confidence_out_of_range(confidence: float) -> None:
    with pytest.raises(PolicyError, match="above 0 and below 1"):
        success_rate(3, 2, confidence)


def test_residual_success__known_answers() -> None:
    found = residual_success(SuccessRate(0.9, 0.02), SuccessRate(0.8, 0.03))
    assert found.value == pytest.approx(0.5)
    # By hand: 0.02 / 0.2 and 0.03 * 0.1 / 0.04 propagate to sqrt(0.1^2 + 0.075^2) = 0.125.
    assert found.error == pytest.approx(0.125)
    assert residual_success(SuccessRate(0.4, 0.1), SuccessRate(0.5, 0.1)).value == pytest.approx(-0.2)


def test_residual_success__nothing_is_left() -> None:
    with pytest.raises(InputError, match="no margin is left"):
        residual_success(SuccessRate(0.9, 0.1), SuccessRate(1.0, 0.0))


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [(0.1, 0.3, (0.1, 0.0, 0.4)), (1.1, 0.5, (1.0, 0.6, 1.0)), (-0.1, 0.2, (0.0, 0.0, 0.1))],
)
def test_bounded__known_answers(value: float, error: float, expected: tuple[float, float, float]) -> None:
    found = SuccessRate(value, error).bounded()
    assert (found.value, found.low, found.high) == pytest.approx(expected)


def test_trials__without_attacks_nothing_is_at_risk() -> None:
    assert trials(0, 0, 0.95).rate == Risk(0.0, 0.0, 0.0)


def test_attack_report__residual_against_control() -> None:
    report = attack_report("a", success=(1000, 850), baseline=(1000, 10), control=(1000, 850), confidence=0.95)
    assert report.risk.value == pytest.approx(0.0, abs=1e-12)
    assert report.risk.low == 0 < report.risk.high
    assert report.beats_baseline
    alone = attack_report("a", success=(1000, 850), baseline=(1000, 850), control=None, confidence=0.95)
    assert alone.risk == alone.success.rate
    assert not alone.beats_baseline
