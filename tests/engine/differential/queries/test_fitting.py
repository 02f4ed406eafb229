"""Queries on coarser grids: as coarse as the widest noise asks for, and no coarser."""

from fractions import Fraction

import pytest

from shoal_engine.differential.mechanisms.additive import GaussianNoise, LaplaceNoise
from shoal_engine.differential.queries.aggregates import Count
from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.budget import QueryBudget
from shoal_engine.differential.queries.fitting import _bits_beyond, fit
from shoal_engine.differential.queries.moments import Mean, Sum, Variance
from shoal_engine.differential.queries.private_group_by import GroupQuery
from shoal_engine.differential.samplers.distributions import LARGEST_SCALE
from shoal_engine.errors import NumberError

BOUNDS = (Fraction(0), Fraction(1))


@pytest.mark.parametrize("bits", [0, 1, 2, 7, 40])
def test_bits_beyond__are_the_least_that_bring_noise_within_the_widest(bits: int) -> None:
    widest = Fraction(LARGEST_SCALE * 2**bits)
    assert _bits_beyond(LaplaceNoise(widest)) == bits
    assert _bits_beyond(LaplaceNoise(widest + 1)) == bits + 1
    assert _bits_beyond(GaussianNoise(widest**2)) == bits
    assert _bits_beyond(GaussianNoise(widest**2 + LARGEST_SCALE**2)) == bits + 1


@pytest.mark.parametrize("kind", [Sum, Mean, Variance])
@pytest.mark.parametrize("epsilon", ["1", "1e-7", "1e-9"])
def test_fit__noise_of_the_finest_grid_that_can_be_drawn(kind: type[Sum | Mean | Variance], epsilon: str) -> None:
    """One binary digit finer, a step of a sum is twice as many, and the noise of the query too wide."""
    query = GroupQuery((), (kind("x", BOUNDS, "told"),), ("who",), Bounds(1, 1))
    budget = QueryBudget(Fraction(epsilon))
    fitted, allotment = fit(query, budget, "laplace")
    assert max(noise.scale for noise in allotment.mechanisms) <= LARGEST_SCALE
    (one,) = fitted.aggregates
    if one.coarser:
        finer = GroupQuery((), (kind("x", BOUNDS, "told", coarser=one.coarser - 1),), ("who",), Bounds(1, 1))
        assert max(noise.scale for noise in finer.allot(budget, "laplace").mechanisms) > LARGEST_SCALE


def test_fit__a_count_has_no_coarser_grid() -> None:
    query = GroupQuery((), (Count(),), ("who",), Bounds(1, 1))
    with pytest.raises(NumberError, match="noise of count in 'count' would be wider"):
        fit(query, QueryBudget(Fraction(1, 10**20)), "laplace")
