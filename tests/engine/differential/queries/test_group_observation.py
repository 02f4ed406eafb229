import math
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive.bounding import Column
from shoal_engine.differential.queries import observation as module
from shoal_engine.differential.queries.grid import Grid, ValueSpec
from shoal_engine.differential.queries.group_sums import GroupSums
from shoal_engine.differential.queries.observation import RowObservation
from shoal_engine.errors import ColumnError, InputError

Rows = list[tuple[str | None, int, float | None]]
GRID = Grid(-6, 9, 1)
SPEC = ValueSpec("x", GRID, square_bits=1, edges=(-6, 0, 3, 9))
_rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.integers(0, 2),
        st.floats(-4, 6, width=16) | st.sampled_from([math.nan, math.inf, -math.inf, None]),
    ),
    max_size=40,
)


def _batch(rows: Rows) -> pa.RecordBatch:
    g, h, x = ([row[i] for row in rows] for i in range(3))
    return pa.RecordBatch.from_pydict(
        {"g": pa.array(g, pa.string()), "h": pa.array(h, pa.int8()), "x": pa.array(x, pa.float64())}
    )


def _known(sums: GroupSums) -> dict[tuple[str | None, int], list[object]]:
    (column,) = sums.columns
    assert column.squares is not None
    assert column.bins is not None
    keys = zip(sums.keys.column("g").to_pylist(), sums.keys.column("h").to_pylist(), strict=True)
    parts = zip(sums.rows, column.present, column.total, column.squares, column.bins.tolist(), strict=True)
    return {key: [*map(int, part[:4]), part[4]] for key, part in zip(keys, parts, strict=True)}


def _naive(rows: Rows) -> dict[tuple[str | None, int], list[object]]:
    found: dict[tuple[str | None, int], list[float | None]] = defaultdict(list)
    for g, h, x in rows:
        found[g, h].append(x)
    known: dict[tuple[str | None, int], list[object]] = {}
    for group, values in found.items():
        points = [Column(GRID.low, GRID.high, GRID.exponent).place(x) for x in values]
        held = [p for p in points if p is not None]
        bins = [sum(sum(edge <= p for edge in SPEC.edges) == b for p in held) for b in range(5)]
        squares = sum(round(Fraction(p * p, 2)) for p in held)
        known[group] = [len(values), len(held), sum(held), squares, bins]
    return known


@given(_rows, st.integers(0, 40), st.integers(0, 40))
@settings(deadline=None, max_examples=150)
def test_row_sums__equal_naive_however_cut_and_merged(rows: Rows, first: int, second: int) -> None:
    one, other = RowObservation(["g", "h"], [SPEC]), RowObservation(["g", "h"], [SPEC])
    low, high = sorted((min(first, len(rows)), min(second, len(rows))))
    one.observe(_batch(rows[low:high]))
    other.observe(_batch(rows[high:]))
    other.observe(_batch(rows[:low]))
    one.merge(other)
    assert _known(one.finish()) == _naive(rows)


@given(_rows)
@settings(deadline=None, max_examples=50)
def test_row_sums__of_public_keys(rows: Rows) -> None:
    keys = pa.table({"h": pa.array([2, 1, 1, 0], pa.int8()), "g": ["z", "a", "a", None]})
    observation = RowObservation(["g", "h"], [SPEC], keys)
    observation.observe(_batch(rows))
    empty = [0, 0, 0, 0, [0] * 5]
    expected = {key: _naive(rows).get(key, empty) for key in ((None, 0), ("a", 1), ("z", 2))}
    found = _known(observation.finish())
    assert found == expected
    assert list(found) == list(expected)


def test_row_sums__many_groups_and_one() -> None:
    n = 100_000
    group = np.random.default_rng(3).permutation(n)
    batch = pa.RecordBatch.from_pydict({"g": group, "h": group, "x": group})
    spec = ValueSpec("x", Grid(0, n, 0))
    for by in (["g"], ["g", "h"]):
        observation = RowObservation(by, [spec])
        for low in range(0, n, 30_000):
            observation.observe(batch.slice(low, 30_000))
        sums = observation.finish()
        assert sums.columns[0].total.tolist() == list(range(n))
    whole = RowObservation([], [spec])
    whole.observe(batch)
    assert whole.finish().columns[0].total.tolist() == [n * (n - 1) // 2]
    assert RowObservation([], [spec]).finish().rows.tolist() == [0]


def test_row_sums__refuse_more_rows_than_sums_have_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 2)
    observation = RowObservation([], [])
    observation.observe(pa.RecordBatch.from_pydict({"x": [1, 2]}))
    with pytest.raises(InputError, match="more than 2 rows"):
        observation.observe(pa.RecordBatch.from_pydict({"x": [1]}))


def test_bad_columns__are_named() -> None:
    batch = pa.RecordBatch.from_pydict({"g": ["a"], "x": ["text"]})
    with pytest.raises(ColumnError, match=r"'gg'.*did you mean 'g'"):
        RowObservation(["gg"], []).observe(batch)
    with pytest.raises(ColumnError, match="'x' has type string"):
        RowObservation(["g"], [SPEC]).observe(batch)
    with pytest.raises(ColumnError, match="more than once"):
        RowObservation(["g"], []).observe(pa.RecordBatch.from_arrays([batch["g"]] * 2, ["g", "g"]))
    with pytest.raises(ColumnError, match="'g', which the table of keys does not have"):
        RowObservation(["g"], [], pa.table({"h": [1]}))
    with pytest.raises(ColumnError, match="no column to group by"):
        RowObservation([], [], pa.table({"h": [1]}))
    with pytest.raises(ColumnError, match="cast it to one type"):
        RowObservation(["g"], [], pa.table({"g": [1]})).observe(batch)
