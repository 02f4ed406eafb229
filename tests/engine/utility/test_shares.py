"""Shares of values behind labels: against class-by-class spreading in fractions, and by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive.spreading import shares, spread_class
from shoal_engine.utility.memberships import Memberships, Ranges, Sets
from shoal_engine.utility.shares import spread_column

Drawn = tuple[Memberships, list[int], list[int]]


@st.composite
def columns(draw: Any) -> Drawn:
    n_values, n_labels = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    occur = np.array(draw(st.lists(st.booleans(), min_size=n_labels, max_size=n_labels)))
    found: Memberships
    if draw(st.booleans()):
        ends = [sorted(draw(st.tuples(*[st.integers(0, n_values - 1)] * 2))) for _ in range(n_labels)]
        found = Ranges(n_values, np.array([e[0] for e in ends]), np.array([e[1] for e in ends]), occur)
    else:
        members = [draw(st.sets(st.integers(0, n_values - 1), min_size=1)) for _ in range(n_labels)]
        flags = np.array([[value in one for value in range(n_values)] for one in members])
        found = Sets.of_flags(flags, occur)
    label_of_class = draw(st.lists(st.integers(0, n_labels - 1), min_size=1, max_size=6))
    rows = draw(st.lists(st.integers(1, 9), min_size=len(label_of_class), max_size=len(label_of_class)))
    return found, label_of_class, rows


@given(columns(), st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_spread_column__equals_class_by_class_spreading(drawn: Drawn, rounds: int) -> None:
    memberships, label_of_class, rows = drawn
    labels = [(memberships.members(i).tolist(), memberships.known_members(i).tolist()) for i in label_of_class]
    classes = list(zip(rows, labels, strict=True))
    found = spread_column(memberships, np.array(label_of_class), np.array(rows), rounds=rounds)
    expected = shares(classes, memberships.n_values, rounds)
    assert found.share == pytest.approx([float(one) for one in expected], abs=1e-9)
    weight = np.arange(1.0, memberships.n_values + 1)
    by_class = [
        float(sum(expected_rows * (value + 1) for value, expected_rows in spread_class(n, label, expected).items()))
        if sum(expected[value] for value in label[0])
        else None
        for n, label in classes
    ]
    for one, twin in zip(found.expected(weight), by_class, strict=True):
        assert twin is None or one == pytest.approx(twin)


@given(columns())
@settings(max_examples=100, deadline=None)
def test_spread_column__every_row_goes_to_some_value(drawn: Drawn) -> None:
    memberships, label_of_class, rows = drawn
    found = spread_column(memberships, np.array(label_of_class), np.array(rows))
    assert found.expected(np.ones(memberships.n_values)) == pytest.approx(np.array(rows, float))
    assert found.share.sum() == pytest.approx(1.0)
    assert (found.share > 0).all()


def test_spread_column__single_values_are_counted() -> None:
    labels = Ranges(3, np.array([0, 1, 2]), np.array([0, 1, 2]), np.array([True] * 3))
    found = spread_column(labels, np.array([0, 1, 2]), np.array([5, 3, 2]))
    assert found.share == pytest.approx([0.5, 0.3, 0.2])


def test_spread_column__a_class_as_large_as_its_label_is_known() -> None:
    # Two rows under [10, 40] are one of 10 and one of 40, whatever lies between.
    labels = Ranges(4, np.array([0]), np.array([3]), np.array([True]))
    found = spread_column(labels, np.array([0]), np.array([2]))
    assert [found.expected(row)[0] for row in np.eye(4)] == pytest.approx([1.0, 0.0, 0.0, 1.0])
