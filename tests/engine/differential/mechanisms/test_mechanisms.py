"""Mechanisms against their distributions: choices enumerated, noise by its tails, sparse vector by convolution."""

import math
from collections import Counter
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shoal_engine.differential import events
from shoal_engine.differential.accounting.concentrated import rho_of
from shoal_engine.differential.mechanisms.additive import GaussianNoise, LaplaceNoise
from shoal_engine.differential.mechanisms.randomized_response import RandomizedResponse
from shoal_engine.differential.mechanisms.selection import AboveThreshold, Exponential, NoisyMax, PermuteAndFlip
from shoal_engine.errors import InputError, NumberError
from shoal_engine.randomness import Keystream

DRAWS = 20_000
"""At this many a chance that is off by a tenth of itself is seen with more than 99 % where it is a fifth or more."""
SCORES = [0, 3, 5, 5, -40]
STREAM = Keystream._of_key(bytes(range(32)), bytes(16))


def weights(scores: list[int], epsilon: float, sensitivity: int) -> np.ndarray:
    weight = np.exp(epsilon * (np.array(scores) - max(scores)) / (2 * sensitivity))
    return weight / weight.sum()


def fits(seen: Counter[int], distribution: np.ndarray) -> bool:
    observed = np.array([seen[place] for place in range(distribution.size)], np.float64)
    likely = distribution * observed.sum() > 5
    expected = np.append(distribution[likely], distribution[~likely].sum()) * observed.sum()
    counted = np.append(observed[likely], observed[~likely].sum())
    kept = expected > 0
    return (
        float(stats.chisquare(counted[kept], expected[kept] * counted[kept].sum() / expected[kept].sum()).pvalue) > 1e-6
    )


@pytest.mark.parametrize("epsilon", [Fraction(1), Fraction(1, 7), Fraction(5)])
def test_exponential__chooses_by_its_distribution(epsilon: Fraction) -> None:
    mechanism = Exponential(epsilon, 2)
    seen = Counter(mechanism.choose(SCORES, STREAM) for _ in range(DRAWS))
    assert fits(seen, weights(SCORES, float(epsilon), 2))


@given(
    st.lists(st.integers(-50, 50), min_size=1, max_size=12),
    st.fractions(Fraction(1, 100), Fraction(20)),
    st.integers(0, 2**128 - 1),
)
@settings(deadline=None)
def test_exponential__floats_tell_what_exact_arithmetic_tells(scores: list[int], epsilon: Fraction, drawn: int) -> None:
    mechanism = Exponential(epsilon)
    by_floats = mechanism._by_floats(np.array(scores), drawn)
    weight = [math.exp(-float(gap)) for gap in mechanism._gaps(scores)]
    if by_floats is not None:
        place = drawn / 2**128 * sum(weight)
        assert sum(weight[:by_floats]) <= place * (1 + 1e-9)
        assert place <= sum(weight[: by_floats + 1]) * (1 + 1e-9)


def test_exponential__exact_path_has_the_same_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exponential, "_by_floats", lambda self, scores, drawn: None)
    seen = Counter(Exponential(Fraction(1)).choose(SCORES, STREAM) for _ in range(4000))
    assert fits(seen, weights(SCORES, 1.0, 1))


def test_permute_and_flip__chooses_by_its_distribution() -> None:
    """The distribution by definition: over all orders, the first candidate whose coin falls heads."""
    scores = [0, 3, 5, 5]
    heads = [math.exp((score - 5) / 2) for score in scores]
    distribution = np.zeros(4)
    for order in permutations(range(4)):
        left = 1 / math.factorial(4)
        for candidate in order:
            distribution[candidate] += left * heads[candidate]
            left *= 1 - heads[candidate]
    seen = Counter(PermuteAndFlip(Fraction(1)).choose(scores, STREAM) for _ in range(DRAWS))
    assert fits(seen, distribution)


def test_noisy_max__chooses_by_its_distribution() -> None:
    scores, size = [0, 3, 5, 5], np.arange(-80, 81)
    mass = np.exp(-np.abs(size) / 2)
    mass /= mass.sum()
    at_most = [dict(zip((size + score).tolist(), np.cumsum(mass), strict=True)) for score in scores]
    distribution = np.zeros(4)
    for winner, score in enumerate(scores):
        for noise, chance in zip(size.tolist(), mass, strict=True):
            top = score + noise
            # Those before it have to be below, those behind it at most equal.
            others = [at_most[j].get(top - (j < winner), 1.0 if top > 40 else 0.0) for j in range(4) if j != winner]
            distribution[winner] += chance * math.prod(others)
    seen = Counter(NoisyMax(Fraction(1)).choose(scores, STREAM) for _ in range(DRAWS))
    assert fits(seen, distribution / distribution.sum())


def test_choices__are_told_to_accountants_as_what_they_are() -> None:
    half = Fraction(1, 2)
    assert rho_of(Exponential(half).event()) == half**2 / 8
    assert rho_of(PermuteAndFlip(half).event()) == rho_of(NoisyMax(half).event()) == half**2 / 2


@pytest.mark.parametrize("kind", [Exponential, PermuteAndFlip, NoisyMax])
def test_choices__refuse_what_cannot_be_chosen(kind: type[Exponential]) -> None:
    with pytest.raises(InputError, match="at least one candidate"):
        kind(Fraction(1)).choose([], STREAM)
    with pytest.raises(NumberError, match="above 0"):
        kind(Fraction(0))
    with pytest.raises(NumberError, match="sensitivity"):
        kind(Fraction(1), 0)


