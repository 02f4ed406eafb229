"""The geometric median, among distances and among updates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import distance_rules as naive
from shoal_engine.errors import UpdateError
from shoal_engine.federated.rules import geometric_median
from shoal_engine.federated.rules.geometric_median import GeometricMedian
from shoal_engine.federated.sums import distances
from shoal_engine.federated.updates.round import RoundResult
from shoal_engine.federated.updates.update import Update


def released(rows: np.ndarray, weights: np.ndarray | None = None, **options: float) -> RoundResult:
    rule = GeometricMedian(**options)  # type: ignore[arg-type]
    for u, row in enumerate(rows):
        weight = 1.0 if weights is None else float(weights[u])
        rule.observe(Update.of_arrays({"w": row}, node=f"n{u:02}", weight=weight))
    return rule.release()


def test_geometric_median__known_answers() -> None:
    # Of a triangle, the point that sees each side under 120 degrees; of a convex quadrangle, where diagonals cross.
    height = np.sqrt(3) / 2
    triangle = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, height]])
    np.testing.assert_allclose(released(triangle, tolerance=1e-9).model.arrays()["w"], [0.5, height / 3], rtol=1e-6)
    quadrangle = np.array([[-1.0, 0.0], [0.0, -2.0], [3.0, 0.0], [0.0, 1000.0]])
    np.testing.assert_allclose(released(quadrangle, tolerance=1e-9).model.arrays()["w"], [0, 0], atol=1e-4)


def test_geometric_median__of_a_line_is_the_weighted_median() -> None:
    found = released(np.array([[0.0], [1.0], [5.0]]), np.array([1.0, 3.0, 1.0]))
    assert found.model.arrays()["w"].tolist() == pytest.approx([1.0], abs=1e-5)


@settings(deadline=None, max_examples=50)
@given(n=st.integers(3, 12), d=st.integers(2, 20), iterations=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_geometric_median__equals_literal(n: int, d: int, iterations: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, weights = 100 + random.normal(size=(n, d)), random.integers(1, 5, n).astype(float)
    found = released(rows, weights, max_iterations=iterations, tolerance=0.0, nu=0.01).model.arrays()["w"]
    expected = naive.geometric_median(rows.tolist(), weights.tolist(), 0.01, iterations)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("far", [1e3, 1e6, 1e9, 1e12, 1e20, 1e60])
@pytest.mark.parametrize("common", [0.0, 1e4])
def test_geometric_median__far_updates_cost_no_digits(far: float, common: float) -> None:
    random = np.random.default_rng(4)
    rows = common + random.normal(size=(11, 20))
    rows[:4] = far * random.normal(size=(4, 20))
    found = released(rows, tolerance=0.0, max_iterations=12).model.arrays()["w"]
    expected = naive.geometric_median(rows.tolist(), [1.0] * 11, 1e-6, 12)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_geometric_median__among_updates_is_as_among_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(6).normal(size=(9, 40)).astype(np.float64)
    among_distances = released(rows, tolerance=1e-9)
    monkeypatch.setattr(geometric_median, "SLIP", -1.0)
    among_updates = released(rows, tolerance=1e-9)
    np.testing.assert_allclose(
        among_updates.model.arrays()["w"], among_distances.model.arrays()["w"], rtol=1e-9, atol=1e-11
    )


def test_geometric_median__reads_updates_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    combined = geometric_median.combined
    monkeypatch.setattr(geometric_median, "combined", lambda *a, **o: calls.append(1) or combined(*a, **o))
    rows = np.random.default_rng(6).normal(size=(10, 500))
    rows[:3] *= 1e4
    released(rows)
    assert len(calls) == 1


@pytest.mark.parametrize("far", [0.0, 10.0, 1e10])
def test_geometric_median__of_many(far: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # A third of them lie where no sample looks.
    monkeypatch.setattr(distances, "PART", 8)
    rows = np.random.default_rng(6).normal(size=(45, 60))
    rows[::3, 8:40] += far
    weights = np.arange(1.0, 46.0) % 5 + 1
    found = released(rows, weights, tolerance=1e-9)
    expected = naive.geometric_median(rows.tolist(), weights.tolist(), 1e-6, 100)
    np.testing.assert_allclose(found.model.arrays()["w"], expected, atol=1e-7)
    again = released(rows, weights, tolerance=1e-9, n_threads=2)
    assert again.model.arrays()["w"].tobytes() == found.model.arrays()["w"].tobytes()


def test_geometric_median__of_many_with_bad_ones() -> None:
    rows = np.random.default_rng(6).normal(size=(45, 60))
    rows[7, 50] = np.nan
    found = released(rows)
    assert not found.report["kept"].to_pylist()[7]
    rest = released(np.delete(rows, 7, axis=0)).model.arrays()["w"]
    np.testing.assert_allclose(found.model.arrays()["w"], rest, rtol=1e-12)


def test_geometric_median__costs_no_more_than_any_point_beside_it() -> None:
    random = np.random.default_rng(7)
    rows, weights = random.normal(size=(10, 4)), random.uniform(1, 3, 10)
    found = released(rows, weights, tolerance=1e-12, max_iterations=1000).model.arrays()["w"]

    def cost(point: np.ndarray) -> float:
        return float(weights @ np.linalg.norm(rows - point, axis=1))

    assert all(cost(found) <= cost(found + step) for step in 0.001 * random.normal(size=(200, 4)))


def test_geometric_median__report() -> None:
    rows = np.random.default_rng(2).normal(size=(6, 30))
    found = released(rows)
    report, median = found.report, found.model.arrays()["w"]
    np.testing.assert_allclose(report["distance"], np.linalg.norm(rows - median, axis=1), rtol=1e-12)
    np.testing.assert_allclose(report["norm"], np.linalg.norm(rows, axis=1), rtol=1e-12)
    assert all(report["kept"].to_pylist())


def test_geometric_median__of_one_and_of_two() -> None:
    assert released(np.array([[0.1, 7.0]])).model.arrays()["w"].tolist() == [0.1, 7.0]
    # Every point between them costs as much; shares stay in the ratio of weights at the first step.
    assert 1.0 <= released(np.array([[1.0], [2.0]])).model.arrays()["w"][0] <= 2.0


@pytest.mark.parametrize("options", [{"nu": 0.0}, {"max_iterations": 0}, {"tolerance": -1.0}, {"tolerance": 1.0}])
def test_geometric_median__bad_parameters(options: dict[str, float]) -> None:
    with pytest.raises(UpdateError):
        GeometricMedian(**options)  # type: ignore[arg-type]
