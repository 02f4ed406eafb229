"""The audit's parts that tests of whole mechanisms do not see: bounds at their ends, features, and what is claimed."""

import math
from fractions import Fraction

import numpy as np
import pytest

from shoal_engine.differential.accounting.accountant import privacy_spent
from shoal_engine.differential.audit.evidence import _features, _proven
from shoal_engine.differential.audit.subjects import SUBJECTS, TRIALS
from shoal_engine.differential.mechanisms.selection import Exponential, NoisyMax, PermuteAndFlip


@pytest.mark.parametrize("n", [1, 20, 1000])
def test_proven__an_event_that_always_happens_may_have_probability_1(n: int) -> None:
    """Of Clopper and Pearson's bounds the upper one is then 1, the lower (doubt / 2)**(1 / n) in closed form."""
    assert _proven(n, n, n, 0.0, 0.05) == pytest.approx(math.log(0.025) / n)
    assert _proven(n, 0, n, 0.0, 0.05) == pytest.approx(math.log(0.025 ** (1 / n) / (1 - 0.025 ** (1 / n))))


def test_features__two_columns_are_joined_each_by_its_own_spread() -> None:
    one, other = np.array([2.0, -6.0, 4.0]), np.array([4.0, 8.0, -12.0])
    *_, apart, least, most, together = _features(np.stack([one, other], axis=1), np.array([2.0, 4.0]))
    assert apart.tolist() == [-2, -14, 16]
    assert least.tolist() == [1, -3, -3]
    assert most.tolist() == [1, 2, 2]
    assert together.tolist() == [2, -1, -1]


@pytest.mark.parametrize(
    ("name", "kind"), [("exponential", Exponential), ("permute-and-flip", PermuteAndFlip), ("noisy-max", NoisyMax)]
)
def test_subjects__choices_claim_what_they_are_charged(
    name: str, kind: type[Exponential | PermuteAndFlip | NoisyMax]
) -> None:
    charged = privacy_spent(kind(Fraction(2)).event(), delta=Fraction(0)).epsilon
    assert SUBJECTS[name]().claim.epsilon == pytest.approx(charged)


@pytest.mark.parametrize("name", TRIALS)
def test_subjects__group_bys_claim_their_budgets(name: str) -> None:
    """A rho is reported as the epsilon at a delta of 1/100 of noise with sigma 1 / sqrt(2 rho)."""
    from shoal_engine.differential.accounting import gaussian

    claim, budget = SUBJECTS[name]().claim, TRIALS[name].budget
    if budget.rho is not None:
        assert claim.delta == 0.01
        assert claim.epsilon == pytest.approx(gaussian.epsilon_for(1 / math.sqrt(2 * budget.rho), 0.01))
    else:
        assert (claim.epsilon, claim.delta) == (budget.epsilon, pytest.approx(float(budget.delta)))
