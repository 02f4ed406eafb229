"""Arrays in NumPy's file format, as bytes that others hold: read without copying, written with one copy."""

import io
import math
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from shoal_engine.errors import UpdateError

_HEADERS: Final = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
    # As version 2, but for names of fields in other alphabets, and arrays with fields are no tensors.
    (3, 0): npy_format.read_array_header_2_0,
}
_LONGEST_HEADER: Final = 1024
"""In bytes; NumPy's own are of 128, and remembered ones must not fill the memory."""


def array_of_npy(serialized: bytes | memoryview, name: str) -> npt.NDArray[Any]:
    """Return an array over the payload of an ``.npy`` file in memory, read-only, without copying.

    Parameters
    ----------
    serialized : bytes or memoryview
        Of one file of version 1, 2 or 3, whole.
    name : str
        Name of the array, for errors.

    Raises
    ------
    UpdateError
        Not such a file, one of Python objects, or not of the length in its header.
    """
    whole = memoryview(serialized)
    try:
        # The header's length is of two bytes in version 1 and of four in later ones.
        first = 10 if whole[6] == 1 else 12
        offset = first + int.from_bytes(whole[8:first], "little")
        shape, fortran, dtype = _header(bytes(whole[: min(offset, _LONGEST_HEADER)]))
        count = math.prod(shape)
        if dtype.hasobject or min(shape, default=0) < 0 or len(whole) - offset != count * dtype.itemsize:
            raise ValueError
        flat = np.frombuffer(whole, dtype, count=count, offset=offset)
        return flat.reshape(shape, order="F" if fortran else "C")
    except Exception:
        # Whatever: headers are Python text of the sender's, and their readers fail in many ways. Without the cause,
        # which quotes the header.
        msg = f"tensor {name!r} is not one whole array in NumPy's format, without objects; send it as `numpy.save` does"
        raise UpdateError(msg) from None


@lru_cache(maxsize=4096)
def _header(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and dtype; remembered, as the nodes of a federation send the same headers each round."""
    stream = io.BytesIO(head)
    return _HEADERS[npy_format.read_magic(stream)](stream)


def npy_of_array(array: npt.NDArray[Any]) -> bytes:
    """Return an array as an ``.npy`` file in memory."""
    head = io.BytesIO()
    packed = np.ascontiguousarray(array)
    npy_format.write_array_header_1_0(head, npy_format.header_data_from_array_1_0(packed.reshape(array.shape)))
    return b"".join((head.getvalue(), packed.reshape(-1).view(np.uint8).data))
