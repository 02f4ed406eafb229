import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_kernels.private.unit_pairing import pair_rows
from shoal_kernels.private.unit_partitioning import BUCKET_BITS, LEFT_OUT, N_BUCKETS, SCATTER, partition_rows

NO_UNIT = 0xFFFFFFFF
_rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**32 - 1) | st.integers(0, 3)), max_size=80)


@given(_rows, st.sampled_from([0, 3, BUCKET_BITS]), st.integers(0, N_BUCKETS - 1))
@settings(deadline=None)
def test_pair_rows__sorts_by_unit_and_group(rows: list[tuple[int, int]], bits: int, bucket: int) -> None:
    unit = np.array([(u << bits) | (bucket % (1 << bits)) for u, _ in rows], np.uint32)
    group = np.array([g for _, g in rows], np.uint32)
    m = len(rows)
    words, begin, pair_unit = np.empty(m, np.uint64), np.empty(m + 1, np.int64), np.empty(m, np.uint32)
    n_pairs = np.zeros(1, np.int64)
    pair_rows(unit, group, bits, np.empty(6, np.int64), words, begin, pair_unit, n_pairs)
    n = int(n_pairs[0])
    order = sorted(range(m), key=lambda i: (unit[i], group[i], i))
    assert (words & np.uint64(0xFFFFFFFF)).tolist() == order
    assert (words >> np.uint64(32)).tolist() == group[order].tolist()
    pairs = sorted({(int(u), int(g)) for u, g in zip(unit, group, strict=True)})
    assert pair_unit[:n].tolist() == [u for u, _ in pairs]
    assert np.diff(begin[: n + 1]).tolist() == [
        sum((int(u), int(g)) == pair for u, g in zip(unit, group, strict=True)) for pair in pairs
    ]


_codes = st.integers(0, 2000) | st.just(NO_UNIT)


@given(st.lists(st.tuples(_codes, st.integers(0, 9)), max_size=60), st.integers(0, 10))
@settings(deadline=None)
def test_partition_rows__sends_rows_in_order(rows: list[tuple[int, int]], n_groups: int) -> None:
    unit, group = (np.array(column, np.uint32) for column in (zip(*rows, strict=True) if rows else ([], [])))
    bound, place = np.empty(N_BUCKETS + 1, np.int64), np.empty(len(rows), np.uint32)
    partition_rows(unit, group, n_groups, bound, place)
    stay = [i for i, (u, g) in enumerate(rows) if u != NO_UNIT and g < n_groups]
    order = sorted(stay, key=lambda i: rows[i][0] % N_BUCKETS)
    sent = np.empty(int(bound[-1]), np.uint32)
    SCATTER["uint32"](np.arange(len(rows), dtype=np.uint32), place, sent)
    assert sent.tolist() == order
    assert all((place[i] == LEFT_OUT) == (i not in stay) for i in range(len(rows)))
    assert [sum(rows[i][0] % N_BUCKETS < b for i in stay) for b in range(N_BUCKETS + 1)] == bound.tolist()
