"""What OpenDP says of noise, of conversions and of thresholds, and ours beside it."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shoal_engine.differential.accounting.basic import pure_cost
from shoal_engine.differential.accounting.concentrated import epsilon_for, rho_of
from shoal_engine.differential.mechanisms.additive import GaussianNoise, LaplaceNoise
from shoal_engine.differential.queries.choosing_keys import GaussianThreshold, LaplaceThreshold

GOLDEN = json.loads((Path(__file__).parents[3] / "golden" / "opendp.json").read_text())
ABOVE_ROUNDING = 1e-12
"""Deltas below it are mostly what OpenDP adds for its own rounding."""


@pytest.mark.parametrize("told", GOLDEN["noise"])
def test_noise__costs_what_opendp_says(told: dict[str, Any]) -> None:
    scale, moved = Fraction(told["scale"]), told["sensitivity"]
    pure = pure_cost(LaplaceNoise(scale).event(moved))
    assert pure is not None
    assert float(pure[0]) == pytest.approx(told["laplace_epsilon"], rel=1e-12)
    rho = rho_of(GaussianNoise(scale**2).event(moved))
    assert float(rho) == pytest.approx(told["gaussian_rho"], rel=1e-12)
    for delta, epsilon in told["gaussian_epsilon"].items():
        assert epsilon_for(rho, Fraction(delta)) == pytest.approx(epsilon, rel=1e-9)


@pytest.mark.parametrize("told", GOLDEN["thresholds"])
def test_thresholds__hide_a_single_unit_as_those_of_opendp(told: dict[str, Any]) -> None:
    """What is released there is above the threshold, and here at it."""
    scale, least = Fraction(told["scale"]), told["above"] + 1
    # Just enough that rounding does not decide.
    laplace, gaussian = (
        Fraction(told[f"{distribution}_delta"]) * (1 + Fraction(1, 10**9)) for distribution in ("laplace", "gaussian")
    )
    if laplace > ABOVE_ROUNDING:
        assert LaplaceThreshold(1 / scale, laplace).threshold == least
    if gaussian > ABOVE_ROUNDING:
        # OpenDP bounds the discrete tail by a continuous one from a step below; ours is summed.
        assert least - 2 <= GaussianThreshold(scale**2, gaussian).threshold <= least