@pytest.mark.parametrize("scale", [Fraction(1, 5), Fraction(1), Fraction(10, 3), Fraction(1000)])
@pytest.mark.parametrize("chance", [0.05, 0.01])
def test_laplace_noise__width_and_deviation(scale: Fraction, chance: float) -> None:
    noise, size = LaplaceNoise(scale), np.arange(0, 60_000)
    mass = np.exp(-size / float(scale))
    whole = 2 * mass.sum() - 1
    assert noise.std == pytest.approx(math.sqrt(2 * (mass * size.astype(float) ** 2).sum() / whole), rel=1e-9)
    width = noise.half_width(chance)
    beyond = 2 * mass[width + 1 :].sum() / whole
    assert beyond <= chance * (1 + 1e-9)
    assert width == 0 or 2 * mass[width:].sum() / whole > chance


@pytest.mark.parametrize("sigma", [Fraction(1, 5), Fraction(1), Fraction(10, 3), Fraction(1000), Fraction(30_000)])
def test_gaussian_noise__width_and_deviation(sigma: Fraction) -> None:
    noise, size = GaussianNoise(sigma**2), np.arange(0, 300_000)
    mass = np.exp(-(size.astype(float) ** 2) / (2 * float(sigma) ** 2))
    whole = 2 * mass.sum() - 1
    assert noise.std >= math.sqrt(2 * (mass * size.astype(float) ** 2).sum() / whole) * (1 - 1e-9)
    width = noise.half_width(0.05)
    assert 2 * mass[width + 1 :].sum() / whole <= 0.05
    assert width <= math.ceil(1.96 * float(sigma)) + 1


def test_noise__costs_what_was_asked_for() -> None:
    assert LaplaceNoise.of_budget(Fraction(1, 3), 5).event(5) == events.DiscreteLaplace(Fraction(15), Fraction(5))
    assert rho_of(GaussianNoise.of_budget(Fraction(1, 3), 25).event(5)) == Fraction(1, 3)
    for make in (lambda: LaplaceNoise.of_budget(Fraction(0), 1), lambda: GaussianNoise(Fraction(-1))):
        with pytest.raises(NumberError, match="above 0"):
            make()


def test_noise__keeps_shapes_and_adds() -> None:
    values = np.arange(6, dtype=np.int64).reshape(2, 3)
    for noise in (LaplaceNoise(Fraction(1, 1000)), GaussianNoise(Fraction(1, 10**6))):
        assert noise.add(values, STREAM).tolist() == values.tolist()


def above_distribution(answers: list[int], threshold: int, epsilon: float) -> np.ndarray:
    """Return the chance that the i-th question is the first above, and that none is, by summing over all noise."""
    size = np.arange(-400, 401)

    def mass(scale: float) -> np.ndarray:
        weight = np.exp(-np.abs(size) / scale)
        return weight / weight.sum()

    of_threshold, of_answer = mass(2 / epsilon), np.cumsum(mass(4 / epsilon))
    distribution = np.zeros(len(answers) + 1)
    for noise, chance in zip(size.tolist(), of_threshold, strict=True):
        left = chance
        for i, answer in enumerate(answers):
            # Noise of at most threshold + noise - answer leaves the answer at or below.
            at_most = of_answer[np.clip(threshold + noise - answer + 400, 0, 800)]
            distribution[i] += left * (1 - at_most)
            left *= at_most
        distribution[-1] += left
    return distribution


def test_above_threshold__stops_by_its_distribution() -> None:
    answers, seen = [0, 8, 4, 12], Counter[int]()
    for _ in range(DRAWS):
        asked = AboveThreshold(Fraction(1), threshold=10).begin(STREAM)
        seen[next((i for i, answer in enumerate(answers) if asked.is_above(answer)), 4)] += 1
    assert fits(seen, above_distribution(answers, 10, 1.0))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=5), st.data())
@settings(deadline=None, max_examples=25)
def test_above_threshold__is_private_for_any_number_of_questions(answers: list[int], data: st.DataObject) -> None:
    moved = [answer + data.draw(st.integers(-1, 1)) for answer in answers]
    ratio = above_distribution(answers, 10, 1.0) / above_distribution(moved, 10, 1.0)
    assert ratio.max() <= math.exp(1.0) * (1 + 1e-9)


def test_above_threshold__is_over_after_the_first() -> None:
    asked = AboveThreshold(Fraction(100), threshold=0).begin(STREAM)
    assert asked.is_above(1000)
    with pytest.raises(RuntimeError, match="charge again"):
        asked.is_above(0)


@pytest.mark.parametrize("k", [2, 5])
def test_randomized_response__keeps_and_changes_by_its_distribution(k: int) -> None:
    mechanism = RandomizedResponse(Fraction(1), k)
    told = mechanism.respond(np.full(200_000, 1), STREAM)
    keep = math.e / (math.e + k - 1)
    distribution = np.full(k, (1 - keep) / (k - 1))
    distribution[1] = keep
    assert fits(Counter(told.tolist()), distribution)
    assert mechanism.estimate(told)[1] == pytest.approx(1, abs=0.02)
    assert mechanism.estimate(told).sum() == pytest.approx(1)


@given(st.fractions(Fraction(1, 1000), Fraction(50)), st.integers(2, 1000), st.sampled_from([8, 64, 200]))
def test_randomized_response__chance_lies_within_its_bounds(epsilon: Fraction, k: int, bits: int) -> None:
    low, high = RandomizedResponse(epsilon, k)._keep_probability(bits)
    chance = 1 / (1 + (k - 1) * math.exp(-float(epsilon)))
    assert low <= chance * 2**bits * (1 + 1e-9)
    assert high >= chance * 2**bits * (1 - 1e-9)
    assert high - low <= 2


def test_randomized_response__refuses_unknown_answers() -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        RandomizedResponse(Fraction(1)).respond(np.array([0, 2]), STREAM)
    with pytest.raises(NumberError, match="two answers"):
        RandomizedResponse(Fraction(1), 1)
