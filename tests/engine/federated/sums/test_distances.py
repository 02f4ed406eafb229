"""Squared distances and combinations of models, against the same in exact or longer arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import distance_rules as naive
from shoal_engine.federated.sums import distances
from shoal_engine.federated.sums.distances import combined, squared_distances
from shoal_engine.federated.updates.model import Model

DTYPES = ["float16", "bfloat16", "float32", "float64"]


def model(values: np.ndarray, dtype: str = "float64", cut: int = 0) -> Model:
    """Return a model of two tensors."""
    if dtype == "bfloat16":
        values = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        return Model.of_arrays({"a": values[:cut], "b": values[cut:]}, bfloat16=True)
    return Model.of_arrays({"a": values[:cut].astype(dtype), "b": values[cut:].astype(dtype)})


def as_floats(one: Model) -> np.ndarray:
    """Return the values that a model holds, in float64."""
    parts = []
    for tensor, values in zip(one.layout, one.payloads(), strict=True):
        wide = (values.astype(np.uint32) << 16).view(np.float32) if tensor.dtype == "bfloat16" else values
        parts.append(wide.astype(np.float64))
    return np.concatenate(parts)


@settings(deadline=None)
@given(
    rows=st.integers(1, 40).flatmap(
        lambda n: st.lists(
            st.lists(st.floats(-1e6, 1e6, width=32), min_size=n, max_size=n).map(np.array), min_size=1, max_size=9
        )
    ),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_squared_distances__equal_naive(rows: list[np.ndarray], dtype: str) -> None:
    found = squared_distances([model(row, dtype, cut=len(row) // 3) for row in rows])
    points = [*rows, np.zeros(len(rows[0]))]
    expected = [[naive.square_distance(a, b) for b in points] for a in points]
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 2**16 + 3])
def test_squared_distances__every_dtype_and_edge(dtype: str, n: int) -> None:
    models = [model(np.random.default_rng(u).normal(size=n), dtype, cut=n // 5) for u in range(5)]
    rows = np.stack([as_floats(one) for one in models])
    expected = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared_distances(models)[:-1, :-1], expected, rtol=1e-12)


def test_squared_distances__of_what_has_much_in_common() -> None:
    random = np.random.default_rng(3)
    rows = (1e4 + 1e-3 * random.normal(size=(6, 5000))).astype(np.float32)
    found = squared_distances([model(row, "float32") for row in rows])
    exact = [[sum((Fraction(float(x)) - Fraction(float(y))) ** 2 for x, y in zip(a, b)) for b in rows] for a in rows]  # noqa: B905
    for i, j in zip(*np.nonzero(~np.eye(6, dtype=bool)), strict=True):
        assert abs(Fraction(found[i, j]) / exact[i][j] - 1) < Fraction(1, 10**13)


def test_squared_distances__near_ones_are_not_blurred_by_a_far_one() -> None:
    rows = np.array([[1.0, 2.0], [1.0, 2.0 + 2.0**-20], [1e30, -1e30]], np.float32)
    found = squared_distances([model(row, "float32") for row in rows])
    assert found[0, 1] == 2.0**-40
    assert found[0, 2] == pytest.approx(2e60)


def test_squared_distances__tiny_and_huge_float32() -> None:
    found = squared_distances([model(np.array([x], np.float32), "float32") for x in (0.0, 1e-45, 3e38, -3e38)])
    assert found[0, 1] == float(np.float32(1e-45)) ** 2
    assert found[2, 3] == (2 * float(np.float32(3e38))) ** 2


def test_squared_distances__what_is_not_finite_spoils_only_its_own() -> None:
    found = squared_distances([model(np.array(row)) for row in ([1.0, 2.0], [np.nan, 0.0], [np.inf, 0.0], [4.0, 6.0])])
    assert not np.isfinite(found[1, [0, 2, 3, 4]]).any()
    assert not np.isfinite(found[2, [0, 1, 3, 4]]).any()
    assert found[0, 3] == 25


def test_squared_distances__same_bytes_with_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "PART", 1024)
    models = [model(np.random.default_rng(u).normal(size=9000), cut=100) for u in range(7)]
    assert len({squared_distances(models, n_threads=n).tobytes() for n in (1, 2, 3, 8)}) == 1


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_combined__every_dtype(dtype: str, n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "PART", 1500)
    models = [model(np.random.default_rng(u).normal(size=4000), dtype, cut=7) for u in range(5)]
    rows = np.stack([as_floats(one) for one in models])
    weights = np.array([0.5, -0.25, 0.125, 2.0, 0.0])
    found, squares = combined(models, weights, n_threads=n_threads)
    expected = weights @ rows
    np.testing.assert_allclose(squares, ((rows - expected) ** 2).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(
        as_floats(found), expected, rtol={"float16": 1e-3, "bfloat16": 1e-2, "float32": 1e-7, "float64": 1e-13}[dtype],
        atol=1e-7 if dtype == "float16" else 1e-13,
    )  # fmt: skip
    assert found.layout == models[0].layout


def test_combined__weight_zero_is_not_read() -> None:
    found, squares = combined([model(np.array([1.0])), model(np.array([np.nan]))], [2.0, 0.0])
    assert found.arrays()["b"].tolist() == [2.0]
    assert squares[0] == 1
    assert np.isnan(squares[1])


@settings(deadline=None)
@given(
    n=st.integers(2, 9),
    size=st.sampled_from([1, 100, 1536, 5000]),
    scale=st.sampled_from([1e-44, 1e-30, 1e-20, 1e-10, 1.0, 1e10, 1e19, 1e38]),
    common=st.sampled_from([0.0, 1.0, 1e4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_squared_distances__coarse(n: int, size: int, scale: float, common: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = [(common + scale * random.uniform(-3, 3, size)).astype(np.float32) for _ in range(n)]
    rows[1][: size // 2] = rows[0][: size // 2]
    models = [model(row, "float32") for row in rows]
    np.testing.assert_allclose(squared_distances(models, coarse=True), squared_distances(models), rtol=1e-6, atol=0)


def test_squared_distances__coarse_of_what_rounds_badly_alike() -> None:
    # Every square and every sum of a run is rounded in the same direction.
    for value in np.linspace(1, 2, 200, dtype=np.float32):
        models = [model(np.full(5000, x, np.float32), "float32") for x in (0.0, value)]
        found = squared_distances(models, coarse=True)[0, 1]
        assert found == pytest.approx(5000 * float(value) ** 2, rel=9e-7)


@pytest.mark.parametrize("dtype", DTYPES)
def test_squared_distances__coarse_of_every_dtype(dtype: str) -> None:
    models = [model(np.random.default_rng(u).normal(size=3000), dtype, cut=9) for u in range(6)]
    np.testing.assert_allclose(squared_distances(models, coarse=True), squared_distances(models), rtol=1e-6)
    found = squared_distances([*models, model(np.full(3000, np.nan), dtype, cut=9)], coarse=True)
    assert not np.isfinite(found[6, [0, 1, 2, 3, 4, 5, 7]]).any()
    assert np.isfinite(found[:6, :6]).all()


def test_squared_distances__of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "PART", 10)
    rows = np.random.default_rng(2).normal(size=(3, 95))
    found = squared_distances([model(row) for row in rows], every=3)
    seen = np.concatenate([rows[:, first : first + 10] for first in (0, 30, 60, 90)], axis=1)
    np.testing.assert_allclose(found, squared_distances([model(row) for row in seen]), rtol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
def test_combined__of_nothing_measures_lengths(dtype: str) -> None:
    models = [model(np.random.default_rng(u).normal(size=5000), dtype, cut=70) for u in range(3)]
    found, squares = combined(models, [0.0, 0.0, 0.0])
    assert not as_floats(found).any()
    np.testing.assert_allclose(squares, [(as_floats(one) ** 2).sum() for one in models], rtol=1e-13)
