"""Sums of epsilons and deltas against mpmath: by definition, and on samples by Balle, Barthe, Gaboardi 2018."""

from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.differential import events
from shoal_engine.differential.accounting.basic import pure_cost
from shoal_engine.errors import NumberError

epsilons = st.fractions(Fraction(1, 1000), Fraction(600)) | st.fractions(Fraction(690), Fraction(10**6))
rates = st.fractions(Fraction(1, 1000), Fraction(1))
deltas = st.fractions(Fraction(1, 10**6), Fraction(1, 2))


def amplified(epsilon: Fraction, rate: Fraction) -> mpmath.mpf:
    with mpmath.workdps(60):
        share = mpmath.mpf(rate.numerator) / rate.denominator
        return mpmath.log1p(share * mpmath.expm1(mpmath.mpf(epsilon.numerator) / epsilon.denominator))


def exact(value: Fraction) -> mpmath.mpf:
    return mpmath.mpf(value.numerator) / value.denominator


def cost_of(event: events.Event) -> tuple[Fraction, Fraction]:
    found = pure_cost(event)
    assert found is not None
    return found


@given(epsilons, deltas, rates)
def test_pure_cost__of_a_poisson_sample(epsilon: Fraction, delta: Fraction, rate: Fraction) -> None:
    """Never below the theorem, never above the event itself, and within 2e-12 of the theorem."""
    told = cost_of(events.PoissonSampled(rate, events.ApproximateDP(epsilon, delta)))
    with mpmath.workdps(60):
        truth = amplified(epsilon, rate)
        assert truth * (1 - mpmath.mpf(10) ** -50) <= exact(told[0]) <= truth * (1 + mpmath.mpf(2e-12))
    assert told[0] <= epsilon
    assert told[1] == rate * delta


@pytest.mark.parametrize(("epsilon", "rate"), [(2000, "1"), (2000, "1/2"), (10**70, "1/3"), (700, "1/1000")])
def test_pure_cost__of_a_sample_of_a_huge_epsilon(epsilon: int, rate: str) -> None:
    share = Fraction(rate)
    found, _ = cost_of(events.PoissonSampled(share, events.PureDP(Fraction(epsilon))))
    with mpmath.workdps(450):
        truth = epsilon + mpmath.log(mpmath.mpf(share.numerator) / share.denominator)
        assert truth <= exact(found) <= min(epsilon, truth + mpmath.mpf("1e-9"))


def test_pure_cost__of_a_sample_of_fixed_size_is_by_its_share() -> None:
    one = events.PureDP(Fraction(2))
    fixed = events.FixedSizeSampled(size=3, population=12, event=one)
    assert cost_of(fixed) == cost_of(events.PoissonSampled(Fraction(1, 4), one))


def test_pure_cost__adds_up_exactly() -> None:
    several = events.Composed(
        (
            events.Repeated(events.ApproximateDP(Fraction(1, 3), Fraction(1, 7)), 2),
            events.DiscreteLaplace(scale=Fraction(3, 2), sensitivity=Fraction(5)),
            events.Laplace(scale=Fraction(2), sensitivity=Fraction(5)),
            events.BoundedRange(Fraction(1, 5)),
        )
    )
    assert cost_of(several) == (2 * Fraction(1, 3) + Fraction(10, 3) + Fraction(5, 2) + Fraction(1, 5), Fraction(2, 7))
    assert pure_cost(events.Composed((several, events.Gaussian(Fraction(1), Fraction(1))))) is None
    assert pure_cost(events.Repeated(events.Gaussian(Fraction(1), Fraction(1)), 2)) is None


def test_pure_cost__everybody_sampled_costs_the_event() -> None:
    assert cost_of(events.PoissonSampled(Fraction(1), events.PureDP(Fraction(1, 3))))[0] == Fraction(1, 3)


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-1, 2), Fraction(3, 2)])
def test_pure_cost__refuses_a_rate_that_is_no_share(rate: Fraction) -> None:
    with pytest.raises(NumberError):
        pure_cost(events.PoissonSampled(rate, events.PureDP(Fraction(1))))
