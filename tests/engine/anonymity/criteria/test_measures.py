import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from naive import sensitive as naive
from naive.tables import Model, Table, tables
from shoal_engine.anonymity.criteria.measures import class_sizes, measure, nearest, satisfied, worst
from shoal_engine.anonymity.criteria.unit_criteria import without_absent
from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import (
    ALPHA,
    BETA,
    BETA_ENHANCED,
    CLOSE_EQUAL,
    CLOSE_ORDERED,
    CLOSE_TREE,
    DELTA,
    DELTA_STRICT,
    DISTINCT,
    ENTROPY,
    GRASSBERGER,
    RECURSIVE,
    Cells,
    Models,
)

EVERY: list[Model] = [
    (DISTINCT, 2, 0.0),
    (ENTROPY, 0, 2.0),
    (RECURSIVE, 2, 3.0),
    (CLOSE_EQUAL, 0, 0.4),
    (CLOSE_ORDERED, 0, 0.4),
    (GRASSBERGER, 0, 2.1),
    (DELTA, 0, 1.1),
    (DELTA_STRICT, 0, 1.1),
    (BETA, 0, 0.7001),
    (BETA_ENHANCED, 0, 0.7001),
    (ALPHA, 0, 0.61),
]


@st.composite
def partitioned(draw: st.DrawFn) -> tuple[Table, list[int]]:
    """Draw a table and a class for each tuple; class 0 and class 1 are never empty, -1 is left out."""
    table = draw(tables(n_values=7))
    assume(len(table.codes) >= 2)
    rest = draw(st.lists(st.integers(-1, 1), min_size=len(table.codes) - 2, max_size=len(table.codes) - 2))
    return table, [1, 0, *rest]


@given(partitioned())
@settings(deadline=None)
def test_measure__equals_naive(case: tuple[Table, list[int]]) -> None:
    table, classes = case
    measured = measure(table.cells(), np.array(classes), 2, table.models(2, EVERY))
    whole = table.counts(range(len(classes)))
    reference = [Fraction(c, sum(whole)) for c in whole]
    for c in (0, 1):
        counts = table.counts([i for i in range(len(classes)) if classes[i] == c])
        ranked = sorted(counts, reverse=True)
        shares = [x / sum(counts) for x in counts if x]
        rest = sum(ranked[1:])
        expected = [
            len(shares),
            math.exp(-sum(p * math.log(p) for p in shares)),
            ranked[0] / rest if rest else math.inf,
            float(naive.distance_equal(counts, reference)),
            float(naive.distance_ordered(counts, reference)),
            naive.grassberger_values(counts),
            naive.delta(counts, reference, strict=False),
            naive.delta(counts, reference, strict=True),
            float(naive.beta(counts, reference)),
            naive.beta_enhanced(counts, reference),
            float(naive.alpha(counts)),
        ]
        assert measured[:, c] == pytest.approx(expected, abs=1e-12)


@given(partitioned())
@settings(deadline=None)
def test_measure__tree_distance_equals_naive(case: tuple[Table, list[int]]) -> None:
    table, classes = case
    levels = [[0, 3, 1, 2, 5, 6, 4], [0, 0, 1, 1, 2, 0, 2], [0, 0, 0, 0, 1, 0, 1], [0] * 7]
    models = freeze(
        table.models(2, [(CLOSE_TREE, 0, 0.5)])._replace(
            depth=np.array([4]), ancestor=np.array([node for level in levels for node in level])
        )
    )
    whole = table.counts(range(len(classes)))
    reference = [Fraction(c, sum(whole)) for c in whole]
    measured = measure(table.cells(), np.array(classes), 2, models)
    for c in (0, 1):
        counts = table.counts([i for i in range(len(classes)) if classes[i] == c])
        assert measured[0, c] == pytest.approx(float(naive.distance_tree(counts, reference, levels)), abs=1e-12)


