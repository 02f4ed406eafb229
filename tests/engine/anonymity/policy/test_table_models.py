import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from naive.tables import Table
from shoal_engine.anonymity.criteria.whole_table import least_k_that_holds, with_k
from shoal_engine.anonymity.policy.people_models import DeltaPresence, KMap
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.anonymity.policy.table_models import (
    LKC,
    AverageRisk,
    SampleUniqueness,
    SizeModel,
    least_and_sufficient_k,
)
from shoal_engine.errors import PolicyError
from shoal_kernels.criteria.privacy_models import Models

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=30)
MODELS: list[SizeModel] = [AverageRisk(at_most=0.13), SampleUniqueness(at_most=0.02), KMap(k=6, sampling_fraction=0.3)]


@given(sizes)
def test_measure__counts_rows_by_hand(counts: list[int]) -> None:
    everyone = [size for size in counts for _ in range(size)]
    average = sum(1 / size for size in everyone) / len(everyone)
    assert AverageRisk(at_most=1).measure(np.array(counts)) == pytest.approx(average)
    alone = everyone.count(1) / len(everyone)
    assert SampleUniqueness(at_most=1).measure(np.array(counts)) == pytest.approx(alone)


@given(sizes, st.sampled_from(MODELS))
def test_sufficient_k__holds_for_any_classes_of_so_many_rows(counts: list[int], model: SizeModel) -> None:
    least = model.sufficient_k(sum(counts))
    # A table of fewer rows cannot have such a class, and the rows that it needs are not counted to the end.
    assume(least <= sum(counts))
    large = np.array([max(size, least) for size in counts])
    assert model.holds(model.measure(large))


def chance_of_at_least(rows: int, mean: float, *, truncated: bool) -> float:
    terms = [math.exp(-mean) * mean**i / math.factorial(i) for i in range(60)]
    return sum(terms[rows:]) / (1 - terms[0] if truncated else 1)


@given(st.integers(2, 30), st.floats(0.001, 0.9), st.floats(0.001, 0.3))
@settings(deadline=None)
def test_k_map__classes_prove_k_people_at_the_significance(k: int, fraction: float, significance: float) -> None:
    """El Emam, Dankar 2008: n rows come from k people with a probability of at most the significance."""
    truncated = KMap(k=k, sampling_fraction=fraction, significance=significance, estimator="zero-truncated-poisson")
    rows = truncated.sufficient_k(k)
    assert rows <= k
    if rows < k:
        assert chance_of_at_least(rows, fraction * k, truncated=True) <= significance + 1e-12
        assert rows == 1 or chance_of_at_least(rows - 1, fraction * k, truncated=True) > significance - 1e-12
    plain = KMap(k=k, sampling_fraction=fraction, significance=significance).sufficient_k(k)
    # As ARX has it: one row more than the chance asks for.
    if plain < k:
        assert chance_of_at_least(plain - 1, fraction * k, truncated=False) <= significance + 1e-12


def test_k_map__adult_as_a_sample_of_the_united_states() -> None:
    """A case of ARX's own suite: 30,162 of 318 million people, k = 3, one in a hundred."""
    model = KMap(k=3, population=318_000_000, significance=0.01, estimator="zero-truncated-poisson")
    assert model.sufficient_k(30_162) == 2


def test_k_map__population_smaller_than_the_table() -> None:
    with pytest.raises(PolicyError, match="smaller than the table"):
        KMap(k=3, population=10).sufficient_k(11)


def test_k_map__population_is_known_in_one_way() -> None:
    with pytest.raises(PolicyError, match="keep `population` or `sampling_fraction`"):
        KMap(k=3, population=100, sampling_fraction=0.1)
    assert KMap(k=3).counts_people
    assert not KMap(k=3, population=100).counts_people


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"at_most": 0.2, "at_least": 0.3}, "exchange them"),
        ({"at_most": math.nan}, "at_most"),
        ({"at_most": 0.2, "at_least": math.nan}, "at_least"),
    ],
)
def test_delta_presence__limits_leave_something_between_them(limits: dict[str, float], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        DeltaPresence(**limits)


def test_least_k__is_raised_no_farther_than_needed() -> None:
    asked: list[int] = []

    def attempt(k: int) -> np.ndarray:
        asked.append(k)
        return np.array([k, k + 4])

    made = least_k_that_holds([AverageRisk(at_most=0.1)], 2, 10, attempt, rows=lambda made: made)
    assert made.tolist() == [8, 12]
    assert asked == [2, 10, 6, 8, 7]


@dataclass(frozen=True)
class Weighed:
    """All of a table that says how many of its units, of `grid` each, its classes need."""

    models: Models
    grid: int


@pytest.mark.parametrize("grid", [1, 6])
def test_with_k__asks_for_k_units(grid: int) -> None:
    table: Any = Weighed(Table([0], [2], [1], [(0,), (1,)], [[0], [0]], 1).models(2 * grid, []), grid)
    assert with_k(table, 2) is table
    for k in (1, 3, 8):
        assert with_k(table, k).models.k.tolist() == [k * grid]


def test_least_and_sufficient_k__of_all_models() -> None:
    models: Sequence[SizeModel | LKC] = [AverageRisk(at_most=0.04), LKC(l=2, k=7, c=0.5)]
    assert least_and_sufficient_k(5, models, 100) == (7, 25)


def test_policy__two_models_of_one_kind() -> None:
    with pytest.raises(PolicyError, match="of one kind"):
        Policy(
            k=2,
            models=[AverageRisk(at_most=0.1), AverageRisk(at_most=0.2)],
            quasi_identifiers={"a": QuasiIdentifier()},
        )


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("models = [{ kind = 'average-risk', at_most = 0 }]", r"models\[0\].at_most`"),
        ("models = [{ kind = 'average', at_most = 0.1 }]", r"models\[0\]"),
        ("models = 'k-map'", "`models`"),
    ],
)
def test_from_toml__models_of_the_table_are_checked(toml: str, says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        Policy.from_toml(f"k = 2\n{toml}\n[quasi_identifier.a]")
