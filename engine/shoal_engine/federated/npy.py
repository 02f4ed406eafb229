"""Arrays in NumPy's file format, as bytes that others hold: read without copying, written with one copy."""

import io
import math
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
"""Bytes of it that are read first, so that a large payload is not copied for a glance at its header."""


def array_of_npy(serialized: bytes | memoryview, name: str) -> npt.NDArray[Any]:
    """Return an array over the payload of an ``.npy`` file in memory, read-only, without copying.

    Parameters
    ----------
    serialized : bytes or memoryview
        Of one file of version 1, 2 or 3, whole.
    name : str
        Of the array, for errors.

    Raises
    ------
    UpdateError
        Not such a file, one of Python objects, or not of the length that its header tells.
    """
    whole = memoryview(serialized)
    head = io.BytesIO(whole[:_LONGEST_HEADER])
    try:
        version = npy_format.read_magic(head)
        shape, fortran, dtype = _HEADERS[version](head)
        offset = head.tell()
        if dtype.hasobject or len(whole) - offset != math.prod(shape) * dtype.itemsize or min(shape, default=0) < 0:
            raise ValueError
        flat = np.frombuffer(whole, dtype, count=math.prod(shape), offset=offset)
    except Exception:
        # Whatever: headers are Python text of the sender's, and their readers fail in many ways. Without the cause,
        # which quotes the header.
        msg = f"tensor {name!r} is not one whole array in NumPy's format, without objects; send it as `numpy.save` does"
        raise UpdateError(msg) from None
    return flat.reshape(shape, order="F" if fortran else "C")


def npy_of_array(array: npt.NDArray[Any]) -> bytes:
    """Return an array as an ``.npy`` file in memory."""
    head = io.BytesIO()
    packed = np.ascontiguousarray(array)
    npy_format.write_array_header_1_0(head, npy_format.header_data_from_array_1_0(packed.reshape(array.shape)))
    return b"".join((head.getvalue(), packed.reshape(-1).view(np.uint8).data))
