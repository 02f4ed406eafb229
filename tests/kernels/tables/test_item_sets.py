import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from naive import item_sets as naive
from shoal_engine.anonymity.hierarchies.trees import plant
from shoal_engine.anonymity.release.item_recoding import _forest
from shoal_engine.anonymity.table.item_sets import ItemSets, combinations_of, count_sets, distinct, flat
from shoal_engine.tables.columns import ColumnEncoder
from shoal_kernels.tables.item_sets import distinct_items

Rows = list[list[int]]
ROWS = st.lists(st.lists(st.integers(0, 11), max_size=6), min_size=1, max_size=25)


def sets_of(rows: Rows, labels: range = range(12)) -> ItemSets:
    encoder = ColumnEncoder("x")
    encoder.observe(pa.array([f"{label:02d}" for label in labels]))
    domain, _ = encoder.finish()
    start = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return distinct(domain, start, np.array([item for row in rows for item in row], np.int64))


@given(st.lists(st.lists(st.integers(-1, 9), max_size=8), max_size=20))
@settings(deadline=None)
def test_distinct_items__sorts_and_keeps_each_once(rows: Rows) -> None:
    start = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    item = np.array([value for row in rows for value in row], np.int64)
    begin, kept = np.empty_like(start), np.empty_like(item)
    distinct_items(start, item, begin, kept)
    found = [kept[begin[i] : begin[i + 1]].tolist() for i in range(len(rows))]
    assert found == [sorted({value for value in row if value >= 0}) for row in rows]


@given(ROWS, st.integers(1, 3))
@settings(deadline=None)
def test_count_sets__equals_naive(rows: Rows, size: int) -> None:
    counts, bits = count_sets(sets_of(rows), flat(12), size, "x")
    *items, n = combinations_of(counts, size, bits)
    found = dict(zip(map(frozenset, zip(*(one.tolist() for one in items), strict=True)), n.tolist(), strict=True))
    assert found == {one: rows for one, rows in naive.supports(rows, size).items() if len(one) == size}


@given(ROWS, st.integers(1, 3))
@settings(deadline=None)
def test_count_sets__with_ancestors_equals_naive(rows: Rows, size: int) -> None:
    sets = sets_of(rows)
    forest = _forest(plant(shoal.Prefix(), sets.domain.values, has_null=False, column="x"))
    counts, bits = count_sets(sets, forest, size, "x")
    *nodes, n = combinations_of(counts, size, bits)
    found = dict(zip(zip(*(one.tolist() for one in nodes), strict=True), n.tolist(), strict=True))

    def apart(a: int, b: int) -> bool:
        return bool(forest.high[a] < forest.low[b] or forest.high[b] < forest.low[a])

    assert found == naive.with_ancestors(rows, forest.parent.tolist(), size, apart)


def test_count_sets__grows_past_its_first_table() -> None:
    rows = [[i, j] for i in range(150) for j in range(150) if i < j]
    counts, bits = count_sets(sets_of(rows, range(150)), flat(150), 2, "x")
    *_, n = combinations_of(counts, 2, bits)
    assert n.tolist() == [1] * len(rows)
