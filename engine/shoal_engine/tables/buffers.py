"""Memory of arrays: buffers of Arrow arrays, read here and nowhere else, and arrays that begin at a cache line.

Arrays that start at the beginning of a cache line.

NumPy's start at any multiple of 16 bytes. Vectors of 32 and 64 bytes then lie across two lines: a kernel that reads and
writes what it works on again and again takes up to a third longer, in some processes and not in others.
"""

from collections.abc import Callable
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Shape = int | tuple[int, ...]

_LINE: Final = 64


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


class Buffers(NamedTuple):
    """An array's fixed-width values and validity, where Arrow keeps them.

    Attributes
    ----------
    values : (n,) uint8, uint16, uint32 or uint64, or (n, 2) uint64
        The bits of the values, read-only; whatever lies under a null.
    valid : (any,) uint8
        A bit for each row, least significant first, set where there is a value; empty if no row is null.
    valid_from : int
        The bit of row 0.
    """

    values: npt.NDArray[np.uint8 | np.uint16 | np.uint32 | np.uint64]
    valid: npt.NDArray[np.uint8]
    valid_from: int


def read_buffers(array: pa.Array) -> Buffers:
    """Return the values and validity of an array of a fixed-width type or of string views; copies nothing.

    Parameters
    ----------
    array : pa.Array
        Of 8 to 64 bits a value (a slice as well), or of string views.
    """
    is_view = pa.types.is_string_view(array.type)
    width = 16 if is_view else array.type.bit_width // 8
    validity, content = array.buffers()[:2]
    dtype = np.dtype(np.uint64 if is_view else f"uint{8 * width}")
    if len(array) == 0 or content is None:
        values = np.empty((0, 2) if is_view else 0, dtype)
        return Buffers(values, np.empty(0, np.uint8), 0)
    values = np.frombuffer(content, dtype, len(array) * (width // dtype.itemsize), array.offset * width)
    if is_view:
        values = values.reshape(-1, 2)
    if array.null_count == 0 or validity is None:
        return Buffers(values, np.empty(0, np.uint8), 0)
    return Buffers(values, np.frombuffer(validity, np.uint8), array.offset)
