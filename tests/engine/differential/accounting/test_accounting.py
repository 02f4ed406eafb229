"""Accounting: known answers, exact tails by enumeration and by high precision, and never below them."""

import json
import math
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from itertools import product

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_engine.differential import events
from shoal_engine.differential.accounting import concentrated, gaussian, loss_compositions
from shoal_engine.differential.accounting.accountant import PRECISION, least_scale, privacy_spent
from shoal_engine.differential.accounting.concentrated import LEAST_RHO, Odometer
from shoal_engine.differential.accounting.loss_distributions import losses_of
from shoal_engine.errors import NumberError

ONE = Fraction(1)
LAPLACE = events.Repeated(events.Laplace(Fraction(10), ONE), 100)
DISCRETE = events.Repeated(events.DiscreteLaplace(Fraction(10), ONE), 100)
SAMPLED = events.Repeated(events.PoissonSampled(Fraction(1, 100), events.Gaussian(ONE, ONE)), 1000)


@pytest.mark.parametrize(
    ("event", "delta", "epsilon"),
    [
        (LAPLACE, 1e-5, 4.220347),
        (LAPLACE, 1e-6, 4.692667),
        (LAPLACE, 1e-9, 5.85325),
        (DISCRETE, 1e-5, 4.306791),
        (DISCRETE, 1e-6, 4.774568),
        (DISCRETE, 1e-9, 5.95965),
        (SAMPLED, 1e-5, 1.828244),
        (SAMPLED, 1e-6, 2.124523),
        (SAMPLED, 1e-9, 2.989591),
    ],
)
def test_losses__known_answers(event: events.Event, delta: float, epsilon: float) -> None:
    assert loss_compositions.epsilon_of(event, delta) == pytest.approx(epsilon, rel=1e-6)


@pytest.mark.parametrize(("sigma", "epsilon"), [("1/2", 9.997256146), ("1", 4.377178096), ("4", 0.926341504)])
def test_gaussian__known_epsilons(sigma: str, epsilon: float) -> None:
    assert gaussian.epsilon_for(float(Fraction(sigma)), 1e-5) == pytest.approx(epsilon, rel=1e-9)
    composed = loss_compositions.epsilon_of(events.Gaussian(Fraction(sigma), ONE), 1e-5)
    assert composed is not None
    assert epsilon - 1e-9 <= composed <= epsilon * (1 + 1e-6)


@pytest.mark.parametrize(
    ("epsilon", "delta", "sigma"),
    [("1", "1e-5", 3.730631635), ("0.1", "1e-6", 36.30469043), ("10", "1e-12", 0.7446123229)],
)
def test_gaussian__known_sigmas(epsilon: str, delta: str, sigma: float) -> None:
    found = gaussian.sigma_for(Fraction(epsilon), Fraction(delta))
    assert float(found) == pytest.approx(sigma, rel=2e-10)
    assert gaussian.delta_for(float(found), float(Fraction(epsilon))) <= float(Fraction(delta))


@pytest.mark.parametrize(("rho", "epsilon"), [("0.01", 0.62169265), ("0.1", 2.1419389), ("1", 7.7662166)])
def test_concentrated__known_conversions(rho: str, epsilon: float) -> None:
    delta = Fraction(1, 10**6)
    assert concentrated.epsilon_for(Fraction(rho), delta) == pytest.approx(epsilon, abs=1e-7)
    back = concentrated.rho_for(Fraction(concentrated.epsilon_for(Fraction(rho), delta)), delta)
    assert Fraction(rho) * Fraction(999_999, 10**6) <= back <= Fraction(rho) * Fraction(1_000_001, 10**6)


def exact_delta(a: Fraction, s: int, times: int, epsilon: float) -> float:
    """Return the delta of discrete Laplace noise, by adding up all combinations of losses in high precision."""
    with mpmath.workdps(60):
        q = mpmath.exp(-mpmath.mpf(a.numerator) / a.denominator)
        probability = {s: 1 / (1 + q), -s: q**s / (1 + q)}
        for z in range(1, s):
            probability[s - 2 * z] = q**z * (1 - q) / (1 + q)
        delta = mpmath.mpf(0)
        for combination in product(probability, repeat=times):
            loss = sum(combination) * mpmath.mpf(a.numerator) / a.denominator
            if loss > epsilon:
                delta += mpmath.fprod(probability[one] for one in combination) * (1 - mpmath.exp(epsilon - loss))
        return float(delta)


