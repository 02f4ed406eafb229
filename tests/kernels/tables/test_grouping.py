import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_kernels.tables import grouping as kernels


def group_one_bucket(words: np.ndarray, *, row_ids: bool) -> tuple[list[int], list[int], list[int]]:
    words = words.copy()
    n = len(words)
    tuple_at = np.zeros(n if row_ids else 0, np.uint32)
    weight, n_tuples = np.zeros(n, np.uint32), np.zeros(1, np.int64)
    spare, spare_row = np.empty((2, n), np.uint64), np.empty((2, n), np.uint32)
    kernels.group_buckets(np.array([0, n]), words, spare, spare_row, weight, tuple_at, n_tuples)
    return words[: n_tuples[0]].tolist(), weight[: n_tuples[0]].tolist(), tuple_at.tolist()


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5) | st.just(2**63), min_size=1, max_size=60))
def test_group_buckets__equals_naive(values: list[int]) -> None:
    distinct = sorted(set(values))
    weight = [values.count(v) for v in distinct]
    words = np.array(values, np.uint64)
    assert group_one_bucket(words, row_ids=False) == (distinct, weight, [])
    assert group_one_bucket(words, row_ids=True) == (distinct, weight, [distinct.index(v) for v in values])


@pytest.mark.parametrize("top", [1, 2**20, 2**40, 2**63])
def test_group_buckets__equals_numpy_on_many_rows(top: int) -> None:
    words = np.random.default_rng(0).integers(0, top, 20_000, np.uint64)
    distinct, place, weight = np.unique(words, return_inverse=True, return_counts=True)
    expected = distinct.tolist(), weight.tolist(), place.tolist()
    assert group_one_bucket(words, row_ids=True) == expected


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), max_size=200), st.integers(1, 4), st.integers(1, 70))
def test_scatter__keeps_the_order_of_rows(values: list[int], n_buckets: int, cut: int) -> None:
    bucket = np.sort(np.arange(16, dtype=np.uint16) % n_buckets)
    # The low bits number the rows.
    words = np.array([(v << 8) | i for i, v in enumerate(values)], np.uint64)
    home = [int(bucket[v >> 4]) for v in values]
    line = np.empty((n_buckets, kernels.LINE), np.uint64)
    filled = np.zeros(n_buckets, np.uint8)
    cursor = np.array([sum(h < b for h in home) for b in range(n_buckets)], np.int64)
    out = np.zeros(len(words), np.uint64)
    for at in range(0, len(words), cut):
        kernels.scatter(words[at : at + cut], 12, bucket, line, filled, cursor, out)
    kernels.drain(line, filled, cursor, out)
    assert out.tolist() == [int(words[i]) for b in range(n_buckets) for i, h in enumerate(home) if h == b]


def test_deposit__takes_every_dtype_and_read_only_memory() -> None:
    for dtype in (np.uint8, np.uint16, np.uint32):
        codes = np.array([0, 1, np.iinfo(dtype).max], dtype)
        codes.flags.writeable = False
        words = np.ones(3, np.uint64)
        kernels.DEPOSIT[codes.dtype.name](codes, 32, words)
        assert words.tolist() == [(int(c) << 32) + 1 for c in codes]
