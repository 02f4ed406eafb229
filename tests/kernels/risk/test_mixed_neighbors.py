"""Nearest neighbors of mixed columns, and the two attacks that rest on them, against every choice among ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import row_attacks as naive
from shoal_kernels._jit import freeze
from shoal_kernels.risk.linked_parts import Pairs, Part, link_parts
from shoal_kernels.risk.nearest_secrets import guess_secrets

Row = tuple[float, ...]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[tuple[Row, Row]], list[tuple[Row, Row]]]:
    """Draw records and released rows of two parts: numbers of a coarse grid, categories, and nulls at 3."""
    number = st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0])
    category = st.integers(0, 2).map(float)
    columns = st.lists(st.sampled_from([number, category]), min_size=1, max_size=3)
    parts = [st.tuples(*draw(columns)), st.tuples(*draw(columns))]
    rows = st.tuples(*parts)
    return draw(st.lists(rows, max_size=4)), draw(st.lists(rows, min_size=1, max_size=7))


def distinct(rows: list[Row]) -> tuple[Part, list[int]]:
    """Return the distinct rows as a part, and the number of each row."""
    found = sorted(set(rows))
    place = [found.index(row) for row in rows]
    points = np.array(found, np.float64).reshape(len(found), -1).T
    return freeze(Part(points, np.bincount(place, minlength=len(found)))), place


def matrix(rows: list[Row], width: int) -> np.ndarray:
    return np.array(rows, np.float64).reshape(len(rows), width)


def linked(records: list[tuple[Row, Row]], released: list[tuple[Row, Row]], k: int) -> np.ndarray:
    (part, one), (other, two) = distinct([row for row, _ in released]), distinct([row for _, row in released])
    pairs, weight = np.unique(np.array([one, two]).T, axis=0, return_counts=True)
    begin = np.searchsorted(pairs[:, 0], np.arange(len(part.weight) + 1))
    probability = np.empty(len(records))
    link_parts(
        matrix([row for row, _ in records], len(part.point)),
        matrix([row for _, row in records], len(other.point)),
        part,
        other,
        freeze(Pairs(begin, pairs[:, 1], weight)),
        k,
        probability,
    )
    return probability


@given(tables(), st.integers(1, 7))
@settings(deadline=None, max_examples=300)
def test_link_parts__equals_every_choice(given: tuple[list[tuple[Row, Row]], list[tuple[Row, Row]]], k: int) -> None:
    records, released = given
    k = min(k, len(released))
    expected = naive.linkability(records, released, k)
    assert linked(records, released, k) == pytest.approx([float(chance) for chance in expected], abs=1e-12)


@given(tables(), st.floats(0, 1))
@settings(deadline=None, max_examples=300)
def test_guess_secrets__equals_every_choice(
    given: tuple[list[tuple[Row, Row]], list[tuple[Row, Row]]], width: float
) -> None:
    records = [(row, secret[0]) for row, secret in given[0]]
    released = sorted((row, (secret[0] - width, secret[0] + width)) for row, secret in given[1])
    part, place = distinct([row for row, _ in released])
    low, high = np.array([bounds for _, bounds in released]).T
    probability = np.empty(len(records))
    guess_secrets(
        matrix([row for row, _ in records], len(part.point)),
        np.array([secret for _, secret in records], np.float64),
        part,
        np.searchsorted(place, np.arange(len(part.weight) + 1)),
        np.ascontiguousarray(low),
        np.ascontiguousarray(high),
        np.ones(len(released), np.int64),
        probability,
    )
    expected = naive.inference(records, released)
    assert probability == pytest.approx([float(chance) for chance in expected], abs=1e-12)


def test_link_parts__many_blocks() -> None:
    """More candidates than a block, coarse enough to tie."""
    random = np.random.default_rng(4)
    table = np.round(random.random((1300, 3)), 1)
    released = [((row[0], row[1]), (row[2],)) for row in table.tolist()]
    records = released[:20]
    for k in (1, 2):
        rows = [naive_single(record, released, k) for record in records]
        assert linked(records, released, k) == pytest.approx(rows, abs=1e-9)


def naive_single(record: tuple[Row, Row], released: list[tuple[Row, Row]], k: int) -> float:
    """Return the chance of a common row for one neighbor, or for two that all tie."""
    sets = []
    for part in (0, 1):
        distances = [naive.distance(record[part], row[part]) for row in released]
        bound = sorted(distances)[k - 1]
        sets.append({i for i, at in enumerate(distances) if at <= bound + 1e-12})
    one, two = sets
    assert len(one) >= k
    both = len(one & two)
    if k == 1:
        return both / (len(one) * len(two))
    # Two of each: the chance that neither of two rows of the one is among two rows of the other.
    total = 0.0
    for hits in range(3):
        chosen = comb(both, hits) * comb(len(one) - both, 2 - hits) / comb(len(one), 2)
        total += chosen * comb(len(two) - hits, 2) / comb(len(two), 2)
    return 1 - total


def comb(n: int, k: int) -> float:
    return float(np.prod([n - i for i in range(k)]) / np.prod([i + 1 for i in range(k)]))
