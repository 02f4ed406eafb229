"""Mistakes planted in the engine itself are found by the audit of whole group-bys.

Draws are of a known key, so each test passes always or never; the power that is stated is over keys. Of n runs half
choose the event and half count it; with chances p and q of it on the two tables, epsilon is proven to be at least
log((p - delta) / q) less about 2 sqrt((1 - p) / (p n / 2) + (1 - q) / (q n / 2)).
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from shoal_engine.differential.audit.evidence import audit
from shoal_engine.differential.audit.subjects import SUBJECTS
from shoal_engine.differential.mechanisms.additive import GaussianNoise, LaplaceNoise
from shoal_engine.differential.queries import bounding, budget, private_group_by
from shoal_engine.differential.samplers import discrete_laplace
from shoal_engine.randomness import Keystream

STREAM_KEY, NONCE = bytes(range(7, 39)), bytes(16)


def one_group_too_many(patch: pytest.MonkeyPatch) -> None:
    """A unit counts in both of two groups: p = .53, q = .072 for both counts of 1 or more; 10,000 runs prove 1.8."""
    original = bounding.contribution_bounding.choose_pairs

    def choose(*given: Any) -> None:
        *others, max_groups, chosen = given
        original(*others, max_groups + 1, chosen)

    patch.setattr(bounding.contribution_bounding, "choose_pairs", choose)


def group_count_of_one(patch: pytest.MonkeyPatch) -> None:
    """Noise for one group where the unit is in two: the same event as above."""
    original = private_group_by.GroupQuery.parts

    def parts(query: Any) -> Any:
        return [[replace(part, groups=1) for part in own] for own in original(query)]

    patch.setattr(private_group_by.GroupQuery, "parts", parts)


def key_choice_not_divided(patch: pytest.MonkeyPatch) -> None:
    """Keys cost 2 in place of 1, counts 1: both groups kept with high counts, p = .016, q = .0008: 40,000 prove 2.4."""
    original = budget._key_rule

    def rule(kind: Any, given: Any, share: Any, delta: Any, groups: int) -> Any:
        del groups
        return original(kind, given, share, delta, 1)

    patch.setattr(budget, "_key_rule", rule)


def rho_doubled(patch: pytest.MonkeyPatch) -> None:
    """Half of the variance: at delta = .01 an epsilon of .92 is claimed of rho, 1.4 is true; 20,000 runs prove 1.2."""
    original = budget.GaussianNoise.of_budget

    def noise(rho: Fraction, sensitivity_squared: int) -> GaussianNoise:
        return original(2 * rho, sensitivity_squared)

    patch.setattr(budget.GaussianNoise, "of_budget", noise)
    variances = budget.gaussian.variances

    def halved(*given: Any) -> Any:
        found = variances(*given)
        return None if found is None else tuple(one / 2 for one in found)

    patch.setattr(budget.gaussian, "variances", halved)


def change_one_factor_forgotten(patch: pytest.MonkeyPatch) -> None:
    """One count falls as another rises: their difference costs 2 of a claimed 1, as above."""
    patch.setattr(private_group_by.GroupQuery, "factor", property(lambda query: 1))


def noise_shared_by_parts(patch: pytest.MonkeyPatch) -> None:
    """Parts less each other are without noise, and show a unit at the lower bound for certain: any number of runs."""
    drawn: dict[int, np.ndarray] = {}

    def add(self: LaplaceNoise, values: Any, stream: Keystream) -> Any:
        n = values.size
        if n not in drawn:
            drawn[n] = discrete_laplace(stream, Fraction(1 << 20), n) / (1 << 20)
        return values + np.rint(drawn[n] * float(self.scale)).astype(np.int64)

    patch.setattr(LaplaceNoise, "add", add)


def budget_given_to_every_aggregate(patch: pytest.MonkeyPatch) -> None:
    """Each of three aggregates is paid with all of epsilon: count, sum and mean together cost 3 of a claimed 1."""
    original = budget._pure

    def pure(part: Any, epsilon: Fraction, factor: int) -> Any:
        return original(part, 3 * epsilon, factor)

    patch.setattr(budget, "_pure", pure)


MUTATIONS: list[tuple[Callable[[pytest.MonkeyPatch], None], str, int]] = [
    (one_group_too_many, "group-by-one-group-of-two", 10_000),
    (group_count_of_one, "group-by-two-groups", 10_000),
    (group_count_of_one, "group-by-two-groups-gaussian", 20_000),
    (key_choice_not_divided, "group-by-chosen-keys", 40_000),
    (rho_doubled, "group-by-two-groups-gaussian", 20_000),
    (rho_doubled, "group-by-two-groups-rho", 20_000),
    (change_one_factor_forgotten, "group-by-change-one", 10_000),
    (noise_shared_by_parts, "parts-of-a-mean", 2_000),
    (budget_given_to_every_aggregate, "group-by-several-aggregates", 20_000),
]


@pytest.mark.parametrize(("mutate", "name", "runs"), MUTATIONS)
def test_audit__finds_what_is_wrong_in_the_engine(
    mutate: Callable[[pytest.MonkeyPatch], None], name: str, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = SUBJECTS[name]()
    stream = Keystream._of_key(STREAM_KEY, NONCE)
    assert audit(subject.draw, subject.claim, runs=runs, stream=stream).verdict != "broken"
    mutate(monkeypatch)
    assert audit(subject.draw, subject.claim, runs=runs, stream=stream).verdict == "broken"
