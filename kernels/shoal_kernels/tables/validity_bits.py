"""Validity bitmaps of Arrow: a bit for each row, least significant first, set if there is a value."""

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inlined


@inlined
def is_null(valid: npt.NDArray[np.uint8], at: int) -> bool:
    """Return whether the bit at `at` is unset."""
    return (valid[at >> 3] >> np.uint8(at & 7)) & np.uint8(1) == np.uint8(0)
