import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import grouping as naive
from shoal_engine.tables import radix_partition
from shoal_engine.tables.columns import narrowest
from shoal_engine.tables.grouping import Grouped, cells, group, merge

SIZES = st.sampled_from([1, 2, 3, 7, 256, 257, 65_536, 65_537, 2**31, 2**32])


@st.composite
def tables(draw: st.DrawFn, max_columns: int = 6) -> tuple[list[np.ndarray], list[int]]:
    sizes = draw(st.lists(SIZES, min_size=1, max_size=max_columns))
    n = draw(st.integers(0, 40))
    codes = []
    for size in sizes:
        few = st.sampled_from([0, size - 1, size // 2])
        values = draw(st.lists(few | st.integers(0, size - 1), min_size=n, max_size=n))
        codes.append(np.array(values, narrowest(size)))
    return codes, sizes


def rows_of(codes: Sequence[np.ndarray]) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in codes), strict=True))


def as_lists(grouped: Grouped) -> tuple[Any, ...]:
    columns = [grouped.codes(j).tolist() for j in range(len(grouped.word))]
    rows = None if grouped.tuple_of_row is None else grouped.tuple_of_row.tolist()
    return list(zip(*columns, strict=True)), grouped.weight.tolist(), rows


def assert_same(left: Grouped, right: Grouped) -> None:
    for name in ("words", "weight", "tuple_of_row", "word", "shift", "mask"):
        one, other = getattr(left, name), getattr(right, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert one.dtype == other.dtype
            assert one.tobytes() == other.tobytes()


@settings(deadline=None)
@given(tables())
def test_group__equals_naive(table: tuple[list[np.ndarray], list[int]]) -> None:
    codes, sizes = table
    assert as_lists(group(codes, sizes, n_threads=1)) == naive.group(rows_of(codes))


@settings(deadline=None)
@given(tables())
def test_group__packs_in_lexicographic_order(table: tuple[list[np.ndarray], list[int]]) -> None:
    codes, sizes = table
    grouped = group(codes, sizes, n_threads=1)
    packing = zip(grouped.word.tolist(), grouped.shift.tolist(), grouped.mask.tolist(), strict=True)
    assert list(packing) == naive.layout(sizes)
    words = [tuple(column) for column in grouped.words.T.tolist()]
    assert words == sorted(set(words))
    assert grouped.words.flags.c_contiguous


@settings(deadline=None)
@given(tables(), st.integers(2, 5))
def test_group__does_not_depend_on_threads(table: tuple[list[np.ndarray], list[int]], n_threads: int) -> None:
    codes, sizes = table
    assert_same(group(codes, sizes, n_threads=1), group(codes, sizes, n_threads=n_threads))


@settings(deadline=None)
@given(tables())
def test_group__without_row_ids_gives_the_same_tuples(table: tuple[list[np.ndarray], list[int]]) -> None:
    codes, sizes = table
    full, brief = group(codes, sizes, n_threads=1), group(codes, sizes, n_threads=1, row_ids=False)
    assert brief.tuple_of_row is None
    assert full.words.tobytes() == brief.words.tobytes()
    assert full.weight.tobytes() == brief.weight.tobytes()


@pytest.mark.parametrize(
    "sizes",
    [
        [74, 2, 30_000, 16, 7, 14],
        [2**32, 2**32],
        [2**32, 3, 2**32, 5],
        [1] * 20 + [50_000],
        [20],
        [1000, 900],
        [2, 2**24],
    ],
    ids=str,
)
@pytest.mark.parametrize("skew", [0, 3])
def test_group__many_rows_equal_numpy(sizes: list[int], skew: int) -> None:
    random = np.random.default_rng(0)
    n = 60_000
    codes = [(random.random(n) ** (1 + skew) * size).astype(narrowest(size)) for size in sizes]
    table = np.stack([column.astype(np.int64) for column in codes], axis=1)
    distinct, place, weight = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    grouped = group(codes, sizes, n_threads=2)
    assert grouped.tuple_of_row is not None
    assert np.array_equal(np.stack([grouped.codes(j) for j in range(len(sizes))], axis=1), distinct)
    assert np.array_equal(grouped.weight, weight)
    assert np.array_equal(grouped.tuple_of_row, place.ravel())
    assert_same(grouped, group(codes, sizes, n_threads=3))


@pytest.mark.parametrize("row_ids", [True, False])
def test_group__buckets_and_table_agree(monkeypatch: pytest.MonkeyPatch, row_ids: bool) -> None:  # noqa: FBT001
    random = np.random.default_rng(1)
    codes = [random.integers(0, 40, 50_000).astype(np.uint8) for _ in range(2)]
    by_table = group(codes, [40, 40], n_threads=2, row_ids=row_ids)
    monkeypatch.setattr(radix_partition, "TABLE_BITS", 0)
    assert_same(by_table, group(codes, [40, 40], n_threads=2, row_ids=row_ids))


@settings(deadline=None)
@given(tables(), st.lists(st.integers(0, 40), max_size=4))
def test_merge__any_cut_and_order_gives_the_same(table: tuple[list[np.ndarray], list[int]], cuts: list[int]) -> None:
    codes, sizes = table
    n = len(codes[0])
    edges = [0, *sorted(min(cut, n) for cut in cuts), n]
    parts = [
        group([column[low:high] for column in codes], sizes, n_threads=1) for low, high in itertools.pairwise(edges)
    ]
    left = parts[0]
    for part in parts[1:]:
        left = merge(left, part)
    right = parts[-1]
    for part in parts[-2::-1]:
        right = merge(part, right)
    whole = group(codes, sizes, n_threads=1)
    assert_same(left, whole)
    assert_same(right, whole)


def test_merge__refuses_other_sizes() -> None:
    one = group([np.zeros(1, np.uint8)], [2], n_threads=1)
    other = group([np.zeros(1, np.uint8)], [200], n_threads=1)
    with pytest.raises(ValueError, match="same sizes"):
        merge(one, other)


def test_group__refuses_unequal_columns() -> None:
    with pytest.raises(ValueError, match="equal length"):
        group([np.zeros(1, np.uint8), np.zeros(2, np.uint8)], [1, 1], n_threads=1)
    with pytest.raises(ValueError, match="at least one column"):
        group([], [], n_threads=1)


@settings(deadline=None)
@given(st.data())
def test_cells__equal_naive(data: st.DataObject) -> None:
    n_tuples = data.draw(st.integers(1, 6))
    sizes = data.draw(st.lists(st.sampled_from([1, 3, 300]), min_size=1, max_size=3))
    n = data.draw(st.integers(0, 30))
    owner = data.draw(st.lists(st.integers(0, n_tuples - 1), min_size=n, max_size=n))
    columns = [data.draw(st.lists(st.integers(0, size - 1), min_size=n, max_size=n)) for size in sizes]
    found = cells(
        np.array(owner, np.uint32),
        [np.array(column, narrowest(size)) for column, size in zip(columns, sizes, strict=True)],
        sizes,
        n_tuples=n_tuples,
        n_threads=2,
    )
    assert tuple(array.tolist() for array in found) == naive.cells(owner, columns, sizes, n_tuples)
    assert all(array.dtype == np.int64 and not array.flags.writeable for array in found)