@given(
    st.fractions(Fraction(1, 20), Fraction(2), max_denominator=50),
    st.integers(1, 4),
    st.integers(1, 3),
    st.floats(0, 3),
)
@settings(deadline=None, max_examples=40)
def test_losses__never_below_the_exact_delta_and_close_to_it(a: Fraction, s: int, times: int, epsilon: float) -> None:
    event = events.Repeated(events.DiscreteLaplace(1 / a, Fraction(s)), times)
    found, truth = loss_compositions.delta_of(event, epsilon), exact_delta(a, s, times, epsilon)
    assert found is not None
    assert truth * (1 - 1e-12) <= found <= truth * 1.02 + 1e-7


def gaussian_delta(sigma_squared: float, s: int, epsilon: float) -> float:
    """Return the delta of one discrete Gaussian, outcome by outcome, in high precision."""
    with mpmath.workdps(40):
        reach = int(12 * math.sqrt(sigma_squared)) + s + 5
        weight = {
            z: mpmath.exp(-(mpmath.mpf(z) ** 2) / (2 * mpmath.mpf(sigma_squared))) for z in range(-reach, reach + 1)
        }
        whole = mpmath.fsum(weight.values())
        grown = mpmath.exp(epsilon)
        return float(mpmath.fsum(max(0, w - grown * weight.get(z - s, 0)) for z, w in weight.items()) / whole)


@given(st.integers(1, 200), st.integers(1, 6), st.floats(0, 4))
@settings(deadline=None, max_examples=40)
def test_losses__discrete_gaussian_against_its_outcomes(sigma_squared: int, s: int, epsilon: float) -> None:
    event = events.DiscreteGaussian(Fraction(sigma_squared), Fraction(s))
    found, truth = loss_compositions.delta_of(event, epsilon), gaussian_delta(float(sigma_squared), s, epsilon)
    assert found is not None
    assert truth * (1 - 1e-9) - 1e-20 <= found <= truth * 1.02 + 1e-9


@pytest.mark.parametrize("times", [1, 4, 50])
@pytest.mark.parametrize("delta", [1e-4, 1e-10])
def test_losses__gaussians_compose_to_a_gaussian(times: int, delta: float) -> None:
    found = loss_compositions.epsilon_of(events.Repeated(events.Gaussian(Fraction(5), ONE), times), delta)
    truth = gaussian.epsilon_for(5 / math.sqrt(times), delta)
    assert found is not None
    assert truth * (1 - 1e-9) <= found <= truth * (1 + 1e-4)


@pytest.mark.parametrize(("scale", "s"), [(3.0e6, 2**21), (1.0e9, 2**30)])
def test_losses__large_sums_are_told_by_groups_of_outcomes(scale: float, s: int) -> None:
    """Noise of a scale of many steps is hardly different from the real distribution."""
    for one, other in (
        (events.DiscreteLaplace(Fraction(scale), Fraction(s)), events.Laplace(Fraction(scale), Fraction(s))),
        (events.DiscreteGaussian(Fraction(scale) ** 2, Fraction(s)), events.Gaussian(Fraction(scale), Fraction(s))),
    ):
        by_groups = loss_compositions.epsilon_of(events.Repeated(one, 20), 1e-7)
        truth = loss_compositions.epsilon_of(events.Repeated(other, 20), 1e-7)
        assert by_groups is not None
        assert truth is not None
        assert truth * (1 - 1e-6) <= by_groups <= truth * 1.002


def sampled_delta(rate: float, epsilon: float) -> float:
    """Return the delta of one sampled Gaussian from that of the Gaussian, by change of variables.

    With x = exp(epsilon), removing: rate * D((x - 1 + rate) / rate); adding: w * D(x * rate / w), w = 1 - x (1 - rate).
    """
    x = math.exp(epsilon)
    removed = rate * gaussian.delta_for(1.0, math.log((x - 1 + rate) / rate))
    w = 1 - x * (1 - rate)
    return max(removed, w * gaussian.delta_for(1.0, math.log(x * rate / w)) if w > 0 else 0.0)


