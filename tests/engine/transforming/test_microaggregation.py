import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches import casc
from shoal_engine.errors import ColumnError, PolicyNotMet
from shoal_engine.transforming.applying import loss_percent
from shoal_engine.transforming.coded_columns import encode
from shoal_engine.transforming.microaggregation import microaggregate
from shoal_engine.transforming.specs import Microaggregate
from shoal_engine.transforming.standardizing import standardized

cell = st.one_of(st.none(), st.integers(-5, 5), st.floats(-1e6, 1e6))


def run(columns: list[list[float | None]], spec: Microaggregate, ties: list[np.ndarray] | None = None) -> list[list]:
    coded = [encode(f"c{j}", pa.array(column, pa.float64())) for j, column in enumerate(columns)]
    return [column.to_arrow().to_pylist() for column in microaggregate(coded, spec, ties or [])]


@pytest.mark.shared
@pytest.mark.skipif(not casc.present(), reason=casc.MISSING)
@pytest.mark.parametrize(
    ("name", "k", "percent"),
    [
        ("tarragona", 3, 16.933),
        ("tarragona", 5, 22.462),
        ("tarragona", 10, 33.193),
        ("census", 3, 5.692),
        ("census", 5, 9.088),
        ("census", 10, 14.156),
    ],
)
def test_mdav__loses_what_was_published(name: str, k: int, percent: float) -> None:
    """Domingo-Ferrer, Martinez-Balleste, Mateo-Sanz, Sebe 2006, The VLDB Journal 15(4), tables 1 and 2."""
    frame = casc.read(name)
    assert frame.shape == casc.SIZES[name]
    before = [encode(column, frame[column].to_arrow()) for column in frame.columns]
    after = microaggregate(before, Microaggregate(k=k))
    assert loss_percent(before, after) == pytest.approx(percent, abs=5.1e-4)


@given(st.lists(st.tuples(cell, cell), min_size=1, max_size=60), st.integers(2, 4), st.randoms(), st.data())
@settings(deadline=None)
def test_microaggregate__every_value_stands_for_k_rows(
    rows: list[tuple[float | None, ...]], k: int, random: st.randoms, data: st.DataObject
) -> None:
    spec = Microaggregate(
        k=k,
        method=data.draw(st.sampled_from(["mdav", "v-mdav", "univariate"])),
        aggregate=data.draw(st.sampled_from(["mean", "median"])),
    )
    columns = [list(column) for column in zip(*rows, strict=True)]
    try:
        found = run(columns, spec)
    except PolicyNotMet:
        return
    for before, after in zip(columns, found, strict=True):
        for old, new in zip(before, after, strict=True):
            assert new is None or old is not None
            assert new is None or min(v for v in before if v is not None) <= new
    released = list(zip(*found, strict=True))
    for released_rows in [[(v,) for v in column] for column in found] if spec.method == "univariate" else [released]:
        for row in released_rows:
            assert set(row) == {None} or released_rows.count(row) >= k
    # Another order of rows gives the same rows.
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = list(zip(*run([[column[i] for i in order] for column in columns], spec), strict=True))
    # Equal values are one text each, so that pairs are sorted alike: 0 and 0.0 are the same number.
    told = [tuple(None if value is None else value + 0.0 for value in row) for row in rows]
    assert sorted(zip(told, released, strict=True), key=str) == sorted(
        zip([told[i] for i in order], shuffled, strict=True), key=str
    )


def test_microaggregate__ties_follow_what_else_is_known() -> None:
    values = [1.0] * 5 + [2.0, 3.0, 9.0]
    other = np.array([4, 3, 2, 1, 0, 0, 0, 0])
    first = run([values], Microaggregate(k=4), [other])[0]
    order = [4, 2, 0, 1, 3, 7, 6, 5]
    again = run([[values[i] for i in order]], Microaggregate(k=4), [other[order]])[0]
    assert again == [first[i] for i in order]
    assert sorted(first[:5]) != [1.0] * 5


