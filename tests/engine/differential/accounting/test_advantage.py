"""The bound on membership advantage: against the mechanism that reaches it, and at its ends."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.differential.accounting.advantage import membership_advantage


@given(st.floats(0, 30), st.floats(0, 1))
def test_advantage__is_the_distance_of_the_worst_mechanism(epsilon: float, delta: float) -> None:
    """Of four outcomes that are (epsilon, delta)-private with equality: half of the sum of differences, directly."""
    likely, rare = (1 - delta) * math.exp(epsilon), 1 - delta
    with_unit = np.array([delta, likely / (1 + math.exp(epsilon)), rare / (1 + math.exp(epsilon)), 0])
    without = with_unit[::-1]
    assert with_unit.sum() == pytest.approx(1)
    assert membership_advantage(epsilon, delta) == pytest.approx(np.abs(with_unit - without).sum() / 2, abs=1e-12)


def test_advantage__at_its_ends() -> None:
    assert membership_advantage(0) == 0
    assert membership_advantage(math.log(3)) == pytest.approx(0.5)
    assert membership_advantage(1e6, 1e-9) == membership_advantage(math.inf) == 1
    assert membership_advantage(0, 1) == 1
