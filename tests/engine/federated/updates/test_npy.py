"""Arrays in NumPy's format: over the bytes that were sent, and refused where they are not whole."""

import io
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.npy import array_of_npy, npy_of_array

ARRAYS = hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.uint8, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


def saved(array: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


@given(array=ARRAYS, fortran=st.booleans())
def test_array_of_npy__equals_numpy_load(array: npt.NDArray[Any], *, fortran: bool) -> None:
    found = array_of_npy(saved(np.array(array, order="F" if fortran else "C")), "w")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array, strict=True)


@given(array=ARRAYS)
def test_npy_of_array__is_read_by_numpy(array: npt.NDArray[Any]) -> None:
    np.testing.assert_array_equal(np.load(io.BytesIO(npy_of_array(array))), array, strict=True)


def test_npy_of_array__equals_numpy_save() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert npy_of_array(array) == saved(array)


def test_array_of_npy__is_over_the_bytes() -> None:
    serialized = saved(np.arange(1000.0))
    found = array_of_npy(serialized, "w")
    assert np.shares_memory(found, np.frombuffer(serialized, np.uint8))
    assert not found.flags.writeable
    assert found.flags.aligned


def test_array_of_npy__does_not_copy_a_large_payload() -> None:
    serialized = saved(np.zeros(1_000_000))
    tracemalloc.start()
    array_of_npy(serialized, "w")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def header(text: str, version: bytes = b"\x01\x00") -> bytes:
    body = text.encode()
    return b"\x93NUMPY" + version + len(body).to_bytes(2 if version == b"\x01\x00" else 4, "little") + body


WHOLE = saved(np.arange(4.0))
GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }\n"


@pytest.mark.parametrize(
    "serialized",
    [
        b"",
        b"not an array",
        WHOLE[:20],
        WHOLE[:-1],
        WHOLE + b"\0",
        saved(np.arange(4.0)).replace(b"(4,)", b"(5,)"),
        header(GOOD % "-1,"),
        header(GOOD % "-1, -1,") + bytes(8),
        header(GOOD % f"{2**62}, 8,"),
        header(GOOD % f"{10**40},"),
        header(GOOD % f"0, {2**62}"),
        header(GOOD % ("0," * 65)),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n") + bytes(8),
        header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }\n") + bytes(8),
        header("(" * 300),
        header("{'descr': '<f8'"),
        header("__import__('os')"),
        header(GOOD % "1,", b"\x09\x00") + bytes(8),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (True,), 'more': 1}\n") + bytes(8),
    ],
)
def test_array_of_npy__refuses_what_is_not_whole(serialized: bytes) -> None:
    with pytest.raises(UpdateError, match="tensor 'w' is not one whole array"):
        array_of_npy(serialized, "w")


@given(serialized=st.binary(max_size=300))
def test_array_of_npy__refuses_bytes_at_random(serialized: bytes) -> None:
    with pytest.raises(UpdateError):
        array_of_npy(b"\x93NUMPY\x01\x00" + serialized, "w")
