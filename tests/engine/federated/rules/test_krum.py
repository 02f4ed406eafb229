"""Krum and Multi-Krum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import distance_rules as naive
from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.rules.krum import Krum, MultiKrum, krum_scores
from shoal_engine.federated.updates.round import RoundResult
from shoal_engine.federated.updates.update import Update


def released(rule: Krum | MultiKrum, rows: list[list[float]]) -> RoundResult:
    for u, row in enumerate(rows):
        rule.observe(Update.of_arrays({"w": np.array(row)}, node=f"n{u:02}"))
    return rule.release()


# Whole numbers, whose squared distances are exact and tie often.
whole = st.integers(1, 4).flatmap(
    lambda d: st.lists(st.lists(st.integers(-5, 5).map(float), min_size=d, max_size=d), min_size=7, max_size=14)
)


@settings(deadline=None)
@given(rows=whole, f=st.integers(0, 2))
def test_krum__equals_naive(rows: list[list[float]], f: int) -> None:
    found = released(Krum(f=f), rows)
    assert found.model.arrays()["w"].tolist() == rows[naive.krum(rows, f)]
    assert [row["distance"] for row in found.report.to_pylist()] == naive.krum_scores(rows, f)


@settings(deadline=None)
@given(rows=whole, f=st.integers(0, 2), m=st.integers(1, 5))
def test_multi_krum__equals_naive(rows: list[list[float]], f: int, m: int) -> None:
    found = released(MultiKrum(f=f, m=m), rows)
    assert found.model.arrays()["w"].tolist() == pytest.approx(naive.multi_krum(rows, f, m), rel=1e-15)


def test_krum__known_answer() -> None:
    # Of 6, with f = 1, 3 neighbors count: scores are 1+4+9, 1+1+4, 1+1+4, 1+4+9, and two far ones.
    found = released(Krum(f=1), [[1.0], [2.0], [3.0], [4.0], [50.0], [90.0]])
    assert found.model.arrays()["w"].tolist() == [2.0]
    assert [row["distance"] for row in found.report.to_pylist()][:4] == [14.0, 6.0, 6.0, 14.0]


def test_krum__result_is_the_update_itself() -> None:
    krum, given_arrays = Krum(f=0), [np.array([0.0, float(u)]) for u in range(3)]
    for u, array in enumerate(given_arrays):
        krum.observe(Update.of_arrays({"w": array}, node=f"n{u}"))
    assert np.shares_memory(krum.release().model.arrays()["w"], given_arrays[0])


def test_krum__report() -> None:
    report = released(Krum(f=1), [[3.0, 4.0], [3.0, 4.0], [3.0, 4.0], [0.0, 0.0], [600.0, 800.0]]).report
    assert report["kept"].to_pylist() == [True, False, False, False, False]
    assert report["reason"].to_pylist() == [None, *["left out by the rule"] * 4]
    assert report["norm"].to_pylist() == [5.0, 5.0, 5.0, 0.0, 1000.0]


def test_multi_krum__mean_is_exact_and_unweighted() -> None:
    rule = MultiKrum(f=0, m=3)
    for u, x in enumerate((0.1, 0.2, 0.3)):
        rule.observe(Update.of_arrays({"w": np.array([x])}, node=f"n{u}", weight=10.0**u))
    assert rule.release().model.arrays()["w"].tolist() == pytest.approx([0.2], rel=1e-15)


def test_multi_krum__m_by_default() -> None:
    report = released(MultiKrum(f=2), [[float(u)] for u in range(11)]).report
    assert sum(report["kept"].to_pylist()) == 11 - 2 - 2


@pytest.mark.parametrize(("f", "n"), [(1, 4), (2, 6), (5, 12)])
def test_krum__needs_more_than_two_f_and_two(f: int, n: int) -> None:
    rows = [[float(u)] for u in range(n)]
    with pytest.raises(TooFewUpdates, match=f"{n + 1} good updates are needed by Krum with f={f}, and there are {n}"):
        released(Krum(f=f), rows)
    with pytest.raises(TooFewUpdates, match="Multi-Krum"):
        released(MultiKrum(f=f), rows)
    assert released(Krum(f=f), [*rows, [0.0]]).model.size == 1


def test_krum__too_few_that_are_finite() -> None:
    with pytest.raises(TooFewUpdates, match="there are 4"):
        released(Krum(f=1), [[0.0], [1.0], [2.0], [3.0], [float("nan")]])


def test_multi_krum__needs_m_among_friends() -> None:
    with pytest.raises(TooFewUpdates, match="m=6"):
        released(MultiKrum(f=1, m=6), [[float(u)] for u in range(6)])


def test_krum__bad_parameters() -> None:
    with pytest.raises(UpdateError):
        Krum(f=-1)
    with pytest.raises(UpdateError):
        MultiKrum(f=-1)
    with pytest.raises(UpdateError):
        MultiKrum(f=1, m=0)


def test_krum_scores__of_one() -> None:
    assert krum_scores(np.zeros((1, 1)), 0).tolist() == [0.0]
