import datetime as dt
import math
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import grouping as naive
from shoal_engine.errors import ColumnError
from shoal_engine.tables import factorize
from shoal_engine.tables.buffers import read_buffers
from shoal_engine.tables.columns import ColumnEncoder, Domain, count_codes, recode

TEXT = st.text("aé\U0001f41f\x00", max_size=3) | st.sampled_from(["x" * 40, "x" * 39 + "y", "x" * 12, "x" * 13])
DAYS = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)) | st.sampled_from([dt.date(2020, 1, 1), dt.date(1969, 12, 31)])
MOMENTS = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)) | st.just(dt.datetime(2020, 2, 29))
CENTS = st.integers(-999, 999).map(lambda n: Decimal(n) / 100)


def whole(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.sampled_from([low, low + 1, high, 0, 1]) | st.integers(low, high)


KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy]] = {
    **{f"int{b}": (getattr(pa, f"int{b}")(), whole(b, signed=True)) for b in (8, 16, 32, 64)},
    **{f"uint{b}": (getattr(pa, f"uint{b}")(), whole(b, signed=False)) for b in (8, 16, 32, 64)},
    "small": (pa.int64(), st.integers(-5, 5)),
    "float64": (pa.float64(), st.floats() | st.sampled_from([0.0, -0.0, math.nan])),
    "float32": (pa.float32(), st.floats(width=32)),
    "float16": (pa.float16(), st.floats(width=16)),
    "bool": (pa.bool_(), st.booleans()),
    "decimal32": (pa.decimal32(5, 2), CENTS),
    "decimal128": (pa.decimal128(10, 2), CENTS),
    "decimal256": (pa.decimal256(50, 2), CENTS),
    "string": (pa.string(), TEXT),
    "large_string": (pa.large_string(), TEXT),
    "string_view": (pa.string_view(), TEXT),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), TEXT),
    "date32": (pa.date32(), DAYS),
    "date64": (pa.date64(), DAYS),
    "timestamp": (pa.timestamp("us"), MOMENTS),
    "zoned": (pa.timestamp("us", "UTC"), MOMENTS.map(lambda t: t.replace(tzinfo=dt.UTC))),
    "time32": (
        pa.time32("s"),
        st.times().map(lambda t: t.replace(microsecond=0)),
    ),
    "time64": (pa.time64("us"), st.times()),
}


def build(values: list, kind: pa.DataType) -> pa.Array:
    """Build an array that begins inside its buffers."""
    padded = [*values[:1], None, *values]
    if pa.types.is_dictionary(kind):
        return pa.array(padded, kind.value_type).dictionary_encode().cast(kind)[len(padded) - len(values) :]
    if pa.types.is_string_view(kind):
        return pa.array(padded, pa.string()).cast(kind)[len(padded) - len(values) :]
    return pa.array(padded, kind)[len(padded) - len(values) :]


def encode(arrays: list[pa.Array]) -> tuple[Domain, list[int]]:
    encoder = ColumnEncoder("c")
    parts = [encoder.observe(array) for array in arrays]
    domain, final = encoder.finish()
    return domain, [code for part in parts for code in final[part].tolist()]


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_encoder__any_cut_equals_naive(name: str, data: st.DataObject) -> None:
    kind, element = KINDS[name]
    values = data.draw(st.lists(st.none() | element, min_size=1, max_size=30))
    cut = data.draw(st.integers(0, len(values)))
    array = build(values, kind)
    domain, codes = encode([array[:cut], array[cut:]])
    distinct, has_null, expected = naive.encode(array.to_pylist())
    assert domain.values.to_pylist() == distinct
    assert domain.has_null == has_null
    assert domain.size == len(distinct) + has_null
    assert codes == expected
    assert encode([array]) == (domain, codes)


@pytest.mark.parametrize("name", ["small", "string_view", "float64"])
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_merge__any_order_gives_the_same(name: str, data: st.DataObject) -> None:
    kind, element = KINDS[name]
    lists = data.draw(st.lists(st.lists(st.none() | element, max_size=8), min_size=2, max_size=4))
    arrays = [build(values, kind) for values in lists]
    expected = encode(arrays)
    for order in (range(len(arrays)), reversed(range(len(arrays)))):
        encoders = [ColumnEncoder("c") for _ in arrays]
        codes = [encoder.observe(array) for encoder, array in zip(encoders, arrays, strict=True)]
        all_of_them, given_codes = ColumnEncoder("c"), {}
        for i in order:
            renumber = all_of_them.merge(encoders[i])
            given_codes[i] = renumber[codes[i]]
        domain, final = all_of_them.finish()
        rows = [code for i in range(len(arrays)) for code in final[given_codes[i]].tolist()]
        assert (domain, rows) == expected


def test_encoder__codes_are_as_narrow_as_the_values_so_far() -> None:
    encoder = ColumnEncoder("c")
    assert encoder.observe(pa.array(range(256))).dtype == np.uint8
    assert encoder.observe(pa.array([256])).dtype == np.uint16
    assert encoder.observe(pa.array(["no"] * 0, pa.int64())).size == 0
    assert encoder.observe(pa.array(range(0, 7_000_000, 100))).dtype == np.uint32


