"""Linkage on classes against a twin that compares every person with every class, set by set."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from naive import class_matching as naive
from shoal_engine.attack import matching
from shoal_engine.attack.intersection import KeptClasses, common_candidates
from shoal_engine.attack.labels import Labels
from shoal_engine.attack.matching import Matches, ReleasedClasses, SensitiveCells, match

Case = dict[str, Any]


def ranges_of(sets: list[frozenset[int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a range for each value of each set, to be joined."""
    rows = [(i, value, value) for i, one in enumerate(sets) for value in sorted(one)]
    label, low, high = np.array(rows, np.int64).reshape(-1, 3).T
    return label, low, high


def labels_of(column: list[frozenset[int]], n_values: int) -> Labels:
    distinct = sorted(set(column), key=sorted)
    of_class = np.array([distinct.index(one) for one in column], np.int64)
    return Labels.of_ranges(of_class, *ranges_of(distinct), n_labels=len(distinct), n_values=n_values)


def released(case: Case) -> ReleasedClasses:
    columns = [
        labels_of([labels[j] for labels in case["classes"]], n_values) for j, n_values in enumerate(case["n_values"])
    ]
    start = np.cumsum([0, *(len(one) for one in case["values"])])
    value = np.array([value for one in case["values"] for value in sorted(one)], np.int64)
    rows = np.array([one[value] for one in case["values"] for value in sorted(one)], np.int64)
    # Values without gaps, as a release has them.
    _, value = np.unique(value, return_inverse=True)
    cells = SensitiveCells.of_counts(start.astype(np.int64), value.astype(np.int64), rows)
    return ReleasedClasses(columns, np.array(case["size"], np.int64), {"ill": cells})


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a release of labels that are any sets, and people."""
    n_values = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    label = [st.frozensets(st.integers(0, n - 1), min_size=1, max_size=n) for n in n_values]
    classes = draw(st.lists(st.tuples(*label), min_size=1, max_size=draw(st.sampled_from([3, 9, 150]))))
    values = [draw(st.dictionaries(st.integers(0, 3), st.integers(1, 3), min_size=1)) for _ in classes]
    person = st.tuples(*(st.none() | st.integers(0, n - 1) for n in n_values))
    people = draw(st.lists(person, min_size=1, max_size=8))
    own = [draw(st.none() | st.integers(0, len(classes) - 1)) for _ in people]
    return {
        "n_values": n_values,
        "classes": [list(one) for one in classes],
        "values": values,
        "size": [sum(one.values()) for one in values],
        "people": [list(one) for one in people],
        "own": own,
        "mismatches": draw(st.integers(0, 4)),
    }


def known_of(case: Case) -> np.ndarray:
    return np.array([[-1 if value is None else value for value in one] for one in case["people"]], np.int64).T


def ours(case: Case, **options: Any) -> Matches:
    own = np.array([-1 if one is None else one for one in case["own"]], np.int64)
    return match(released(case), known_of(case), mismatches=case["mismatches"], own=own, **options)


def theirs(case: Case) -> list[naive.Found]:
    return [
        naive.look_up(case["classes"], case["size"], case["values"], case["n_values"], person, case["mismatches"], own)
        for person, own in zip(case["people"], case["own"], strict=True)
    ]


@settings(max_examples=150, deadline=None)
@given(case=cases(), cells=st.sampled_from([0, 1 << 16]), n_threads=st.sampled_from([1, 2]))
def test_match__equals_the_twin_in_every_field(case: Case, cells: int, n_threads: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Sensitive counts in compressed rows, or as a table.
        patch.setattr(matching, "MOST_TABLE_CELLS", cells)
        patch.setattr(matching, "MOST_CELLS_PER_COUNT", min(cells, 6))
        found = ours(case, n_threads=n_threads)
    twins = theirs(case)
    assert_array_equal(found.classes, [len(one.classes) for one in twins])
    assert_array_equal(found.rows, [one.rows for one in twins])
    for name in ("total", "best"):
        assert_allclose(getattr(found, name), [getattr(one, name) for one in twins], rtol=1e-9)
    for name in ("even", "weighted"):
        expected = [np.nan if own is None else getattr(one, name) for one, own in zip(twins, case["own"], strict=True)]
        assert_allclose(getattr(found, name), expected, rtol=1e-9)


@settings(max_examples=150, deadline=None)
@given(case=cases(), cells=st.sampled_from([0, 1 << 16]))
def test_match__learns_what_the_twin_learns(case: Case, cells: int) -> None:
    occurring = sorted({value for one in case["values"] for value in one})
    own = np.arange(len(case["people"])) % (len(occurring) + 1) - 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "MOST_TABLE_CELLS", cells)
        patch.setattr(matching, "MOST_CELLS_PER_COUNT", min(cells, 6))
        found = ours(case, own_values={"ill": own}).learned["ill"]
    rows = {value: sum(one.get(value, 0) for one in case["values"]) for value in occurring}
    for t, twin in enumerate(theirs(case)):
        assert found.distinct[t] == len(twin.left)
        if not twin.left:
            assert (found.guess[t], found.top[t], found.lift[t], found.own[t]) == (-1, 0, 0, 0)
            continue
        even = {value: count / twin.rows for value, count in twin.left.items()}
        share = {value: weight / twin.total for value, weight in twin.weights.items()}
        base = {value: count / sum(rows.values()) for value, count in rows.items()}
        mine = occurring[own[t]] if own[t] >= 0 else None
        assert found.even_top[t] == pytest.approx(max(even.values()))
        assert found.top[t] == pytest.approx(max(share.values()))
        assert share[occurring[found.guess[t]]] == pytest.approx(max(share.values()))
        assert found.even_lift[t] == pytest.approx(max(even[value] / base[value] for value in even))
        assert found.lift[t] == pytest.approx(max(share[value] / base[value] for value in share))
        assert found.even_own[t] == pytest.approx(0.0 if mine is None else even.get(mine, 0.0))
        assert found.own[t] == pytest.approx(0.0 if mine is None else share.get(mine, 0.0))


@settings(max_examples=100, deadline=None)
@given(case=cases(), mismatches=st.integers(1, 4), slots=st.sampled_from([0, 1, 2]))
def test_match__mismatches_are_the_same_whatever_is_remembered(case: Case, mismatches: int, slots: int) -> None:
    case["mismatches"] = mismatches
    # Few slots, which sets of known values take from each other; without any, each class is visited.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "MOST_SLOTS", slots)
        found = ours(case)
    twins = theirs(case)
    assert_array_equal(found.classes, [len(one.classes) for one in twins])
    assert_array_equal(found.rows, [one.rows for one in twins])
    for name in ("total", "best"):
        assert_allclose(getattr(found, name), [getattr(one, name) for one in twins], rtol=1e-9)
    assert_array_equal(found.learned["ill"].distinct, [len(one.left) for one in twins])
    tops = [max((weight / one.total for weight in one.weights.values()), default=0.0) for one in twins]
    assert_allclose(found.learned["ill"].top, tops, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_match__is_the_same_in_small_blocks(case: Case) -> None:
    whole = ours(case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "MOST_BITMAP_BYTES", 8)
        cut = ours(case)
    for name in ("classes", "rows", "total", "best", "even", "weighted"):
        assert_array_equal(getattr(cut, name), getattr(whole, name))
    assert_array_equal(cut.learned["ill"].lift, whole.learned["ill"].lift)
    assert_array_equal(cut.learned["ill"].distinct, whole.learned["ill"].distinct)


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_match__right_record_has_at_most_one_over_the_size_of_its_class(case: Case) -> None:
    found = ours(case)
    for t, own in enumerate(case["own"]):
        if own is not None:
            assert found.even[t] <= 1 / case["size"][own] + 1e-12
            # A class that disagrees somewhere counts with the least weight, and that is below any of its rows' own.
            assert case["mismatches"] or found.weighted[t] <= 1 / case["size"][own] + 1e-12


@settings(max_examples=60, deadline=None)
@given(case=cases(), second=cases())
def test_common_candidates__equals_the_twin(case: Case, second: Case) -> None:
    # The same people and columns, other classes.
    second = {**second, "n_values": case["n_values"]}
    second["classes"] = [
        [frozenset(value % n for value in labels[j % len(labels)]) for j, n in enumerate(case["n_values"])]
        for labels in second["classes"]
    ]
    every = sorted({value for one in (*case["values"], *second["values"]) for value in one})

    def side(one: Case) -> KeptClasses:
        start = np.cumsum([0, *(len(values) for values in one["values"])]).astype(np.int64)
        value = np.array([every.index(v) for values in one["values"] for v in sorted(values)], np.int64)
        rows = np.array([values[v] for values in one["values"] for v in sorted(values)], np.int64)
        cells = SensitiveCells(start, value, rows, np.full(len(every), 1 / len(every)))
        return KeptClasses(ReleasedClasses(released(one).columns, np.array(one["size"], np.int64), {}), cells)

    known, most = known_of(case), case["mismatches"]
    values = [None if one is None else min(case["values"][one]) for one in case["own"]]
    # A record has a class of its own in each release, and the same kept values.
    others = [None if one is None else one % len(second["classes"]) for one in case["own"]]
    mine = [[-1 if one is None else one for one in row] for row in (case["own"], others)]
    own = np.array([*mine, [-1 if one is None else every.index(one) for one in values]], np.int64)
    found = common_candidates(side(case), known, side(second), known, mismatches=most, own=own, n_threads=1)
    alike = {**second, "people": case["people"], "own": others, "mismatches": most}
    twins = list(zip(theirs(case), theirs(alike), strict=True))
    assert_array_equal(found.candidates, [naive.common(one.left, two.left) for one, two in twins])
    chances = [naive.common_by_weight(*two, value) for two, value in zip(twins, values, strict=True)]
    assert_allclose(found.claimed, [claimed for claimed, _ in chances], rtol=1e-9)
    rights = [np.nan if value is None else right for (_, right), value in zip(chances, values, strict=True)]
    assert_allclose(found.weighted, rights, rtol=1e-9)


def test_match__disjoint_classes_and_everything_known_find_classes_over_rows() -> None:
    size = np.array([2, 3, 5], np.int64)
    labels = Labels.of_ranges(
        np.arange(3), np.arange(3), np.array([0, 2, 5]), np.array([1, 4, 9]), n_labels=3, n_values=10
    )
    own = np.repeat(np.arange(3), size)
    known = np.array([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]])
    found = match(ReleasedClasses([labels], size, {}), known, own=own)
    assert found.even.mean() == pytest.approx(3 / 10)
    assert found.weighted.mean() == pytest.approx(3 / 10)


def test_match__nothing_known_gives_the_base_rate() -> None:
    size = np.array([2, 3], np.int64)
    labels = Labels.of_ranges(np.arange(2), np.arange(2), np.array([0, 1]), np.array([0, 1]), n_labels=2, n_values=2)
    cells = SensitiveCells.of_counts(np.array([0, 2, 3]), np.array([0, 1, 1]), np.array([1, 1, 3]))
    own_values = np.array([0, 1, 1, 1, 1])
    found = match(
        ReleasedClasses([labels], size, {"ill": cells}),
        np.full((1, 5), -1),
        own=np.array([0, 0, 1, 1, 1]),
        own_values={"ill": own_values},
    )
    assert found.even.tolist() == found.weighted.tolist() == [1 / 5] * 5
    # The sum of squared shares.
    assert found.learned["ill"].own.mean() == pytest.approx((1 / 5) ** 2 + (4 / 5) ** 2)
    assert found.learned["ill"].even_own.mean() == pytest.approx((1 / 5) ** 2 + (4 / 5) ** 2)