@given(partitioned(), st.integers(1, 4), st.sets(st.sampled_from(EVERY)))
@settings(deadline=None)
def test_satisfied__equals_naive(case: tuple[Table, list[int]], k: int, chosen: set[Model]) -> None:
    table, classes = case
    models = list(chosen)
    expected = all(table.holds([i for i in range(len(classes)) if classes[i] == c], k, models) for c in (0, 1))
    weight = np.array(table.weight)
    assert satisfied(weight, table.cells(), table.models(k, models), np.array(classes), 2) == expected


@given(partitioned())
@settings(deadline=None)
def test_class_sizes__sum_rows_and_leave_out(case: tuple[Table, list[int]]) -> None:
    table, classes = case
    expected = [sum(w for w, own in zip(table.weight, classes, strict=True) if own == c) for c in (0, 1)]
    assert_array_equal(class_sizes(np.array(table.weight), np.array(classes), 2), expected)


@given(partitioned())
@settings(deadline=None)
def test_worst__takes_the_least_protected_class(case: tuple[Table, list[int]]) -> None:
    table, classes = case
    models = table.models(2, EVERY)
    measured = measure(table.cells(), np.array(classes), 2, models)
    found = worst(table.cells(), np.array(classes), 2, models)
    more_is_better = np.isin(models.kind, (DISTINCT, ENTROPY, GRASSBERGER))
    assert_array_equal(found, np.where(more_is_better, measured.min(axis=1), measured.max(axis=1)))


def one_column(counts_by_class: list[list[int]], kind: int, **given: list[int]) -> tuple[Cells, Models, np.ndarray]:
    """Return cells with one tuple for each class, and one model whose reference is the whole table."""
    counts = np.array(counts_by_class, np.int64)
    tuples, values = np.nonzero(counts)
    start = np.searchsorted(tuples, np.arange(len(counts) + 1)).astype(np.int64)
    cells = Cells(start, values.astype(np.int64), counts[tuples, values])
    one = np.ones(1, np.int64)
    models = Models(
        k=one,
        kind=one * kind,
        first=one * 0,
        last=one * counts.shape[1],
        count=one * 2,
        limit=np.ones(1),
        reference=counts.sum(axis=0) / counts.sum(),
        depth=np.array(given.get("depth", [0]), np.int64),
        tree_start=one * 0,
        ancestor=np.array(given.get("ancestor", []), np.int64),
    )
    return freeze(cells), freeze(models), np.arange(len(counts))


def test_measure__salaries_of_li_2007() -> None:
    """Section 4.1 and table 5: P1 = {3k, 4k, 5k}, P2 = {6k, 8k, 11k} of {3k .. 11k}; 0.375 and 0.167."""
    rest = [0, 0, 0, 0, 1, 0, 1, 1, 0]
    classes = [[1, 1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 1, 0, 0, 1], rest]
    measured = measure(*order(one_column(classes, CLOSE_ORDERED)))
    assert measured[0, :2] == pytest.approx([0.375, 1 / 6], abs=1e-15)


def order(case: tuple[Cells, Models, np.ndarray]) -> tuple[Cells, np.ndarray, int, Models]:
    cells, models, classes = case
    return cells, classes, len(classes), models


