"""The truncated geometric rule: its probabilities in closed form, and the work they take."""

import math
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shoal_engine.differential.queries import truncated_geometric
from shoal_engine.differential.queries.truncated_geometric import TruncatedGeometric
from shoal_engine.randomness import Keystream

STREAM = Keystream._of_key(bytes(range(32)), bytes(16))
PI = [0.02, 0.052974425414, 0.107340061983, 0.19697384339, 0.344754965369, 0.588404844583]
PI += [0.762485532044, 0.868070806254, 0.932111512276, 0.970954163948, 0.994513423092, 1.0]


def recurrence(rule: TruncatedGeometric, most: int) -> list[mpmath.mpf]:
    """Return p(0) to p(most) step by step, as the rule is defined."""
    with mpmath.workdps(120):
        epsilon, delta = (mpmath.mpf(one.numerator) / one.denominator for one in (rule.epsilon, rule.delta))
        x, found = mpmath.exp(epsilon), [mpmath.mpf(0)]
        for _ in range(most):
            p = found[-1]
            found.append(min(x * p + delta, 1 - (1 - p - delta) / x, mpmath.mpf(1)))
        return found


def test_bounds__known_probabilities() -> None:
    """Desfontaines, Voss, Gipson 2022: epsilon = 1/2, delta = 1/50."""
    rule = TruncatedGeometric(Fraction(1, 2), Fraction(1, 50))
    for bits in (40, 64, 128):
        found = [rule.bounds(n, bits) for n in range(14)]
        assert [low / 2**bits for low, _ in found[1:13]] == pytest.approx(PI, abs=1e-11)
        assert found[0] == (0, 0)
        assert found[12] == found[13] == (1 << bits, 1 << bits)
        assert all(0 <= high - low <= 1 for low, high in found)


@given(
    epsilon=st.one_of(st.fractions(Fraction(1, 200), Fraction(20)), st.sampled_from([Fraction(500), Fraction(10**9)])),
    delta=st.sampled_from([Fraction(1, 3), Fraction(9, 10), Fraction(1, 10**7), Fraction(1, 10**40)]),
)
@settings(deadline=None, max_examples=60)
def test_bounds__enclose_the_recurrence(epsilon: Fraction, delta: Fraction) -> None:
    rule = TruncatedGeometric(epsilon, delta)
    with mpmath.workdps(120):
        # exp(10**9) is so large that two units are kept for certain, but for less than can be told here.
        short = [mpmath.mpf(0), mpmath.mpf(delta.numerator) / delta.denominator, mpmath.mpf(1)]
        for n, p in enumerate(recurrence(rule, 60) if epsilon < 10**6 else short):
            low, high = rule.bounds(n, 100)
            assert low <= p * 2**100 + mpmath.mpf(10) ** -60
            assert p * 2**100 <= high + mpmath.mpf(10) ** -60
            assert high - low <= 1


@given(
    epsilon=st.sampled_from([Fraction(1, 10**5), Fraction(1, 100), Fraction(1), Fraction(30), Fraction(10**400)]),
    delta=st.sampled_from([Fraction(1, 3), Fraction(1, 10**7), Fraction(1, 10**150)]),
)
@settings(deadline=None)
def test_floats__err_by_less_than_the_margin(epsilon: Fraction, delta: Fraction) -> None:
    rule = TruncatedGeometric(epsilon, delta)
    crossing = truncated_geometric._crossing(rule)
    sizes = [1, 2, 3, crossing // 2, crossing - 1, crossing, crossing + 1, 2 * crossing, 10**6, 1 << 32]
    n = np.array([size for size in sizes if size > 0], np.int64)
    for size, p in zip(n.tolist(), rule._by_floats(n).tolist(), strict=True):
        low, high = (end / 2**64 for end in rule.bounds(size, 64))
        assert low - 2.0**-31 <= min(p, 1.0) <= high + 2.0**-31


@given(epsilon=st.fractions(Fraction(1, 50), Fraction(3)), delta=st.sampled_from([Fraction(1, 10), Fraction(1, 10**7)]))
@settings(deadline=None, max_examples=30)
def test_bounds__are_private_for_one_unit_more_or_less(epsilon: Fraction, delta: Fraction) -> None:
    rule = TruncatedGeometric(epsilon, delta)
    most = rule.least_kept(Fraction(1)) + 2
    probabilities = [rule.bounds(n, 128)[0] / 2**128 for n in range(most)]
    assert probabilities[-1] == 1
    for fewer, more in pairwise(probabilities):
        grown, d = math.exp(float(epsilon)), float(delta)
        assert fewer <= more <= grown * fewer + d + 1e-12
        assert 1 - fewer <= grown * (1 - more) + d + 1e-12


def test_keep__by_its_probabilities() -> None:
    rule, each = TruncatedGeometric(Fraction(1, 2), Fraction(1, 50)), 40_000
    n = np.repeat(np.arange(14), each)
    kept = rule.keep(n, STREAM).reshape(14, each).sum(axis=1)
    for size, seen in enumerate(kept.tolist()):
        chance = ([0.0, *PI, 1.0])[size]
        assert stats.binomtest(seen, each, chance).pvalue > 1e-6


@pytest.mark.parametrize("tiny", [Fraction(1, 10**250), Fraction(1, 10**300)])
def test_keep__decides_exactly_where_floats_tell_nothing(tiny: Fraction) -> None:
    rule = TruncatedGeometric(tiny, tiny)
    assert not rule.keep(np.array([0, 1, 10**9]), STREAM).any()


@pytest.mark.parametrize("epsilon", [Fraction(1, 10**5), Fraction(1, 10**250), Fraction(1)])
def test_keep__takes_as_many_steps_for_any_number_of_units(epsilon: Fraction, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every exponential that exact arithmetic takes is counted: of groups of 1 to 2**32 units, each alone."""
    calls: list[int] = []
    original = truncated_geometric.exp_bounds

    def counted(x: Fraction, bits: int) -> tuple[int, int]:
        calls.append(bits)
        return original(x, bits)

    monkeypatch.setattr(truncated_geometric, "exp_bounds", counted)
    rule = TruncatedGeometric(epsilon, Fraction(1, 10**9))
    rule.keep(np.array([1]), STREAM)  # finds the crossing, which is the rule's alone
    taken: list[int] = []
    for units in (2, 1_000, 300_000, 1 << 32):
        calls.clear()
        rule.keep(np.full(50, units), STREAM)
        taken.append(len(calls))
    # Where floats decide, none; else those of both sides of the crossing.
    assert max(taken) <= (200 if epsilon < Fraction(1, 10**200) else 0)
