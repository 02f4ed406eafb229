"""Bands of a column against their twin, and as a family."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import bands as naive
from shoal_engine.anonymity.hierarchies.bands import cut_bands, plant_bands
from shoal_engine.anonymity.hierarchies.trees import Tree

COLUMNS = st.dictionaries(st.integers(0, 60), st.integers(0, 5), min_size=1, max_size=24)


def line(rows: dict[int, int]) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Values, their positions and their rows, ascending."""
    values = sorted(rows)
    span = max(1, values[-1] - values[0])
    return values, np.array([(v - values[0]) / span for v in values]), np.array([rows[v] for v in values])


def planted(rows: dict[int, int], *, has_null: bool = False, mixes_null: bool = False) -> Tree:
    values, position, count = line(rows)
    return plant_bands(pa.array(values), position, count, has_null=has_null, mixes_null=mixes_null)


@given(rows=COLUMNS)
def test_cut_bands__equals_naive(rows: dict[int, int]) -> None:
    _, position, count = line(rows)
    found = [
        [(int(np.flatnonzero(node == band)[0]), int(np.flatnonzero(node == band)[-1])) for band in range(node[-1] + 1)]
        for node in cut_bands(position, count)
    ]
    assert found == naive.depths_of(position.tolist(), count.tolist())[:-1]


@given(rows=COLUMNS, has_null=st.booleans(), mixes_null=st.booleans())
def test_plant_bands__nest_and_lose_their_length(rows: dict[int, int], *, has_null: bool, mixes_null: bool) -> None:
    tree = planted(rows, has_null=has_null, mixes_null=mixes_null)
    values, position, _ = line(rows)
    first, last = tree.ends()
    spans = {(int(low), int(high)) for low, high in zip(first, last, strict=True)}
    for (a, b), (c, d) in combinations(spans, 2):
        assert b < c or d < a or (a <= c and d <= b) or (c <= a and b <= d)
    for node, (low, high) in enumerate(zip(first - has_null, last - has_null, strict=True)):
        if has_null and node == 0:
            assert (tree.label[node].as_py(), tree.share[node]) == (None, 0.0)
        elif has_null and mixes_null and node == len(first) - 1:
            assert (tree.label[node].as_py(), tree.share[node]) == ("*", 1.0)
        else:
            low = max(int(low), 0)
            one, other = values[low], values[high]
            assert tree.label[node].as_py() == (str(one) if low == high else f"[{one}, {other}]")
            assert tree.share[node] == pytest.approx(position[high] - position[low])


def test_plant_bands__are_cut_at_gaps_between_many_rows() -> None:
    tree = planted({20: 9, 21: 9, 23: 9, 60: 9, 64: 1})
    assert set(tree.label.to_pylist()) >= {"[20, 64]", "[20, 23]", "[60, 64]"}
