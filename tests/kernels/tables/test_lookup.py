"""Places of tuples among sorted ones, against a dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shoal_kernels.tables.lookup import find_tuples

TUPLES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=40)


def columns(tuples: list[tuple[int, int]]) -> np.ndarray:
    return np.array(tuples, np.uint64).reshape(-1, 2).T.copy()


@given(TUPLES, TUPLES)
def test_find_tuples__as_a_dictionary(known: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> None:
    known, wanted = sorted(set(known)), sorted(wanted)
    place = np.empty(len(wanted), np.int64)
    find_tuples(columns(known), columns(wanted), place)
    places = {one: at for at, one in enumerate(known)}
    assert place.tolist() == [places.get(one, -1) for one in wanted]
