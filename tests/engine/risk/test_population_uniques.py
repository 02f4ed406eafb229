import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import optimize, stats

from naive.pitman_population import pitman_population
from shoal_engine.errors import PolicyError
from shoal_engine.risk.population_uniques import ESTIMATORS, Estimator, population_uniques, zayatz
from shoal_engine.risk.superpopulation_models import _alpha, _excess, pitman, shlosser

N = 20_000
SIZE, COUNT = np.array([1, 2, 3, 5, 9]), np.array([60, 25, 12, 7, 2])


def histogram(classes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.bincount(classes)
    return np.unique(sizes[sizes > 0], return_counts=True)


@pytest.mark.parametrize(("theta", "alpha"), [(50.0, 0.3), (10.0, 0.6), (500.0, 0.1)])
@pytest.mark.parametrize(
    ("estimator", "fraction", "off_by"),
    [("pitman", 0.1, 1.5), ("pitman", 0.5, 1.35), ("zayatz", 0.5, 1.35), ("snb", 0.5, 1.5), ("dankar", 0.5, 1.35)],
)
def test_population_uniques__near_the_truth_of_drawn_populations(
    theta: float, alpha: float, estimator: Estimator, fraction: float, off_by: float
) -> None:
    """The mean of 5 samples lies within a factor of the truth, and nearer than the share of unique sample rows."""
    random = np.random.default_rng(11)
    people = pitman_population(N, theta, alpha, random)
    size, count = histogram(people)
    truth = count[0] / N
    estimates, plain = [], []
    for _ in range(5):
        sample = random.permutation(people)[: int(N * fraction)]
        size, count = histogram(list(sample))
        plain.append(count[0] / len(sample))
        estimates.append(population_uniques(size, count, sampling_fraction=fraction, estimator=estimator))
    assert truth / off_by < np.mean(estimates) < truth * off_by
    assert abs(math.log(np.mean(estimates) / truth)) < abs(math.log(np.mean(plain) / truth))


def test_pitman__is_the_peak_of_the_likelihood() -> None:
    rows, classes, people = int(SIZE @ COUNT), int(COUNT.sum()), 5000.0

    def loss(at: np.ndarray) -> float:
        theta, alpha = float(at[0]), float(at[1])
        if not (0 < alpha < 1 and theta > -alpha):
            return math.inf
        value = sum(math.log(theta + i * alpha) for i in range(1, classes))
        value -= sum(math.log(theta + i) for i in range(1, rows))
        value += sum(s * math.log(i - alpha) for j, s in zip(SIZE, COUNT, strict=True) for i in range(1, j))
        return -value

    best = optimize.minimize(loss, [50.0, 0.3], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x
    uniques = math.gamma(best[0] + 1) / math.gamma(best[0] + best[1]) * people ** best[1]
    assert pitman(SIZE, COUNT, people) == pytest.approx(uniques, rel=1e-4)


def test_zayatz__bayes_rule_over_hypergeometric_chances() -> None:
    rows, people = int(SIZE @ COUNT), 1000
    one = stats.hypergeom(people, SIZE, rows).pmf(1)
    expected = COUNT[0] * (COUNT[0] * one[0] / (COUNT @ one)) * people / rows
    assert zayatz(SIZE, COUNT, float(people)) == pytest.approx(expected, rel=1e-9)


def test_shlosser__in_fractions() -> None:
    f = Fraction(1, 5)
    pairs = [(int(i), int(s)) for i, s in zip(SIZE, COUNT, strict=True)]
    square = sum(i * f**2 * (1 - f**2) ** (i - 1) * s for i, s in pairs)
    spread = sum((1 - f) ** i * ((1 + f) ** i - 1) * s for i, s in pairs)
    missed, once = sum((1 - f) ** i * s for i, s in pairs), sum(i * f * (1 - f) ** (i - 1) * s for i, s in pairs)
    expected = sum(s for _, s in pairs) + pairs[0][1] * (square / spread) * (missed / once) ** 2
    assert shlosser(SIZE, COUNT, 0.2) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(("alpha", "beta", "f"), [(0.4, 0.1, 0.2), (2.5, 0.3, 0.5), (1.0, 0.02, 0.05)])
def test_slide_negative_binomial__solves_its_own_expectations(alpha: float, beta: float, f: float) -> None:
    """A class holds one more than a negative binomial number, each of its people sampled with chance f."""
    others = np.arange(20_000)
    share = stats.nbinom(alpha, beta).pmf(others)
    classes = 1000.0
    ones, twos = (classes * float(share @ stats.binom(others + 1, f).pmf(i)) for i in (1, 2))
    assert _alpha(np.array(beta), twos / ones, f) == pytest.approx(alpha, rel=1e-6)
    assert _excess(classes, ones, twos, f)(np.array(math.log(beta / (1 - beta)))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("fraction", [1e-6, 0.05, 0.5, 0.999])
def test_population_uniques__large_classes(estimator: Estimator, fraction: float) -> None:
    size, count = np.array([1, 2, 3, 5000, 900_000]), np.array([50, 30, 20, 3, 1])
    share = population_uniques(size, count, sampling_fraction=fraction, estimator=estimator)
    assert 0 <= share <= 1 or (estimator == "snb" and math.isnan(share))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_population_uniques__sample_of_everyone_is_counted(estimator: Estimator) -> None:
    share = population_uniques(SIZE, COUNT, sampling_fraction=1.0, estimator=estimator)
    assert share == pytest.approx(60 / int(SIZE @ COUNT))


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1, math.nan])
def test_population_uniques__no_fraction(fraction: float) -> None:
    with pytest.raises(PolicyError, match="sampling_fraction"):
        population_uniques(SIZE, COUNT, sampling_fraction=fraction, estimator="pitman")


def test_population_uniques__no_pairs_leave_the_slide_negative_binomial_without_estimate() -> None:
    size, count = np.array([1, 3]), np.array([3, 1])
    assert math.isnan(population_uniques(size, count, sampling_fraction=0.3, estimator="snb"))
    by_rule = population_uniques(size, count, sampling_fraction=0.3, estimator="dankar")
    assert by_rule == population_uniques(size, count, sampling_fraction=0.3, estimator="zayatz")
