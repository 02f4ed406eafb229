import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import row_attacks as naive
from shoal_kernels.risk.predicate_counts import count_matches

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
