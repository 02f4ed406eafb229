from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import row_attacks as naive
from shoal_kernels._jit import freeze
from shoal_kernels.risk.predicate_counts import CodeRanges, count_alike, count_matches

NONE = 2**32 - 1
Predicate = tuple[int, int, int, int]


def counted(rows: np.ndarray, conjunctions: list[list[Predicate]], most: int) -> list[int]:
    fields = np.array(conjunctions, np.int64).reshape(len(conjunctions), -1, 4)
    count = np.empty(len(conjunctions), np.int64)
    bounds = [np.ascontiguousarray(fields[:, :, f]).astype(np.uint32) for f in (1, 2, 3)]
    columns = np.ascontiguousarray(rows.T.astype(np.uint32))
    count_matches(columns, np.ascontiguousarray(fields[:, :, 0]), bounds[0], bounds[1], bounds[2], most, count)
    return count.tolist()


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[list[int]], list[list[Predicate]]]:
    d, c = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    code = st.integers(0, 4)
    rows = draw(st.lists(st.lists(code, min_size=d, max_size=d), max_size=30))
    predicate = st.tuples(st.integers(0, d - 1), code, code, st.one_of(code, st.just(NONE)))
    return rows, draw(st.lists(st.lists(predicate, min_size=c, max_size=c), min_size=1, max_size=5))


@given(cases())
@settings(deadline=None, max_examples=200)
def test_count_matches__equals_naive(case: tuple[list[list[int]], list[list[Predicate]]]) -> None:
    rows, conjunctions = case
    d = 1 + max(predicate[0] for conjunction in conjunctions for predicate in conjunction)
    table = np.array(rows, np.int64).reshape(len(rows), -1) if rows else np.empty((0, d), np.int64)
    expected = [naive.matches(rows, conjunction) for conjunction in conjunctions]
    assert counted(table, conjunctions, len(rows)) == expected
    # Beyond the bound, all that is promised is that it is exceeded.
    assert [min(count, 2) for count in counted(table, conjunctions, 1)] == [min(count, 2) for count in expected]


@pytest.mark.parametrize("n", [255, 256, 257, 1000])
def test_count_matches__whole_blocks(n: int) -> None:
    table = (np.arange(n) % 7)[:, None]
    assert counted(table, [[(0, 2, 4, 3)]], n) == [int(np.isin(table, (2, 4)).sum())]


def test_count_matches__stops_early() -> None:
    assert counted(np.zeros((100_000, 1), np.int64), [[(0, 0, 0, NONE)]], 1)[0] < 1000


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=30),
    st.lists(st.integers(0, 3), min_size=24, max_size=24),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=200)
def test_count_alike__equals_naive(rows: list[list[int]], bounds: list[int], c: int) -> None:
    """Every record with every set of columns; the range of each code holds the code, and is at random else."""
    table = np.array(rows)
    code = np.tile(np.arange(4), 3)
    low, high = np.minimum(code, bounds[:12]), np.maximum(code, bounds[12:])
    within = [
        int(((table[:, j] >= low[4 * j + value]) & (table[:, j] <= high[4 * j + value])).sum())
        for j in range(3)
        for value in range(4)
    ]
    ranges = CodeRanges(np.array([0, 4, 8]), low.astype(np.uint32), high.astype(np.uint32), np.array(within))
    chosen = np.array([columns for columns in combinations(range(3), c) for _ in rows], np.int64)
    record = np.tile(np.arange(len(rows)), len(chosen) // len(rows))
    count = np.empty(len(record), np.int64)
    codes = np.ascontiguousarray(table.T.astype(np.uint32))
    count_alike(codes, freeze(ranges), record, chosen, len(rows), count)
    expected = []
    for i, columns in zip(record, chosen, strict=True):
        places = [(int(j), 4 * int(j) + rows[i][j]) for j in columns]
        expected.append(naive.matches(rows, [(j, int(low[e]), int(high[e]), NONE) for j, e in places]))
    assert count.tolist() == expected