def test_encoder__dictionary_entries_that_do_not_occur_are_not_in_the_domain() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([3, None, 0, 1], pa.uint8()), pa.array(["b", None, "a", "b"]))
    domain, codes = encode([array])
    assert domain.values.to_pylist() == ["b"]
    assert codes == [1, 0, 1, 0]


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["zz", "b", "é", "x" * 20])])
def test_encoder__takes_what_polars_hands_out(dtype: pl.DataType) -> None:
    values = ["b", None, "x" * 20, "é", "b", "x" * 20]
    column = pa.table(pl.DataFrame({"c": pl.Series(values, dtype=dtype)})).column("c")
    domain, codes = encode(column.chunks)
    assert domain.type == pa.large_string()
    assert domain.values.to_pylist() == ["b", "x" * 20, "é"]
    assert codes == [1, 0, 2, 3, 1, 2]


def test_encoder__many_strings_outgrow_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [f"{i % 40_000:05} and some more text" for i in range(90_000)]
    array = pa.array(values).cast(pa.string_view())
    by_views = encode([array])
    monkeypatch.setattr(factorize, "MOST_STRINGS", 1 << 11)
    assert encode([array]) == by_views
    assert by_views[1] == [i % 40_000 for i in range(90_000)]


def test_encoder__long_strings_have_one_code_each() -> None:
    # The same text lies at a place of its own for each row, and differs in its first, middle or last bytes only.
    values = ["x" * 13, "y" + "x" * 12, "x" * 12 + "y", "x" * 20 + "y" + "x" * 20, "x" * 41, "x" * 16, "x" * 17] * 50
    array = pa.array([*values, *reversed(values)]).cast(pa.string_view())
    codes, distinct = factorize.encode_batch(array)
    assert len(distinct) == 7
    assert codes.tolist() == [*([*range(7)] * 50), *([*range(6, -1, -1)] * 50)]


def test_encoder__nulls_alone() -> None:
    for kind in (pa.int32(), pa.string_view(), pa.float64()):
        domain, codes = encode([pa.nulls(3, kind)])
        assert (len(domain.values), domain.has_null, domain.size, codes) == (0, True, 1, [0, 0, 0])


@pytest.mark.parametrize("array", [pa.nulls(2), pa.array([[1]]), pa.array([b"x"]), pa.array([1], pa.duration("s"))])
def test_encoder__refuses_other_types(array: pa.Array) -> None:
    with pytest.raises(ColumnError, match=r"'age'.*cast it"):
        ColumnEncoder("age").observe(array)


def test_encoder__refuses_a_type_that_changes() -> None:
    encoder = ColumnEncoder("age")
    encoder.observe(pa.array([1]))
    with pytest.raises(ColumnError, match=r"'age' is double here and int64 elsewhere.*cast it"):
        encoder.observe(pa.array([1.0]))
    other = ColumnEncoder("age")
    other.observe(pa.array(["a"]))
    with pytest.raises(ColumnError, match="cast it"):
        encoder.merge(other)


def test_domain__decodes() -> None:
    domain = Domain(pa.array([10, 20]), has_null=True)
    assert domain.decode(np.array([2, 0, 1], np.uint8)).to_pylist() == [20, None, 10]
    assert Domain(pa.array([10]), has_null=False).decode(np.array([0])).to_pylist() == [10]


@given(parts=st.lists(st.lists(st.none() | st.integers(-5, 5), max_size=9), max_size=4))
@settings(deadline=None)
def test_count_codes__any_cut_counts_the_rows(parts: list[list[int | None]]) -> None:
    encoder = ColumnEncoder("c")
    codes = [encoder.observe(pa.array(part, pa.int64())) for part in parts]
    domain, final = encoder.finish()
    rows = [value for part in parts for value in part]
    values = [*([None] if domain.has_null else []), *domain.values.to_pylist()]
    assert count_codes(codes, final).tolist() == [rows.count(value) for value in values]


def test_recode__writes_where_asked() -> None:
    out = np.zeros(2, np.uint16)
    assert recode(np.array([1, 0], np.uint8), np.array([7, 300], np.uint16), out) is out
    assert out.tolist() == [300, 7]


@given(st.lists(st.none() | st.integers(-100, 100), max_size=40), st.integers(0, 40), st.integers(0, 40))
@settings(deadline=None)
def test_read_buffers__of_a_slice(values: list[int | None], first: int, length: int) -> None:
    whole_array = pa.array(values, pa.int16())
    array = whole_array.slice(min(first, len(values)), length)
    content, valid, start = read_buffers(array)
    assert content.shape == (len(array),)
    expected = array.to_pylist()
    bits = np.unpackbits(valid, bitorder="little")[start : start + len(array)] if len(valid) else [1] * len(array)
    signed = content.view(np.int16).tolist()
    assert [v if bit else None for v, bit in zip(signed, bits, strict=True)] == expected
    if None not in expected:
        assert len(valid) == 0
    if len(array):
        assert content.ctypes.data == whole_array.buffers()[1].address + 2 * array.offset