def test_microaggregate__mean_and_median_of_a_group() -> None:
    values: list[list[float | None]] = [[1.0, 2.0, 9.0, 100.0, None]]
    assert run(values, Microaggregate(k=4))[0] == [28.0] * 4 + [None]
    assert run(values, Microaggregate(k=4, aggregate="median"))[0] == [5.5] * 4 + [None]
    # A group of one value says exactly that value.
    assert run([[0.1] * 7], Microaggregate(k=7))[0] == [0.1] * 7


def test_microaggregate__few_rows_with_a_pattern_of_nulls_lose_their_values() -> None:
    found = run([[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, None, None]], Microaggregate(k=3))
    assert found == [[2.0] * 3 + [None] * 2, [2.0] * 3 + [None] * 2]
    # Alone, the first column has enough rows.
    assert (
        run([[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, None, None]], Microaggregate(k=3, method="univariate"))[0]
        == [3.0] * 5
    )


def test_microaggregate__constant_columns_count_for_nothing() -> None:
    assert run([[7.0] * 6, [1.0, 2.0, 3.0, 10.0, 11.0, 12.0]], Microaggregate(k=3)) == [
        [7.0] * 6,
        [2.0] * 3 + [11.0] * 3,
    ]


def test_microaggregate__very_large_and_very_small_numbers() -> None:
    assert run([[8e307, -8e307, 8e307, -8e307]], Microaggregate(k=2))[0] == [8e307, -8e307] * 2
    with pytest.raises(ColumnError, match="`c0` holds numbers whose difference is too large"):
        run([[1e308, -1e308]], Microaggregate(k=2))
    assert run([[1e-200, 0.0, 1e-200, 0.0]], Microaggregate(k=2))[0] == [1e-200, 0.0] * 2


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("us"), pa.timestamp("ms", "UTC")])
def test_microaggregate__dates_stay_dates(kind: pa.DataType) -> None:
    days = [dt.datetime(1950, 1, 1), dt.datetime(1950, 1, 2), dt.datetime(2000, 5, 1), dt.datetime(2000, 5, 5), None]
    column = encode("born", pa.array(days, pa.timestamp("us")).cast(kind))
    found = microaggregate([column], Microaggregate(k=2))[0].to_arrow()
    assert found.type == kind
    noon = dt.datetime(1950, 1, 1, 0 if pa.types.is_date(kind) else 12)
    expected = pa.array([noon] * 2 + [dt.datetime(2000, 5, 3)] * 2 + [None], pa.timestamp("us")).cast(kind)
    assert found.equals(expected)


def test_microaggregate__bad_input() -> None:
    with pytest.raises(PolicyNotMet, match="k = 4 asks for more rows than have numbers in `c0`"):
        run([[1.0, 2.0, None, 3.0]], Microaggregate(k=4))
    with pytest.raises(PolicyNotMet, match="`c0` and `c1`"):
        run([[1.0, None], [None, 1.0]], Microaggregate(k=2))
    with pytest.raises(ColumnError, match="`c0` holds numbers that are not finite"):
        run([[1.0, float("inf")]], Microaggregate(k=2))
    with pytest.raises(ColumnError, match="`t` has type large_string; microaggregation needs numbers or dates"):
        microaggregate([encode("t", pa.array(["a", "b"]))], Microaggregate(k=2))


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=50), st.randoms())
@settings(deadline=None)
def test_standardized__sums_are_exact(values: list[float], random: st.randoms) -> None:
    found = standardized(np.array(values)[:, None])[:, 0].tolist()
    shuffled = found.copy()
    random.shuffle(shuffled)
    total = 0.0
    for value in shuffled:
        total += value
    assert total == sum(found)
    if len(set(values)) > 1:
        assert np.std(found) == pytest.approx(1.0, rel=1e-9)
