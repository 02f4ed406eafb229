import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from shoal_kernels.partitioning.class_numbers import label_positions, number_by_first


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
@settings(deadline=None)
def test_number_by_first__counts_up_in_order_of_appearance(classes: list[int]) -> None:
    expected = [list(dict.fromkeys(classes)).index(c) for c in classes]
    found = np.array(classes, np.int64)
    number_by_first(np.full(6, -1, np.int64), found)
    assert_array_equal(found, expected)


def test_label_positions__continues_from_the_classes_before() -> None:
    carriers = (np.array([9, 9, 9], np.uint64) << np.uint64(8)) | np.array([4, 1, 3], np.uint64)
    found = np.full(5, -7, np.int64)
    label_positions(carriers, np.uint64(255), np.array([0, 1, 0], np.uint8), 3, found)
    assert_array_equal(found, [-7, 3, -7, 3, 2])


def test_number_by_first__of_nothing() -> None:
    number_by_first(np.zeros(0, np.int64), np.zeros(0, np.int64))
