"""Membership inference from losses: the curve pair by pair, thresholds, likelihood ratios of known normals."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.attack.likelihood_ratio import likelihood_ratio, membership_scores, scaled
from shoal_engine.attack.loss_threshold import loss_threshold
from shoal_engine.attack.membership_scores import curve, membership_report
from shoal_engine.errors import InputError, PolicyError

scores = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=12)


@given(scores, scores, st.sampled_from([0.0, 0.1, 0.3, 1.0]))
def test_membership_report__equals_every_threshold(members: list[float], others: list[float], rate: float) -> None:
    found = membership_report(
        "a", np.array(members), np.array(others), threshold=None, false_positive_rates=[rate], confidence=0.95
    )
    points = []
    for threshold in [math.inf, *members, *others]:
        hits = sum(score >= threshold for score in members)
        points.append((sum(score >= threshold for score in others) / len(others), hits / len(members)))
    assert found.advantage == pytest.approx(max(true - false for false, true in points))
    best = max(true for false, true in points if false <= rate)
    assert found.at_false_positive_rate[f"{rate:g}"].share == pytest.approx(best)
    pairs = [(one > other) + (one == other) / 2 for one in members for other in others]
    assert found.auc == pytest.approx(sum(pairs) / len(pairs))


def test_curve__ends_at_all() -> None:
    errors, hits = curve(np.array([1.0, 1.0]), np.array([1.0, 0.0, 0.0]))
    assert errors.tolist() == [0, 1, 3]
    assert hits.tolist() == [0, 2, 2]


def test_loss_threshold__mean_of_the_members() -> None:
    found = loss_threshold([0.0, 1.0, 2.0, 9.0], [4.0, 2.5, 3.5, math.inf])
    # The mean is 3: three members and one other are below it.
    assert found.true_positives is not None
    assert found.false_positives is not None
    assert (found.true_positives.share, found.false_positives.share, found.advantage) == (0.75, 0.25, 0.5)


def test_loss_threshold__is_reached() -> None:
    assert loss_threshold([0.5], [0.6], threshold=0.5).advantage == 1.0


def test_loss_threshold__equal_losses_tell_nothing() -> None:
    found = loss_threshold([1.0] * 9, [1.0] * 4)
    assert (found.advantage, found.auc, found.at_false_positive_rate["0.01"].share) == (0.0, 0.5, 0.0)


@pytest.mark.parametrize("losses", [[], [math.nan], [[0.1]], ["a"], [None], 3.0])
def test_loss_threshold__no_losses(losses: Any) -> None:
    with pytest.raises(InputError, match="members are no losses"):
        loss_threshold(losses, [0.1])
    with pytest.raises(InputError, match="non_members are no losses"):
        loss_threshold([0.1], losses)


def test_loss_threshold__out_of_range() -> None:
    with pytest.raises(PolicyError, match="false positive rate"):
        loss_threshold([0.1], [0.1], false_positive_rates=[1.5])
    with pytest.raises(PolicyError, match="confidence"):
        loss_threshold([0.1], [0.1], confidence=2)
    with pytest.raises(InputError, match="threshold is NaN"):
        loss_threshold([0.1], [0.1], threshold=math.nan)


def test_scaled__is_the_logit_of_the_confidence() -> None:
    chance = np.array([0.01, 0.3, 0.5, 0.99])
    assert scaled(-np.log(chance)) == pytest.approx(np.log(chance / (1 - chance)))
    assert np.isfinite(scaled(np.array([0.0, 1e9, math.inf]))).all()


def test_membership_scores__online_is_the_ratio_of_two_normals() -> None:
    random = np.random.default_rng(3)
    shadows = random.normal(size=(40, 6)) + np.arange(6)
    within = random.permuted(np.arange(40)[:, None] % 2 == np.zeros((1, 6)), axis=0)
    at = random.normal(size=6)
    found = membership_scores(at, shadows, within, "record")
    for i in range(6):
        with_it, without = shadows[within[:, i], i], shadows[~within[:, i], i]
        one, other = (NormalDist(values.mean(), values.std()) for values in (with_it, without))
        assert found[i] == pytest.approx(math.log(one.pdf(at[i]) / other.pdf(at[i])))


def test_membership_scores__one_variance_of_all() -> None:
    shadows = np.array([[0.0, 10.0], [2.0, 14.0]])
    # Squares about each mean: 1, 1, 4, 4; their mean is 2.5.
    assert membership_scores(np.array([2.0, 13.0]), shadows, None, "all") == pytest.approx([1 / math.sqrt(2.5)] * 2)
    assert membership_scores(np.array([2.0, 13.0]), shadows, None, "record") == pytest.approx([1.0, 0.5])
    assert membership_scores(np.array([2.0, 13.0]), shadows, None, None) == pytest.approx([1 / math.sqrt(2.5)] * 2)


def test_likelihood_ratio__beats_a_threshold_where_records_differ_in_difficulty() -> None:
    """Losses of each record shift by little when it is trained on, and records differ by much."""
    random = np.random.default_rng(8)
    n, s = 2000, 64
    hardness = random.normal(0, 3, n)
    member = random.random(n) < 0.5
    shadow_member = random.random((s, n)) < 0.5
    logits = hardness + 2.0 * np.vstack([member, shadow_member]) + random.normal(size=(s + 1, n))
    losses = np.log1p(np.exp(-logits))
    online = likelihood_ratio(losses[0], member, losses[1:], shadow_member)
    offline = likelihood_ratio(losses[0], member, losses[1:][:, :], None, variance="all")
    simple = loss_threshold(losses[0][member], losses[0][~member])
    # Two normals two deviations apart: the area is P(Z < sqrt 2), the largest advantage 2 P(Z < 1) - 1.
    assert online.auc == pytest.approx(NormalDist().cdf(math.sqrt(2)), abs=0.03)
    assert online.advantage == pytest.approx(2 * NormalDist().cdf(1) - 1, abs=0.05)
    assert online.at_false_positive_rate["0.01"].share > 5 * simple.at_false_positive_rate["0.01"].share
    assert online.auc >= offline.auc > simple.auc
    assert (online.attack, offline.attack) == ("likelihood ratio, online", "likelihood ratio, offline")


GOOD: dict[str, Any] = {
    "losses": [0.1, 0.2],
    "member": [True, False],
    "shadow_losses": [[0.1, 0.2], [0.3, 0.1], [0.1, 0.2], [0.3, 0.1]],
    "shadow_member": [[True, False], [True, True], [False, True], [False, False]],
}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"losses": [0.1]}, "do not fit"),
        ({"shadow_losses": [[0.1, 0.2]]}, "do not fit"),
        ({"member": [True, True]}, "all records are members"),
        ({"member": [1, 0]}, "has dtype"),
        ({"losses": [-0.1, 0.2]}, "negative"),
        ({"losses": [math.nan, 0.2]}, "no losses"),
        ({"shadow_losses": [0.1, 0.2]}, "a row for each shadow model"),
        ({"shadow_member": [[True, False]] + [[False, False]] * 3}, "fewer than 2 shadow models"),
    ],
)
def test_likelihood_ratio__bad_input(change: dict[str, Any], text: str) -> None:
    likelihood_ratio(**GOOD)
    with pytest.raises(InputError, match=text):
        likelihood_ratio(**(GOOD | change))


def test_likelihood_ratio__variance_out_of_range() -> None:
    with pytest.raises(PolicyError, match="no variance"):
        likelihood_ratio(**GOOD, variance="some")  # pyright: ignore[reportArgumentType]


def test_likelihood_ratio__shadow_models_that_agree() -> None:
    found = likelihood_ratio([0.1, 5.0], [True, False], [[1.0, 1.0], [1.0, 1.0]])
    assert found.advantage == 1.0
