"""What a released table alone shows of kept columns that undo its labels."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from shoal_engine.anonymity.policy.hierarchies import Dates
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.findings.determination import Agreement
from shoal_engine.findings.narrowed_labels import Ranges, Sets, _in_common, narrowing, read_labels

ROLE = QuasiIdentifier()


def narrowed(kept: list[int], labels: list[str | None], *, is_ordered: bool = False) -> Agreement | None:
    distinct = sorted(set(labels), key=lambda label: (label is not None, label))
    found = sorted(Counter(zip(kept, map(distinct.index, labels), strict=True)).items())
    of_kept, label, rows = (np.array(c, np.int64) for c in zip(*((*pair, n) for pair, n in found), strict=True))
    return narrowing(of_kept, label, rows, read_labels(distinct, ROLE), is_ordered=is_ordered)


@pytest.mark.parametrize(
    ("labels", "low", "high"),
    [
        (["[1, 3]", "3", "[10, 20)"], [0, 1, 2], [1, 1, 3]),
        (["[-2.5, -1]", "*", None], [0, -1, -1], [1, 0, 0]),
        (["[2020-01-01, 2021-05-05]", "2020-06-01"], [0, 1], [3, 2]),
        (["021**", "02134"], [0, 1], [3, 2]),
    ],
)
def test_read_labels__ranges(labels: list[Any], low: list[int], high: list[int]) -> None:
    read = read_labels(labels, ROLE)
    assert isinstance(read, Ranges)
    assert (read.low.tolist(), read.high.tolist()) == (low, high)


def test_read_labels__sets() -> None:
    read = read_labels(["{a, b}", "b", "*"], ROLE)
    assert isinstance(read, Sets)
    assert (read.start.tolist(), read.item.tolist()) == ([0, 2, 3, 3], [0, 1, 1])
    assert read.is_read.tolist() == [True, True, False]


def test_read_labels__months_hold_days() -> None:
    read = read_labels(["2020-01", "2020-01-15", "2020-02"], QuasiIdentifier(hierarchy=Dates()))
    assert isinstance(read, Ranges)
    assert read.low[0] < read.low[1]
    assert read.high[1] < read.high[0] < read.low[2]


@pytest.mark.parametrize("sets", [False, True])
def test_in_common__equals_naive(sets: bool) -> None:  # noqa: FBT001
    draw = np.random.default_rng(4)
    for _ in range(50):
        kept = draw.integers(0, 4, 25)
        low = draw.integers(0, 6, 25)
        spans = [(int(a), int(a + b)) for a, b in zip(low, draw.integers(0, 3, 25), strict=True)]
        texts = ["{" + ", ".join(map(str, range(a, b + 1))) + "}" if sets else f"[{a}, {b}]" for a, b in spans]
        distinct = sorted(set(texts))
        label = np.array([distinct.index(text) for text in texts])
        good = compared = 0
        for value in set(kept.tolist()):
            mine = [spans[i] for i in np.flatnonzero(kept == value)]
            good += max(sum(a <= point <= b for a, b in mine) for point in range(9)) - 1
            compared += len(mine) - 1
        assert _in_common(kept, label, read_labels(distinct, ROLE)) == (good, compared)


def people(n: int) -> tuple[list[int], list[str | None]]:
    """Return values from 0 to 19, and labels of width 2 to 5 that hold them."""
    draw = np.random.default_rng(8)
    value = draw.integers(0, 20, n)
    below, above = draw.integers(0, 3, (2, n)) + np.array([[1], [0]])
    return value.tolist(), [f"[{v - a}, {v + b}]" for v, a, b in zip(value, below, above, strict=True)]


def test_narrowing__of_a_copy() -> None:
    value, labels = people(300)
    found = narrowed([(v * 7) % 20 for v in value], labels)
    assert found is not None
    assert found.share == 1.0


def test_narrowing__of_values_that_never_repeat() -> None:
    value, labels = people(300)
    order = np.lexsort((np.arange(300), value))
    place = np.empty(300, np.int64)
    place[order] = np.arange(300)
    assert narrowed(place.tolist(), labels) is None
    assert narrowed(place.tolist(), labels, is_ordered=True) is not None


def test_narrowing__exact_labels_leave_nothing_to_narrow() -> None:
    value, _ = people(300)
    assert narrowed(value, [str(v) for v in value]) is None


@pytest.mark.parametrize("n_values", [2, 10, 100, 300])
def test_narrowing__independent_columns_do_not(n_values: int) -> None:
    _, labels = people(300)
    draw = np.random.default_rng(n_values)
    for _ in range(30):
        assert narrowed(draw.integers(0, n_values, 300).tolist(), labels, is_ordered=True) is None


def test_narrowing__wide_labels_meet_by_chance() -> None:
    labels: list[str | None] = [f"[{i % 4}, {i % 3 + 6}]" for i in range(200)]
    assert narrowed([i % 50 for i in range(200)], labels, is_ordered=True) is None
    assert narrowed([i % 50 for i in range(200)], ["*"] * 200) is None
