import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import linkage as naive
from shoal_engine.errors import ColumnError, InputError
from shoal_engine.risk import linkage
from shoal_engine.risk.linkage import agree, weigh
from shoal_engine.transforming.standardizing import center_and_deviation


@st.composite
def pairs_of_tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw small integers, so that distances tie often."""
    n, d = draw(st.integers(1, 40)), draw(st.integers(1, 4))
    rows = st.lists(st.lists(st.integers(-3, 3), min_size=d, max_size=d), min_size=n, max_size=n)
    original = np.array(draw(rows), np.int64)
    noise = np.array(draw(rows), np.int64)
    return original, original + (noise // 3)


@given(pairs_of_tables())
@settings(deadline=None, max_examples=200)
def test_by_distance__equals_naive(tables: tuple[np.ndarray, np.ndarray]) -> None:
    original, masked = (table.astype(np.float64) for table in tables)
    scaled = []
    for j in range(original.shape[1]):
        mean, deviation = center_and_deviation(original[:, j])
        scaled.append([(table[:, j] - mean) / (deviation or np.inf) for table in (original, masked)])
    first, then = (np.column_stack(columns) for columns in zip(*scaled, strict=True))
    assert linkage.by_distance(original, masked).tolist() == naive.by_distance(first.tolist(), then.tolist())


def test_by_distance__many_leaves() -> None:
    random = np.random.default_rng(2)
    original = random.normal(size=(800, 3))
    masked = original + 0.3 * random.normal(size=original.shape)
    mean, deviation = np.array([center_and_deviation(original[:, j]) for j in range(3)]).T
    expected = naive.by_distance(((original - mean) / deviation).tolist(), ((masked - mean) / deviation).tolist())
    assert linkage.by_distance(original, masked).tolist() == expected
    assert 0.05 < np.mean(expected) < 0.95


def test_by_distance__known_cases() -> None:
    line = np.arange(12.0)[:, None]
    assert linkage.by_distance(line, line).mean() == 1.0
    # One group of all: everybody is as near, so a guess is right once in twelve.
    assert linkage.by_distance(line, np.full((12, 1), 5.5)).tolist() == [1 / 12] * 12
    # A constant column tells nobody apart, wherever it is moved.
    assert linkage.by_distance(np.column_stack([line, 0 * line]), np.column_stack([line, line])).mean() == 1.0
    assert linkage.by_distance(line, line[::-1]).mean() == 0.0


@given(pairs_of_tables())
@settings(deadline=None, max_examples=100)
def test_agree__counts_every_pair(tables: tuple[np.ndarray, np.ndarray]) -> None:
    original, masked = (table - min(t.min() for t in tables) for table in tables)
    expected = naive.patterns(original.tolist(), masked.tolist())
    found = agree(original, masked)
    for i, row in enumerate(expected):
        assert found.count[:, i].tolist() == [row.count(pattern) for pattern in range(1 << original.shape[1])]
        assert found.own[i] == row[i]


def test_by_probability__equals_naive() -> None:
    random = np.random.default_rng(4)
    original = random.integers(0, 5, (25, 3))
    masked = np.where(random.random((25, 3)) < 0.15, random.integers(0, 5, (25, 3)), original)
    found = agree(original, masked)
    pairs = [pattern for row in naive.patterns(original.tolist(), masked.tolist()) for pattern in row]
    weight = naive.weights(pairs, 3)
    # Where matches nearly always agree, the logarithm of what is left to 1 keeps few digits.
    assert weigh(found.total) == pytest.approx(np.array(weight), rel=1e-4)
    expected = []
    for i, row in enumerate(naive.patterns(original.tolist(), masked.tolist())):
        best = max(weight[pattern] for pattern in row)
        candidates = [abs(weight[pattern] - best) < 1e-9 for pattern in row]
        expected.append(candidates[i] / sum(candidates))
    assert linkage.by_probability(original, masked).tolist() == pytest.approx(expected)


def test_by_probability__identical_tables() -> None:
    # 125 tuples of three columns, each once: nothing but the record itself agrees in all three.
    original = np.array([(a, b, c) for a in range(5) for b in range(5) for c in range(5)])
    assert linkage.by_probability(original, original).tolist() == [1.0] * 125
    # Twins are told apart by nothing.
    assert linkage.by_probability(np.repeat(original, 2, axis=0), np.repeat(original, 2, axis=0)).mean() == 0.5


def test_by_probability__too_much_is_refused() -> None:
    with pytest.raises(InputError, match=r"4 records by 28 columns .* limit is"):
        agree(np.zeros((4, 28), np.int64), np.zeros((4, 28), np.int64))


def test_by_interval__as_sdcmicro_counts() -> None:
    original, masked = np.array([[1.0], [2.0], [3.0], [14.0]]), np.array([[1.0], [2.5], [3.0], [10.0]])
    deviation = np.std(masked, ddof=1)
    assert linkage.by_interval(original, masked, 0.05).tolist() == [1, 0, 1, 0]
    assert linkage.by_interval(original, masked, 0.5 / deviation).tolist() == [1, 1, 1, 0]
    assert linkage.by_interval(original[:1], masked[:1], 0.05).tolist() == [1]


def test_common_codes__values_of_two_types() -> None:
    first, then = linkage.common_codes("a", pa.array([1, 2, None]), pa.array([2.0, 1.0, None]))
    assert first.tolist() == [then[1], then[0], then[2]]
    first, then = linkage.common_codes("a", pa.array(["x", None]), pa.array([None, "x"]))
    assert first.tolist() == then[::-1].tolist()
    with pytest.raises(ColumnError, match="`a` is string in one table and int64 in the other"):
        linkage.common_codes("a", pa.array(["x"]), pa.array([1]))
