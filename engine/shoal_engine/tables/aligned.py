"""Arrays that start at the beginning of a cache line.

NumPy's start at any multiple of 16 bytes. Vectors of 32 and 64 bytes then lie across two lines: a kernel that reads and
writes what it works on again and again takes up to a third longer, in some processes and not in others.
"""

from collections.abc import Callable
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_LINE: Final = 64
Shape = int | tuple[int, ...]


def aligned_empty(shape: Shape, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an array, C-contiguous, of values that are not set.

    Examples
    --------
    >>> aligned_empty((3, 5), np.float32).ctypes.data % 64
    0
    """
    return _aligned(np.empty, shape, dtype)


def aligned_zeros(shape: Shape, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an array, C-contiguous, of zeros."""
    return _aligned(np.zeros, shape, dtype)


def _aligned(make: Callable[..., npt.NDArray[np.uint8]], shape: Shape, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    kind = np.dtype(dtype)
    n_bytes = kind.itemsize * (shape if isinstance(shape, int) else prod(shape))
    memory = make(n_bytes + _LINE, np.uint8)
    skip = -memory.ctypes.data % _LINE
    return memory[skip : skip + n_bytes].view(kind).reshape(shape)
