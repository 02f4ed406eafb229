"""Centered clipping and bounded norms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import distance_rules as naive
from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.rules.norm_clipping import CenteredClipping, NormBound
from shoal_engine.federated.sums.buffered_updates import BufferedAggregator
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult, UpdateChecks
from shoal_engine.federated.updates.update import Update


def released(rule: BufferedAggregator, rows: np.ndarray, weights: np.ndarray | None = None) -> RoundResult:
    for u, row in enumerate(rows):
        weight = 1.0 if weights is None else float(weights[u])
        rule.observe(Update.of_arrays({"w": row}, node=f"n{u:02}", weight=weight))
    return rule.release()


def model(row: np.ndarray) -> Model:
    return Model.of_arrays({"w": row})


@settings(deadline=None)
@given(
    n=st.integers(1, 9),
    radius=st.sampled_from([0.1, 1.0, 3.0, 100.0]),
    iterations=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_centered_clipping__equals_naive(n: int, radius: float, iterations: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, center = 5 + 3 * random.standard_cauchy(size=(n, 6)), 5 + random.normal(size=6)
    rule = CenteredClipping(radius=radius, center=model(center), iterations=iterations)
    expected = naive.centered_clipping(rows.tolist(), center.tolist(), radius, iterations)
    np.testing.assert_allclose(released(rule, rows).model.arrays()["w"], expected, rtol=1e-9, atol=1e-9)


@given(scale=st.sampled_from([1.0, 1e8, 1e30]), iterations=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_centered_clipping__moves_by_no_more_than_the_radius(scale: float, iterations: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, center = scale * random.normal(size=(7, 10)), random.normal(size=10)
    rule = CenteredClipping(radius=0.5, center=model(center), iterations=iterations)
    found = released(rule, rows).model.arrays()["w"]
    assert np.linalg.norm(found - center) <= iterations * 0.5 * (1 + 1e-12)


def test_centered_clipping__report() -> None:
    rule = CenteredClipping(radius=5.0, center=model(np.array([1.0, 1.0])))
    found = released(rule, np.array([[1.0, 1.0], [4.0, 5.0], [31.0, 41.0]]))
    median, report = found.model.arrays()["w"], found.report
    assert median.tolist() == pytest.approx([3.0, 1 + 8 / 3], rel=1e-15)
    assert report["norm"].to_pylist() == [0.0, 5.0, 50.0]
    assert report["clipped"].to_pylist() == [False, False, True]
    assert report["distance"].to_pylist()[0] == pytest.approx(math.dist(median, (1, 1)))


def test_centered_clipping__center_is_the_model_of_the_round_unless_given() -> None:
    checks = UpdateChecks(like=model(np.array([10.0])))
    rows = np.array([[14.0], [14.0]])
    assert released(CenteredClipping(checks, radius=1.0), rows).model.arrays()["w"].tolist() == [11.0]
    other = CenteredClipping(checks, radius=1.0, center=model(np.array([20.0])))
    assert released(other, rows).model.arrays()["w"].tolist() == [19.0]
    assert released(CenteredClipping(radius=1.0), rows).model.arrays()["w"].tolist() == [1.0]


def test_centered_clipping__bad_center() -> None:
    rows = np.zeros((3, 2))
    with pytest.raises(UpdateError, match="layout"):
        released(CenteredClipping(radius=1.0, center=model(np.zeros(3))), rows)
    with pytest.raises(UpdateError, match="finite"):
        released(CenteredClipping(radius=1.0, center=model(np.array([0.0, np.inf]))), rows)


@pytest.mark.parametrize("radius", [0.0, -1.0, math.inf, math.nan])
def test_centered_clipping__bad_parameters(radius: float) -> None:
    with pytest.raises(UpdateError):
        CenteredClipping(radius=radius)
    with pytest.raises(UpdateError):
        CenteredClipping(radius=1.0, iterations=0)
    with pytest.raises(UpdateError):
        NormBound(limit=radius)
    with pytest.raises(UpdateError):
        NormBound(limit=1.0, action="shorten")  # type: ignore[arg-type]


@settings(deadline=None)
@given(
    action=st.sampled_from(["clip", "drop", "zero"]),
    limit=st.sampled_from([1.0, 3.0, 1e3]),
    like=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_norm_bound__equals_naive(action: str, limit: float, *, like: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    center = random.normal(size=6) * like
    rows, weights = center + random.standard_cauchy(size=(8, 6)), random.integers(1, 9, 8).astype(float)
    rows[0] = center
    rule = NormBound(UpdateChecks(like=model(center)) if like else UpdateChecks(), limit=limit, action=action)  # type: ignore[arg-type]
    expected = naive.norm_bounded(rows.tolist(), weights.tolist(), center.tolist(), limit, action)
    np.testing.assert_allclose(released(rule, rows, weights).model.arrays()["w"], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("action", ["clip", "drop", "zero"])
def test_norm_bound__is_the_mean_where_nobody_is_too_long(action: str) -> None:
    rows, weights = np.random.default_rng(1).normal(size=(5, 100)), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    rule = NormBound(limit=1e3, action=action)  # type: ignore[arg-type]
    expected = released(WeightedMean(), rows, weights).model.arrays()["w"]
    assert np.array_equal(released(rule, rows, weights).model.arrays()["w"], expected)


@settings(deadline=None)
@given(action=st.sampled_from(["clip", "drop", "zero"]), scale=st.sampled_from([1.0, 1e10, 1e100]))
def test_norm_bound__moves_by_no_more_than_the_limit(action: str, scale: float) -> None:
    random = np.random.default_rng(2)
    center = random.normal(size=5)
    rows = np.vstack([center, scale * random.normal(size=(6, 5))])
    rule = NormBound(UpdateChecks(like=model(center)), limit=2.0, action=action)  # type: ignore[arg-type]
    assert np.linalg.norm(released(rule, rows).model.arrays()["w"] - center) <= 2 * (1 + 1e-12)


def test_norm_bound__report() -> None:
    rows = np.array([[3.0, 4.0], [30.0, 40.0]])
    clipped = released(NormBound(limit=5.0), rows).report
    assert clipped["norm"].to_pylist() == [5.0, 50.0]
    assert clipped["clipped"].to_pylist() == [False, True]
    assert clipped["kept"].to_pylist() == [True, True]
    for action in ("drop", "zero"):
        dropped = released(NormBound(limit=5.0, action=action), rows).report  # type: ignore[arg-type]
        assert dropped["clipped"].to_pylist() == [False, False]
        assert dropped["reason"].to_pylist() == [None, "norm too large"]


def test_norm_bound__nobody_is_left() -> None:
    with pytest.raises(TooFewUpdates):
        released(NormBound(limit=1.0, action="drop"), np.full((3, 2), 9.0))
