"""Numba signatures derived from annotations."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from numba import types

from shoal_kernels._types import (
    Int32,
    Matrix,
    OutCube,
    OutMatrix,
    OutVector,
    UInt32,
    UInt64,
    Vector,
    signature_of,
)


class Pair(NamedTuple):
    left: Vector[np.int64]
    right: Vector[np.int64]


class Mixed(NamedTuple):
    key: OutMatrix[np.uint64]
    pair: Pair


def test_signature_of__arrays() -> None:
    def function(
        a: Vector[np.uint8], b: Matrix[np.int32], c: OutVector[np.bool_], d: OutMatrix[np.float64], e: OutCube[np.int16]
    ) -> None: ...

    expected = types.void(
        types.Array(types.uint8, 1, "C", readonly=True),
        types.Array(types.int32, 2, "C", readonly=True),
        types.boolean[::1],
        types.float64[:, ::1],
        types.int16[:, :, ::1],
    )
    assert signature_of(function) == expected


def test_signature_of__scalars_and_tuples() -> None:
    def function(
        a: int,
        b: float,
        c: bool,  # noqa: FBT001
        d: np.uint64,
        e: Int32,
        f: UInt32,
        g: UInt64,
        h: tuple[int, int],
    ) -> tuple[float, int]: ...

    expected = types.Tuple((types.float64, types.int64))(
        types.int64,
        types.float64,
        types.boolean,
        types.uint64,
        types.int32,
        types.uint32,
        types.uint64,
        types.UniTuple(types.int64, 2),
    )
    assert signature_of(function) == expected


def test_signature_of__named_tuples() -> None:
    def function(pair: Pair, mixed: Mixed) -> int: ...

    pair = types.NamedUniTuple(types.Array(types.int64, 1, "C", readonly=True), 2, Pair)
    assert signature_of(function) == types.int64(pair, types.NamedTuple([types.uint64[:, ::1], pair], Mixed))


def test_signature_of__dtypes_in_order() -> None:
    def function(a: Vector[Any], b: Vector[np.int64], c: OutVector[Any]) -> None: ...

    read = [types.Array(dtype, 1, "C", readonly=True) for dtype in (types.uint8, types.int64)]
    assert signature_of(function, "uint8", "float32") == types.void(*read, types.float32[::1])
    for dtypes in (("uint8",), ("uint8", "uint8", "uint8")):
        with pytest.raises(TypeError):
            signature_of(function, *dtypes)


def test_signature_of__refuses_arrays_without_layout() -> None:
    def function(a: npt.NDArray[np.int64]) -> None: ...

    with pytest.raises(TypeError, match="has no Numba type"):
        signature_of(function)