def integrated(rate: float, epsilon: float) -> float:
    """Return the same for a unit removed, by adding up outcomes."""
    x = np.linspace(-12, 13, 2_000_001)
    plain, moved = np.exp(-(x**2) / 2), np.exp(-((x - 1) ** 2) / 2)
    gap = np.maximum(0, (1 - rate) * plain + rate * moved - math.exp(epsilon) * plain)
    return float(gap.sum() * (x[1] - x[0]) / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("rate", [0.01, 0.3])
@pytest.mark.parametrize("epsilon", [0.005, 0.05, 0.5])
def test_losses__a_sample_both_ways(rate: float, epsilon: float) -> None:
    event = events.PoissonSampled(Fraction(str(rate)), events.Gaussian(ONE, ONE))
    truth, found = sampled_delta(rate, epsilon), loss_compositions.delta_of(event, epsilon)
    assert integrated(rate, epsilon) <= truth * (1 + 1e-6)
    assert found is not None
    assert truth * (1 - 1e-9) <= found <= truth * 1.001 + 1e-9


@pytest.mark.parametrize("sigma", [Fraction(1, 7), Fraction(1, 8)])
def test_losses__a_sample_with_little_noise_hides_nobody_who_is_in_it(sigma: Fraction) -> None:
    """Outcomes with and without the unit hardly overlap: whoever is drawn at least once of n times is seen."""
    rate, n = Fraction(1, 100), 3
    losses = losses_of(events.PoissonSampled(rate, events.Gaussian(sigma, ONE)))
    assert losses is not None
    assert losses.probability.sum() + losses.lost == pytest.approx(1, abs=1e-9)
    sampled = events.Repeated(events.PoissonSampled(rate, events.Gaussian(sigma, ONE)), n)
    seen = 1 - 0.99**n
    found = loss_compositions.delta_of(sampled, 1.0)
    assert found is not None
    assert seen * 0.99 <= found <= seen * 1.02


def test_losses__beyond_what_an_exponential_holds() -> None:
    """The least noise for a large epsilon is looked for where losses are above a thousand; other ways count there."""
    assert losses_of(events.PoissonSampled(Fraction(1, 2), events.Gaussian(Fraction(1, 50), ONE))) is None

    def three(scale: Fraction) -> events.Event:
        return events.Repeated(events.PoissonSampled(Fraction(1, 10**6), events.Gaussian(scale, ONE)), 3)

    delta = Fraction(1, 1000)
    scale = least_scale(three, epsilon=Fraction(20), delta=delta)
    assert privacy_spent(three(scale), delta=delta).epsilon <= 20


@given(st.integers(1, 30), st.sampled_from([1e-3, 1e-7]))
@settings(deadline=None, max_examples=20)
def test_losses__more_events_never_cost_less(times: int, delta: float) -> None:
    one, more = (
        loss_compositions.epsilon_of(events.Repeated(events.DiscreteLaplace(Fraction(4), ONE), n), delta)
        for n in (times, times + 1)
    )
    assert one is not None
    assert more is not None
    assert one <= more * (1 + 1e-9)


def test_losses__epsilon_and_delta_are_inverse() -> None:
    event = events.Composed((DISCRETE, events.DiscreteGaussian(Fraction(400), ONE), events.PureDP(Fraction(1, 2))))
    for delta in (1e-3, 1e-6, 1e-11):
        epsilon = loss_compositions.epsilon_of(event, delta)
        assert epsilon is not None
        assert loss_compositions.delta_of(event, epsilon) == pytest.approx(delta, rel=2e-2)


def test_losses__tiny_events_stay_small() -> None:
    """At epsilon = 0.01, of ten thousand events: the grid follows the losses, and memory its bound."""
    event = events.Repeated(events.DiscreteGaussian(Fraction(10**10), ONE), 10_000)
    found = loss_compositions.epsilon_of(event, 1e-6)
    assert found == pytest.approx(gaussian.epsilon_for(1000, 1e-6), rel=1e-3)


HOPELESS = {
    "rare and large": events.Repeated(
        events.PoissonSampled(Fraction(1, 1000), events.Laplace(Fraction(1, 20), ONE)), 1000
    ),
    "next to none and much": events.Composed(
        (
            events.Repeated(events.DiscreteGaussian(Fraction(1, 400), Fraction(2)), 1000),
            events.Repeated(events.Gaussian(Fraction(10), Fraction(1)), 2),
        )
    ),
    "one loss, as good as always": events.Repeated(events.DiscreteGaussian(Fraction(1, 400), Fraction(1)), 1000),
    "as large as all": events.Repeated(events.Laplace(Fraction(1, 20), ONE), 7),
    "many steps": events.Repeated(events.DiscreteLaplace(Fraction(1, 20), Fraction(10)), 50),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_losses__of_events_that_protect_nobody_take_no_more_memory(name: str) -> None:
    tracemalloc.start()
    try:
        epsilon = loss_compositions.epsilon_of(HOPELESS[name], 1e-6)
        delta = loss_compositions.delta_of(HOPELESS[name], 0.25)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20
    assert epsilon is not None
    assert delta is not None
    assert 1 < epsilon < math.inf
    assert 0 < delta <= 1
    found = loss_compositions.delta_of(HOPELESS[name], epsilon)
    assert found is not None
    assert found <= 1e-6 * (1 + 1e-6)


def test_losses__rare_and_large_are_those_of_who_is_in_a_sample() -> None:
    """With next to no noise whoever is in a sample is seen there, and nobody else: delta is the probability of it."""
    found = loss_compositions.delta_of(HOPELESS["rare and large"], 0.25)
    assert found == pytest.approx(1 - (1 - 1 / 1000) ** 1000, abs=1e-3)


def test_losses__as_large_as_they_always_are() -> None:
    """Noise of 1 / 20 is 0 but for a probability of exp(-200), and each loss then 1 / (2 sigma**2) = 200."""
    found = loss_compositions.epsilon_of(HOPELESS["one loss, as good as always"], 1e-3)
    assert found == pytest.approx(200_000, rel=1e-6)
    # What rounding is charged there, some 5e-10, is more than this delta: it is met a little further out.
    further = loss_compositions.epsilon_of(HOPELESS["one loss, as good as always"], 1e-12)
    assert further is not None
    assert found < further < found + 20


def test_grid__coarser_is_never_more_private_and_keeps_the_sums() -> None:
    losses = losses_of(events.PoissonSampled(Fraction(1, 10), events.Gaussian(Fraction(1, 2), ONE)))
    assert losses is not None
    grid = losses.on_grid(0.01)
    epsilons = np.linspace(-1, 6, 97)
    for times in (2, 7, 50):
        coarse = grid.coarser(times)
        assert coarse.step == pytest.approx(0.01 * times)
        assert coarse.probability.sum() == pytest.approx(grid.probability.sum(), rel=1e-12)
        assert (coarse.probability * np.exp(-coarse.loss)).sum() == pytest.approx(
            (grid.probability * np.exp(-grid.loss)).sum(), rel=1e-12
        )
        fine_delta, coarse_delta = (
            [float((one.probability * np.maximum(0.0, -np.expm1(e - one.loss))).sum()) for e in epsilons]
            for one in (grid, coarse)
        )
        assert (np.array(coarse_delta) >= np.array(fine_delta) - 1e-15).all()


def test_spent__every_way_is_told_and_the_least_taken() -> None:
    event = events.Repeated(events.DiscreteLaplace(Fraction(10), ONE), 100)
    spent = privacy_spent(event, delta=Fraction(1, 10**6))
    assert spent.ways.keys() == {"basic", "advanced", "concentrated", "renyi", "losses"}
    assert spent.way == "losses"
    assert spent.epsilon == min(spent.ways.values())
    assert spent.ways["basic"] == pytest.approx(10)
    # Each way uses all that those before it know, and more.
    assert spent.ways["losses"] <= spent.ways["renyi"] <= spent.ways["concentrated"]
    assert spent.ways["losses"] <= spent.ways["advanced"] <= spent.ways["basic"]


def test_spent__advanced_is_the_optimal_composition_of_pure_events() -> None:
    """Kairouz, Oh, Viswanath 2015, theorem 3.3, by its sum over i for epsilon = 0.1, 50 times."""
    e, k, delta = 0.1, 50, 1e-6
    found = privacy_spent(events.Repeated(events.PureDP(Fraction(1, 10)), k), delta=Fraction(1, 10**6)).ways["advanced"]
    options = []
    for i in range(k // 2 + 1):
        terms = (math.comb(k, j) * (math.exp((k - j) * e) - math.exp((k - 2 * i + j) * e)) for j in range(i))
        if sum(terms) / (1 + math.exp(e)) ** k <= delta:
            options.append((k - 2 * i) * e)
    assert found <= min(options) * (1 + 1e-6)
    assert found >= min(options) - 2 * e


def test_spent__parallel_events_cost_as_the_dearest() -> None:
    cheap, dear = events.PureDP(Fraction(1, 10)), events.PureDP(Fraction(2))
    spent = privacy_spent(events.Composed((events.Parallel((cheap, dear)), cheap)), delta=Fraction(0))
    assert spent.epsilon == pytest.approx(2.1)
    with pytest.raises(NumberError, match="64 ways"):
        privacy_spent(events.Composed((events.Parallel((cheap, dear)),) * 7), delta=Fraction(0))


@pytest.mark.parametrize("delta", [Fraction(-1), Fraction(1)])
def test_spent__delta_out_of_range(delta: Fraction) -> None:
    with pytest.raises(NumberError):
        privacy_spent(events.PureDP(ONE), delta=delta)


def test_odometer__holds_at_every_time_and_is_not_far_from_the_end() -> None:
    odometer, each = Odometer(Fraction(1, 10**6)), events.DiscreteGaussian(Fraction(100), ONE)
    before, told = 0.0, []
    for n in range(1, 60):
        odometer.spend(each)
        told.append(odometer.epsilon)
        # Never below what is known at a time that was fixed ahead.
        least = privacy_spent(events.Repeated(each, n), delta=Fraction(1, 10**6)).ways["concentrated"]
        assert max(before, least) <= told[-1] <= 2.2 * least
        before = told[-1]
    odometer.spend(events.ApproximateDP(ONE, Fraction(1, 10**6)))
    assert odometer.delta == Fraction(2, 10**6)
    assert Odometer(Fraction(1, 2)).epsilon == 0
    with pytest.raises(NumberError):
        Odometer(Fraction(0))


@pytest.mark.parametrize("number", [0, 10, 19])
def test_odometer__a_filter_that_is_exceeded_by_the_least_is_not_told(number: int) -> None:
    """All rhos above one filter and up to the next are under the next, also where floats take them for the first."""
    rho = LEAST_RHO * 2**number
    told: list[float] = []
    for spent in (rho, rho * (1 + Fraction(1, 1 << 70)), 2 * rho):
        odometer = Odometer(Fraction(1, 10**6))
        odometer.spend(events.DiscreteGaussian(1 / (2 * spent), ONE))
        told.append(odometer.epsilon)
    assert told[0] < told[1] == told[2]


def test_spent__a_sample_of_everybody_amplifies_nothing() -> None:
    event = events.FixedSizeSampled(10, 10, events.DiscreteLaplace(ONE, ONE))
    assert privacy_spent(event, delta=Fraction(0)).epsilon == pytest.approx(1)


def test_spent__a_sample_of_fixed_size_amplifies() -> None:
    event = events.FixedSizeSampled(10, 1000, events.DiscreteLaplace(ONE, ONE))
    spent = privacy_spent(event, delta=Fraction(0))
    assert spent.epsilon == pytest.approx(math.log1p(0.01 * math.expm1(1)))
    many = privacy_spent(events.Repeated(event, 1000), delta=Fraction(1, 10**6))
    assert many.epsilon < 1000 * spent.epsilon
    assert many.way == "losses"
    with pytest.raises(NumberError, match="share of the units"):
        privacy_spent(events.FixedSizeSampled(0, 10, event), delta=Fraction(0))


def test_spent__a_poisson_sample_of_a_pure_event() -> None:
    """The distribution knows more than the amplified epsilon, and never less."""
    event = events.PoissonSampled(Fraction(1, 10), events.DiscreteLaplace(Fraction(2), Fraction(3)))
    spent = privacy_spent(events.Repeated(event, 20), delta=Fraction(1, 10**6))
    assert spent.ways["losses"] <= spent.ways["advanced"] * (1 + 1e-6) <= spent.ways["basic"] * (1 + 1e-6)


def test_events__read_what_they_write() -> None:
    event = events.Composed((LAPLACE, DISCRETE, SAMPLED, events.Parallel((events.ApproximateDP(ONE, Fraction(1, 3)),))))
    text = events.to_json(event)
    assert events.from_json(text) == event
    assert json.loads(text)["events"][0]["event"]["scale"] == "10"
    with pytest.raises(Exception, match="number"):
        events.from_json('{"kind":"pure","epsilon":0.5}')


def test_grid__keeps_the_sums_of_both_tables() -> None:
    for event in (
        events.Laplace(Fraction(2), ONE),
        events.Gaussian(ONE, ONE),
        events.DiscreteLaplace(Fraction(2), Fraction(3)),
    ):
        losses = losses_of(event)
        assert losses is not None
        grid = losses.on_grid(0.01)
        assert grid.probability.min() >= 0
        assert grid.probability.sum() == pytest.approx(1, abs=1e-12)
        assert (grid.probability * np.exp(-grid.loss)).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("make", "delta"),
    [
        (lambda scale: events.Repeated(events.DiscreteLaplace(scale, ONE), 20), Fraction(1, 10**6)),
        (lambda scale: events.Repeated(events.Gaussian(scale, ONE), 7), Fraction(1, 10**5)),
        (
            lambda scale: events.Repeated(events.PoissonSampled(Fraction(1, 50), events.Gaussian(scale, ONE)), 200),
            Fraction(1, 10**5),
        ),
        (lambda scale: events.Laplace(scale, ONE), Fraction(0)),
    ],
)
def test_least_scale__suffices_and_little_less_does_not(
    make: Callable[[Fraction], events.Event], delta: Fraction
) -> None:
    scale = least_scale(make, epsilon=ONE, delta=delta)
    assert privacy_spent(make(scale), delta=delta).epsilon <= 1
    assert privacy_spent(make(scale / (1 + PRECISION)), delta=delta).epsilon > 1


def test_least_scale__of_one_gaussian_is_the_analytic_sigma() -> None:
    for epsilon, delta in ((ONE, Fraction(1, 10**5)), (Fraction(1, 10), Fraction(1, 10**6))):
        found = least_scale(lambda scale: events.Gaussian(scale, ONE), epsilon=epsilon, delta=delta)
        assert 0.999 < found / gaussian.sigma_for(epsilon, delta) < 1.0025


def test_least_scale__up_to_the_largest_target() -> None:
    """Laplace noise costs sensitivity / scale."""
    found = least_scale(lambda scale: events.Laplace(scale, ONE), epsilon=Fraction(10_000), delta=Fraction(0))
    assert 1 <= found * 10_000 <= 1 + PRECISION
    with pytest.raises(NumberError, match="an epsilon above 10000"):
        least_scale(lambda scale: events.Laplace(scale, ONE), epsilon=Fraction(10_001), delta=Fraction(0))


def test_least_scale__refuses_what_no_noise_meets() -> None:
    costly = events.PureDP(Fraction(2))
    with pytest.raises(NumberError, match="some part costs more"):
        least_scale(lambda scale: events.Composed((costly, events.Laplace(scale, ONE))), epsilon=ONE, delta=Fraction(0))
    with pytest.raises(NumberError, match="epsilon above 0"):
        least_scale(lambda scale: events.Laplace(scale, ONE), epsilon=Fraction(0), delta=Fraction(0))
