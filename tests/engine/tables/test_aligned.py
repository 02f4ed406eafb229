"""Arrays that start at a cache line."""

import numpy as np
import numpy.typing as npt
import pytest

from shoal_engine.tables.buffers import aligned_empty, aligned_zeros


@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64, "u2"])
@pytest.mark.parametrize("shape", [0, 1, 100_001, (0, 3), (7, 3), (2, 3, 5)])
def test_aligned__is_like_numpys_own(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> None:
    for found, expected in (
        (aligned_zeros(shape, dtype), np.zeros(shape, dtype)),
        (aligned_empty(shape, dtype), np.empty(shape, dtype)),
    ):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        assert found.flags.c_contiguous
        assert found.flags.writeable
        assert found.flags.aligned
        assert found.ctypes.data % 64 == 0 or not found.size
    assert not aligned_zeros(shape, dtype).any()