def test_measure__hierarchical_distance_by_hand() -> None:
    """Six diseases, two parents of three under one root, each once: class {a, b, c} against a sixth each.

    Half of the mass crosses the root (height 2 of 2): 0.5. Within the left parent nothing is missing.
    A class with one disease of each parent moves 2/3 within parents (height 1 of 2): 1/3.
    """
    ancestor = [0, 1, 2, 3, 4, 5, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    classes = [[2, 2, 2, 0, 0, 0], [1, 0, 0, 1, 0, 0], [0, 1, 1, 2, 3, 3]]
    measured = measure(*order(one_column(classes, CLOSE_TREE, depth=[3], ancestor=ancestor)))
    assert measured[0, :2] == pytest.approx([0.5, 1 / 3], abs=1e-15)


def test_without_absent__parents_that_occur_are_numbered_and_distances_stay() -> None:
    """Six leaves, three parents of two under one root; the first parent and its leaves do not occur."""
    ancestor = [0, 1, 2, 3, 4, 5, 0, 0, 1, 1, 2, 2, 0, 0, 0, 0, 0, 0]
    counts = [[0, 0, 2, 1, 0, 0], [0, 0, 0, 1, 1, 1]]
    cells, models, classes = one_column(counts, CLOSE_TREE, depth=[3], ancestor=ancestor)
    fewer = freeze(without_absent(models, np.array([False, False, True, True, True, True])))
    assert fewer.ancestor.reshape(3, 4).tolist() == [[0, 1, 2, 3], [0, 0, 1, 1], [0, 0, 0, 0]]
    assert (fewer.first.tolist(), fewer.last.tolist(), fewer.tree_start.tolist()) == ([0], [4], [0])
    assert fewer.reference.tolist() == models.reference[2:].tolist()
    moved = freeze(cells._replace(value=cells.value - 2))
    assert measure(moved, classes, 2, fewer).tolist() == measure(cells, classes, 2, models).tolist()


def test_measure__inpatients_of_machanavajjhala_2007() -> None:
    """Their 4-anonymous table: heart 2 viral 2; cancer 2 heart 1 viral 1; cancer 4. Their 3-diverse one passes."""
    anonymous = [[2, 2, 0], [1, 1, 2], [0, 0, 4]]
    diverse = [[1, 1, 2], [1, 1, 2], [1, 1, 2]]
    cells = order(one_column(anonymous, DISTINCT))
    assert_array_equal(measure(*cells)[0], [2, 3, 1])
    assert_array_equal(measure(*order(one_column(diverse, DISTINCT)))[0], [3, 3, 3])
    effective = measure(*order(one_column(diverse, ENTROPY)))[0]
    assert effective == pytest.approx([2 * math.sqrt(2)] * 3)
    assert_array_equal(measure(*order(one_column(anonymous, RECURSIVE)))[0], [1.0, 1.0, math.inf])


def test_measure__equal_counts_reach_a_whole_number_of_values() -> None:
    measured = measure(*order(one_column([[7] * 6, [1, 0, 0, 1, 1, 0]], ENTROPY)))
    assert_array_equal(measured[0], [6.0, 3.0])


def test_nearest__names_what_the_whole_table_misses() -> None:
    table = Table([0], [2], [1], [(0,), (1,)], [[0, 0, 0], [0, 1, 1]], 2)
    weight = np.array(table.weight)
    missed = table.models(7, [(DISTINCT, 3, 0.0), (ENTROPY, 0, 2.0), (RECURSIVE, 2, 2.0)])
    can = nearest(weight, table.cells(), missed)
    entropy = 6 / (4**4 * 2**2) ** (1 / 6)
    assert can.keys() == {"k", "distinct l", "entropy l", "recursive c"}
    assert (can["k"], can["distinct l"]) == (6, 2)
    assert entropy - 1e-4 < can["entropy l"] <= entropy
    assert 2.0 < can["recursive c"] <= 2.0001
    met = [(DISTINCT, 2, 0.0), (ENTROPY, 0, can["entropy l"]), (RECURSIVE, 2, can["recursive c"])]
    assert satisfied(weight, table.cells(), table.models(6, met), np.zeros(2, np.int64), 1)
    assert nearest(weight, table.cells(), table.models(6, met)) == {}


def test_nearest__no_c_is_enough_where_values_are_too_few() -> None:
    table = Table([0], [1], [1], [(0,)], [[0, 0]], 2)
    assert nearest(np.array([2]), table.cells(), table.models(2, [(RECURSIVE, 2, 2.0)])) == {}
