"""Bulyan."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import distance_rules as naive
from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.rules.krum import Bulyan, selection
from shoal_engine.federated.sums.distances import squared_distances
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult
from shoal_engine.federated.updates.update import Update

KNOWN = np.array(
    [
        [0.1, 0.9, 0.5, -1.0],
        [0.2, 0.8, 0.5, -2.0],
        [0.3, 0.7, 0.5, -3.0],
        [0.4, 0.6, 0.5, -4.0],
        [0.5, 0.5, 0.5, -5.0],
        [100.0, -100.0, 0.5, 7.0],
        [0.6, 0.4, 0.5, -6.0],
        [0.7, 0.3, 0.5, -7.0],
        [0.8, 0.2, 0.5, -8.0],
        [0.9, 0.1, 0.5, -9.0],
        [1.0, 0.0, 0.5, -10.0],
    ]
)


def released(rows: np.ndarray, f: int) -> RoundResult:
    bulyan = Bulyan(f=f)
    for u, row in enumerate(rows):
        bulyan.observe(Update.of_arrays({"w": row}, node=f"n{u:02}"))
    return bulyan.release()


def test_bulyan__known_answer() -> None:
    # Rows lie on a record in equal steps: only neighbors that shrink with the set lead to this selection, and of values
    # as far from the median only the lower to this mean.
    found = released(KNOWN, 2)
    expected = [0.5333333333, 0.6, 0.5, -5.3333333333]
    assert found.model.arrays()["w"].tolist() == pytest.approx(expected, rel=1e-9)
    assert not found.report["kept"].to_pylist()[5]


@settings(deadline=None)
@given(f=st.integers(0, 2), extra=st.integers(0, 3), seed=st.integers(0, 2**32 - 1))
def test_bulyan__equals_naive(f: int, extra: int, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_cauchy(size=(4 * f + 3 + extra, 6))
    found = released(rows, f).model.arrays()["w"]
    np.testing.assert_allclose(found, naive.bulyan(rows.tolist(), f), rtol=1e-12, atol=1e-12)


@settings(deadline=None)
@given(rows=st.lists(st.lists(st.integers(-4, 4), min_size=3, max_size=3), min_size=11, max_size=14))
def test_selection__equals_naive_with_ties(rows: list[list[int]]) -> None:
    points = [[float(x) for x in row] for row in rows]
    squares = squared_distances([Model.of_arrays({"w": np.array(row)}) for row in points])[:-1, :-1]
    assert selection(squares, 2) == naive.bulyan_selection(points, 2)


def test_bulyan__report() -> None:
    report = released(KNOWN, 2).report
    assert sum(report["kept"].to_pylist()) == 7
    assert report["reason"].to_pylist().count("left out by the rule") == 4
    assert report["distance"].to_pylist() == pytest.approx(naive.krum_scores(KNOWN.tolist(), 2))


@pytest.mark.parametrize("f", [1, 2, 3])
def test_bulyan__needs_four_f_and_three(f: int) -> None:
    rows = np.arange(4.0 * f + 3).reshape(-1, 1)
    assert released(rows, f).model.size == 1
    with pytest.raises(TooFewUpdates, match=f"{4 * f + 3} good updates are needed by Bulyan with f={f}"):
        released(rows[:-1], f)


def test_bulyan__bad_parameters() -> None:
    with pytest.raises(UpdateError):
        Bulyan(f=-1)
