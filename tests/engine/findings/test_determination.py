"""Approximate functional dependencies, against the obvious count over rows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.findings.determination import Pairs, agreement, agreement_along


def pairs_of(x: list[int], y: list[int]) -> Pairs:
    found = sorted(Counter(zip(x, y, strict=True)).items())
    columns = [np.array(column, np.int64) for column in ([p[0] for p, _ in found], [p[1] for p, _ in found])]
    return Pairs(*columns, np.array([n for _, n in found], np.int64))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=2, max_size=40))
def test_agreement__equals_naive(rows: list[tuple[int, int]]) -> None:
    x, y = [r[0] for r in rows], [r[1] for r in rows]
    good = compared = 0
    for value in set(x):
        mine = [b for a, b in rows if a == value]
        compared += len(mine) - 1
        good += max(Counter(mine).values()) - 1
    found = agreement(pairs_of(x, y))
    assert found.compared == compared
    assert found.share == pytest.approx(good / compared if compared else 0.0)
    assert found.base == pytest.approx((max(Counter(y).values()) - 1) / (len(y) - 1))


def test_agreement__copies_refinements_and_what_follows() -> None:
    district = [0] * 20 + [1] * 20 + [2] * 20
    chiefdom = [d * 4 + i % 4 for i, d in enumerate(district)]
    assert agreement(pairs_of(district, [2 - d for d in district])).nearly_determined
    assert agreement(pairs_of(chiefdom, district)).nearly_determined
    assert not agreement(pairs_of(district, chiefdom)).nearly_determined


def test_agreement__a_few_errors_are_borne() -> None:
    town = [0] * 50 + [1] * 50
    harbor = [1, 1, *town[2:]]
    assert agreement(pairs_of(harbor, town)).nearly_determined


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0] * 30, [0] * 27 + [1] * 3),  # guessing is as good
        (list(range(30)), [0, 1] * 15),  # nothing repeats
        ([0] * 30, [1] * 30),  # there is nothing to determine
        ([0, 0, 1, 1], [0, 0, 1, 1]),  # too few rows to be no chance
        ([], []),
        ([0], [0]),
    ],
)
def test_agreement__of_what_does_not_determine(x: list[int], y: list[int]) -> None:
    assert not agreement(pairs_of(x, y)).nearly_determined


def test_agreement__chance_is_not_taken_for_a_dependency() -> None:
    words = np.random.default_rng(3)
    found = [pairs_of(*words.integers(0, 3, (2, 12)).tolist()) for _ in range(300)]
    assert not any(agreement(pairs).nearly_determined or agreement_along(pairs).nearly_determined for pairs in found)


def test_agreement_along__values_that_never_repeat() -> None:
    born = list(range(400))
    age = [(400 - day) // 10 for day in born]
    assert agreement_along(pairs_of(born, age)).nearly_determined
    assert agreement_along(pairs_of(age, born)).nearly_determined


def test_agreement_along__is_quiet_on_independent_columns() -> None:
    words = np.random.default_rng(5)
    x, y = words.integers(0, 1000, (2, 2000)).tolist()
    found = agreement_along(pairs_of(x, y))
    assert not found.nearly_determined
    assert found.share == pytest.approx(found.base, abs=0.03)


def test_agreement_along__equal_values_lie_in_no_order() -> None:
    # Two values of x say nearly nothing of y: neighbors among equal x must not be neighbors in y.
    x, y = [0, 1] * 500, list(range(1000))
    found = agreement_along(pairs_of(x, y))
    assert found.share == pytest.approx(found.base, abs=0.05)
