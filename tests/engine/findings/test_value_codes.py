"""Values of any Arrow type have equal codes exactly where they are equal."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.findings.value_codes import ValueEncoder, can_compare, encode_values

ARRAYS = {
    "list": pa.array([[1, 2], [2, 1], None, [], [1, 2]]),
    "list of text": pa.array([["x"], ["y", None], ["x"], [None], []], pa.list_(pa.string_view())),
    "fixed list": pa.array([[1, 2], [2, 1], None, [1, 2]], pa.list_(pa.int64(), 2)),
    "struct": pa.array([{"a": 1, "b": "x"}, {"a": None, "b": "x"}, None, {"a": 1, "b": "x"}]),
    "list of structs of lists": pa.array([[{"a": [1]}], [{"a": [2]}], [{"a": [1]}], None]),
    "map": pa.array([[("a", 1)], [("a", 2)], None, [("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "bytes": pa.array([b"a", None, b"", b"a"]),
    "duration": pa.array([dt.timedelta(1), None, dt.timedelta(1), dt.timedelta(2)]),
    "decimal": pa.array([Decimal("1.5"), None, Decimal("1.50")]),
    "date": pa.array([dt.date(2020, 1, 1), None, dt.date(2020, 1, 1)]),
    "boolean": pa.array([True, None, False, True]),
    "category": pa.array(["a", "b", "a", None]).dictionary_encode(),
    "float": pa.array([0.0, -0.0, 1.5, None]),
    "nothing": pa.nulls(3),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("first", [0, 1])
def test_codes__are_equal_where_values_are(array: pa.Array, first: int) -> None:
    part = array.slice(first)
    codes, n_codes = encode_values("x", part)
    values = part.to_pylist()
    assert [[a == b for b in codes] for a in codes] == [[a == b for b in values] for a in values]
    assert codes.max() < n_codes


@given(st.lists(st.none() | st.lists(st.integers(0, 2), max_size=3), max_size=30), st.integers(0, 30))
def test_codes__of_batches_are_those_of_the_whole(values: list[list[int] | None], cut: int) -> None:
    array = pa.array(values, pa.large_list(pa.int64()))
    encoder = ValueEncoder("x")
    parts = [encoder.observe(part) for part in (array.slice(0, cut), array.slice(cut))]
    codes = np.concatenate(parts)
    assert codes.tolist() == encode_values("x", array)[0].tolist()


def test_can_compare() -> None:
    assert can_compare(pa.list_(pa.struct([("a", pa.date32())])))
    assert not can_compare(pa.month_day_nano_interval())
