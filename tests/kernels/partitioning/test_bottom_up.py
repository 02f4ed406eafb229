import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from naive import bottom_up as naive
from naive.tables import Model, Table, tables
from shoal_kernels.criteria.privacy_models import CLOSE_EQUAL, DISTINCT, ENTROPY
from shoal_kernels.partitioning.bottom_up import group_bottom_up
from shoal_kernels.tables.dimensions import TREE

models = st.lists(
    st.sampled_from([(DISTINCT, 2, 0.0), (DISTINCT, 3, 0.0), (ENTROPY, 0, 2.0), (CLOSE_EQUAL, 0, 0.3183)]), max_size=2
)


def ours(table: Table, k: int, chosen: list[Model], word_bits: int = 64) -> tuple[list[int], int]:
    dims = table.dimensions(word_bits)
    n = len(table.codes)
    class_id, n_classes = np.full(n, 77, np.int64), np.zeros(1, np.int64)
    weight = np.array(table.weight, np.int64)
    group_bottom_up(
        dims, table.words(dims), weight, table.cells(), table.models(k, chosen), np.arange(n), class_id, n_classes
    )
    return class_id.tolist(), int(n_classes[0])


def members(class_id: list[int], c: int) -> list[int]:
    return [i for i, found in enumerate(class_id) if found == c]


@given(tables(max_rows=40), st.integers(1, 12), models)
@settings(deadline=None)
def test_group_bottom_up__classes_and_rest_satisfy_the_models(table: Table, k: int, chosen: list[Model]) -> None:
    assume(table.holds(range(len(table.codes)), k, chosen))
    class_id, n_classes = ours(table, k, chosen)
    assert set(range(n_classes)) <= set(class_id) <= set(range(-1, n_classes))
    for c in range(n_classes):
        assert table.holds(members(class_id, c), k, chosen)
    rest = members(class_id, -1)
    assert not rest or table.holds(rest, k, chosen)


@given(tables(max_rows=30, max_d=3), st.integers(1, 8), models)
@settings(deadline=None)
def test_group_bottom_up__takes_the_cells_of_naive(table: Table, k: int, chosen: list[Model]) -> None:
    everyone = list(range(len(table.codes)))
    assume(table.holds(everyone, k, chosen))
    class_id, n_classes = ours(table, k, chosen)
    taken = naive.cells(table, everyone, k, chosen)
    rest = sorted(set(everyone) - {i for cell in taken for i in cell})
    if taken and not chosen and sum(table.weight[i] for i in rest) < k:
        assert [sorted(set(members(class_id, c)) - set(rest)) for c in range(n_classes)] == taken
        return
    while rest and not table.holds(rest, k, chosen):
        rest += taken.pop()
    assert [members(class_id, c) for c in range(n_classes)] == taken
    assert members(class_id, -1) == sorted(rest)


@given(tables(max_rows=12, max_d=2), st.integers(2, 5))
@settings(deadline=None)
def test_group_bottom_up__a_single_tuple_left_over_joins_where_it_adds_least(table: Table, k: int) -> None:
    everyone = list(range(len(table.codes)))
    taken = naive.cells(table, everyone, k, [])
    rest = sorted(set(everyone) - {i for cell in taken for i in cell})
    if not taken or len(rest) != 1 or table.weight[rest[0]] >= k:
        return
    class_id, _ = ours(table, k, [])
    choices = [naive.total_loss(table, [*taken[:c], taken[c] + rest, *taken[c + 1 :]]) for c in range(len(taken))]
    assert choices[class_id[rest[0]]] == pytest.approx(min(choices), abs=1e-9)


@given(tables(max_rows=40), st.integers(1, 12))
@settings(deadline=None)
def test_group_bottom_up__several_words_make_no_difference(table: Table, k: int) -> None:
    assume(sum(table.weight) >= k)
    assert ours(table, k, [], word_bits=9) == ours(table, k, [])


def leaves(codes: list[tuple[int, ...]], sizes: list[int]) -> Table:
    bits = [max(1, (size - 1).bit_length()) for size in sizes]
    found = sorted(set(codes))
    return Table([TREE] * len(sizes), sizes, bits, found, [[0] * codes.count(t) for t in found], 1)


def test_group_bottom_up__dense_places_keep_their_leaves_and_the_rest_climbs() -> None:
    # Leaf 0 and leaf 5 hold two rows each; 2 and 3 meet one level up, 6 and 7 too.
    class_id, n_classes = ours(leaves([(0,), (0,), (2,), (3,), (5,), (5,), (6,), (7,)], [8]), 2, [])
    assert n_classes == 4
    assert class_id == [0, 2, 2, 1, 3, 3]


def test_group_bottom_up__what_is_left_over_joins_where_it_adds_least() -> None:
    # The single row in leaf 3 lies beside the two in leaf 2, far from the three in leaf 7.
    class_id, n_classes = ours(leaves([(2,), (2,), (3,), (7,), (7,), (7,)], [8]), 2, [])
    assert (class_id, n_classes) == ([0, 0, 1], 2)


def test_group_bottom_up__one_row() -> None:
    assert ours(leaves([(5,)], [8]), 1, []) == ([0], 1)


def test_group_bottom_up__all_equal() -> None:
    assert ours(leaves([(5, 1)] * 4, [8, 2]), 3, []) == ([0], 1)


def test_group_bottom_up__all_distinct_and_k_of_all_rows() -> None:
    table = leaves([(v, v % 2) for v in range(8)], [8, 2])
    assert ours(table, 8, []) == ([0] * 8, 1)
