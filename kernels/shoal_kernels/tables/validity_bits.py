"""Validity bitmaps of Arrow: a bit for each row, least significant first, set if there is a value."""

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import Bytes


@inlined
def is_null(valid: Bytes, at: int) -> bool:
    """Return whether the bit at `at` is unset."""
    return (valid[at >> 3] >> np.uint8(at & 7)) & np.uint8(1) == np.uint8(0)
