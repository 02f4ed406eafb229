"""Distinct values by naive numbering, whatever looks them up, in any cut."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_engine.tables import distinct_values
from shoal_engine.tables.columns import ColumnEncoder
from shoal_engine.tables.distinct_values import DistinctValues

KINDS = {
    pa.int64(): lambda n: n * 977 - 3000,
    pa.uint8(): lambda n: n,
    pa.float64(): lambda n: n / 7,
    pa.float32(): lambda n: n / 4,
    pa.date32(): lambda n: dt.date(2000, 1, 1) + dt.timedelta(days=n),
    pa.timestamp("us", "UTC"): lambda n: dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=n),
    pa.large_string(): lambda n: "é" * (n % 5) + str(n),
    pa.large_binary(): lambda n: bytes([n]) * (n % 4),
    pa.decimal128(9, 2): lambda n: n,
    pa.bool_(): lambda n: n % 2 == 0,
}
numbers = st.lists(st.lists(st.none() | st.integers(0, 30), max_size=12), max_size=6)


def naive(batches: list[list[int | None]]) -> tuple[list[list[int]], list[object]]:
    seen: list[object] = []
    codes: list[list[int]] = []
    for batch in batches:
        codes.append([])
        for value in batch:
            if value not in seen:
                seen.append(value)
            codes[-1].append(seen.index(value))
    return codes, seen


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("few", [0, 5, 1 << 12])
@given(batches=numbers)
@settings(max_examples=40, deadline=None)
def test_number__is_naive_numbering(kind: pa.DataType, few: int, batches: list[list[int | None]]) -> None:
    of = KINDS[kind]
    rows = [[None if n is None else of(n) for n in batch] for batch in batches]
    codes, seen = naive(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distinct_values, "FEW", few)
        values = DistinctValues(kind)
        found = [values.number(pa.array(batch, kind)).tolist() for batch in rows]
    assert found == codes
    assert len(values) == len(seen)
    assert values.values.equals(pa.array(seen, kind))


@pytest.mark.parametrize("kind", [pa.int64(), pa.string()], ids=str)
def test_encoder__of_many_values_in_any_cut(kind: pa.DataType) -> None:
    """More values than pyarrow is asked for, cut and merged: one domain and one code of each row."""
    values = np.random.default_rng(1).permutation(3 * distinct_values.FEW) % (2 * distinct_values.FEW)
    column = pa.array(values, mask=values == 7).cast(kind)
    whole, cut, other = ColumnEncoder("x"), ColumnEncoder("x"), ColumnEncoder("x")
    expected = whole.observe(column)
    half = len(column) // 2
    mine = np.concatenate([cut.observe(column.slice(low, 100)) for low in range(0, half, 100)])[:half]
    theirs = other.observe(column.slice(half))
    mine = np.concatenate([mine, cut.merge(other)[theirs]])
    (domain, final), (same, order) = whole.finish(), cut.finish()
    assert domain == same
    assert np.array_equal(final[expected], order[mine])
