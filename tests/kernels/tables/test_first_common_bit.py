"""The first bit that maps have in common, against sets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shoal_kernels.tables.first_common_bit import first_common_bits

N = 4200
"""More bits than one word of a summary stands for."""
SETS = st.lists(
    st.sets(st.integers(0, N - 1) | st.sampled_from([0, 63, 64, 4095, 4096, N - 1]), max_size=8), min_size=1, max_size=5
)


def packed(flags: np.ndarray) -> np.ndarray:
    width = -(-flags.shape[1] // 64) * 64
    wide = np.zeros((len(flags), width), bool)
    wide[:, : flags.shape[1]] = flags
    return np.packbits(wide, axis=1, bitorder="little").view(np.uint64)


@given(SETS, st.data())
def test_first_common_bits__as_sets(sets: list[set[int]], data: st.DataObject) -> None:
    flags = np.zeros((len(sets), N), bool)
    for place, members in enumerate(sets):
        flags[place, list(members)] = True
    bits = packed(flags)
    places = st.lists(st.integers(-1, len(sets) - 1), min_size=3, max_size=3)
    at = np.array(data.draw(st.lists(places, min_size=1, max_size=6)), np.int64)
    first = np.empty(len(at), np.int64)
    first_common_bits(bits, packed(bits != 0), at, first)
    wanted = [set.intersection(*(sets[j] for j in row)) if min(row) >= 0 else set() for row in at.tolist()]
    assert first.tolist() == [min(one, default=-1) for one in wanted]
