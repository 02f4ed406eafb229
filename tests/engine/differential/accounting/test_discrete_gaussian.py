"""Gaussian noise of queries: what is claimed holds for the discrete distribution, summed outcome by outcome."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from shoal_engine.differential.accounting import gaussian
from shoal_engine.differential.accounting.accountant import privacy_spent
from shoal_engine.differential.accounting.concentrated import rho_for
from shoal_engine.differential.accounting.gaussian import Moved, _by_theorem, variances
from shoal_engine.differential.queries.aggregates import Count
from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.budget import QueryBudget
from shoal_engine.differential.queries.moments import Mean
from shoal_engine.differential.queries.private_group_by import GroupQuery

ONE = Fraction(1)
TARGETS = [("1", "1e-6"), ("1/10", "1e-3"), ("3", "1e-6"), ("1/2", "1e-9"), ("8", "1e-5")]


def hockey_stick(noises: list[tuple[float, int]], epsilon: float) -> float:
    """Sum max(0, P - exp(epsilon) Q) over all outcomes of discrete Gaussian noises (variance, shift)."""
    ranges = [
        np.arange(-math.ceil(9 * math.sqrt(v)) - abs(s) - 3, math.ceil(9 * math.sqrt(v)) + abs(s) + 4)
        for v, s in noises
    ]
    total = np.zeros((1,) * len(noises))
    moved = np.zeros((1,) * len(noises))
    for axis, (z, (variance, shift)) in enumerate(zip(ranges, noises, strict=True)):
        shape = [1] * len(noises)
        shape[axis] = len(z)
        norm = math.log(np.exp(-(np.arange(-4000.0, 4001.0) ** 2) / (2 * variance)).sum())
        total = total - (z.reshape(shape) ** 2) / (2 * variance) - norm
        moved = moved - ((z.reshape(shape) + shift) ** 2) / (2 * variance) - norm
    return float(np.maximum(0.0, np.exp(total) - math.exp(epsilon) * np.exp(moved)).sum())


@pytest.mark.parametrize(("epsilon", "delta"), TARGETS)
@pytest.mark.parametrize("sensitivity", [1, 3])
def test_variances__one_number_is_private_by_its_exact_sum(epsilon: str, delta: str, sensitivity: int) -> None:
    e, d = Fraction(epsilon), Fraction(delta)
    (variance,) = variances(e, d, (Moved(sensitivity, 1, 1, ONE),)) or ()
    for shift in range(-sensitivity, sensitivity + 1):
        assert hockey_stick([(float(variance), shift)], float(e)) <= float(d) * (1 + 1e-9)


@pytest.mark.parametrize(("epsilon", "delta"), [("3", "1e-6"), ("8", "1e-5"), ("2", "1e-3")])
def test_variances__several_numbers_are_private_by_their_exact_sum(epsilon: str, delta: str) -> None:
    """A count in two groups and another number that moves by up to 2: every change that neighbors can make."""
    e, d = Fraction(epsilon), Fraction(delta)
    parts = (Moved(1, 2, 2, Fraction(2, 3)), Moved(2, 1, 1, Fraction(1, 3)))
    count, other = map(float, variances(e, d, parts) or ())
    for a, b, c in itertools.product((-1, 0, 1), (0, 1), (-2, -1, 1, 2)):
        assert hockey_stick([(count, a), (count, b), (other, c)], float(e)) <= float(d) * (1 + 1e-9)


@pytest.mark.parametrize(("epsilon", "delta"), [("3", "1e-6"), ("8", "1e-5")])
def test_variances__an_exchange_is_private_by_its_exact_sum(epsilon: str, delta: str) -> None:
    """One unit for another: two numbers move by 1, or one by 2; both are within the squared length of 4."""
    e, d = Fraction(epsilon), Fraction(delta)
    (variance,) = map(float, variances(e, d, (Moved(2, 1, 2, ONE),)) or ())
    for change in ((2, 0), (1, 1), (1, -1), (0, 2)):
        assert hockey_stick([(variance, one) for one in change], float(e)) <= float(d) * (1 + 1e-9)


@pytest.mark.parametrize(("epsilon", "delta"), [("3", "1e-6"), ("2", "1e-3")])
def test_variances__beside_wide_noise_are_private_whatever_is_tried(
    epsilon: str, delta: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least of many narrow noises that is taken, most of them too narrow, is private with the wide one."""
    monkeypatch.setattr(gaussian, "_ADDITIONS", tuple(Fraction(i, 10) for i in range(-30, 3)))
    e, d = Fraction(epsilon), Fraction(delta)
    parts = (Moved(1, 1, 1, Fraction(1, 2)), Moved(10, 1, 1, Fraction(1, 2)))
    narrow, wide = map(float, variances.__wrapped__(e, d, parts) or ())
    assert narrow < gaussian._NARROW <= wide
    reached = max(hockey_stick([(narrow, 1), (wide, change)], float(e)) for change in (-10, 0, 10))
    assert float(d) / 2 < reached <= float(d)


@pytest.mark.parametrize(("epsilon", "delta"), TARGETS)
def test_theorem__bounds_the_exact_sum(epsilon: str, delta: str) -> None:
    e, d = Fraction(epsilon), Fraction(delta)
    for n in (1, 2):
        tau_squared, added = _by_theorem(e, d, n) or (ONE, ONE)
        if n == 2 and tau_squared > 400:
            continue
        variance = float(n * tau_squared + added)
        assert hockey_stick([(variance, 1)] * n, float(e)) <= float(d)


@pytest.mark.parametrize(("epsilon", "delta"), TARGETS)
@pytest.mark.parametrize("groups", [1, 4, 50])
def test_variances__are_near_the_analytic_ones_and_below_the_concentrated(
    epsilon: str, delta: str, groups: int
) -> None:
    e, d = Fraction(epsilon), Fraction(delta)
    (found,) = variances(e, d, (Moved(1, groups, groups, ONE),)) or ()
    analytic, concentrated = gaussian.sigma_for(e, d) ** 2 * groups, groups / (2 * rho_for(e, d))
    assert analytic <= found * (1 + Fraction(1, 50))
    assert found <= analytic * (1 + Fraction(1, 1000)) + 1
    # Where noise is less than a step neither is the discrete distribution's, and the query takes the smaller.
    assert math.sqrt(found / concentrated) < 0.99 or found < 1
    if found > 20:
        assert math.sqrt(found / concentrated) < 0.97


@pytest.mark.parametrize("neighbors", ["add-remove", "change-one"])
def test_allot__gaussian_noise_is_less_than_by_rho_and_costs_no_more_than_asked(neighbors: str) -> None:
    bounds = (Fraction(0), Fraction(100))
    query = GroupQuery(("key",), (Count(), Mean("x", bounds, "m")), ("who",), Bounds(3, 2), None, neighbors)  # pyright: ignore[reportArgumentType]
    budget = QueryBudget(Fraction(1), delta=Fraction(1, 10**6))
    _, *noise = query.allot(budget, "gaussian").event.events
    # A third of epsilon goes to the choice of keys, and half of delta.
    spent = privacy_spent(type(query.allot(budget, "gaussian").event)(tuple(noise)), delta=Fraction(1, 2 * 10**6))
    assert spent.epsilon <= 2 / 3 * (1 + 1e-6)
    assert spent.ways["concentrated"] > 2 / 3 * 1.02
