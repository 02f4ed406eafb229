"""Labels as ranges: joining, widening, and grouping of values that the same labels cover."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.attack.labels import Labels, merged

RANGES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20), st.integers(0, 20)), max_size=12)


def as_sets(label: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {i: set() for i in range(5)}
    for one, first, last in zip(label.tolist(), low.tolist(), high.tolist(), strict=True):
        found[one] |= set(range(first, last + 1))
    return found


def arrays(ranges: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    label, low, high = np.array(ranges, np.int64).reshape(-1, 3).T
    return label, low, high


def labels_of(ranges: list[tuple[int, int, int]]) -> Labels:
    return Labels.of_ranges(np.arange(5), *arrays(ranges), n_labels=5, n_values=21)


@given(ranges=RANGES)
def test_merged__covers_the_same_and_is_disjoint(ranges: list[tuple[int, int, int]]) -> None:
    before = arrays(ranges)
    label, low, high = merged(*before)
    assert as_sets(label, low, high) == as_sets(*before)
    assert int((high - low + 1).sum()) == sum(map(len, as_sets(*before).values()))


@given(ranges=RANGES)
def test_of_ranges__counts_the_values_of_each_label(ranges: list[tuple[int, int, int]]) -> None:
    sets = as_sets(*arrays(ranges))
    assert labels_of(ranges).size.tolist() == [max(1, len(one)) for one in sets.values()]


@given(ranges=RANGES)
def test_groups__have_the_values_that_the_same_labels_cover(ranges: list[tuple[int, int, int]]) -> None:
    sets = as_sets(*arrays(ranges))
    groups = labels_of(ranges).groups()
    group = groups.of(np.arange(21))
    covering = [frozenset(i for i, one in sets.items() if rank in one) for rank in range(21)]
    for rank in range(21):
        for other in range(21):
            assert (group[rank] == group[other]) == (covering[rank] == covering[other])
    member = groups.covering(group)
    assert [frozenset(np.flatnonzero(row).tolist()) for row in member] == covering
    assert groups.of(np.array([-1])).tolist() == [-1]


@given(ranges=RANGES, tolerance=st.integers(0, 3))
def test_widened__covers_values_within_the_tolerance(ranges: list[tuple[int, int, int]], tolerance: int) -> None:
    value = np.linspace(0.0, 40.0, 21)
    wide = labels_of(ranges).widened(value, tolerance)
    expected = {
        i: {rank for rank in range(21) if any(abs(value[rank] - value[x]) <= tolerance for x in one)}
        for i, one in as_sets(*arrays(ranges)).items()
    }
    assert as_sets(wide.label, wide.low, wide.high) == expected
    assert wide.size.tolist() == labels_of(ranges).size.tolist()
