"""Fixed-point sums of several weighted arrays, and their squares, in one pass of vector instructions.

From loops a compiler would read each array twice and keep the sums of squares in memory; here both are in
registers, and memory is read once.
"""

import ctypes
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from shoal_kernels._jit import INTERPRETED

LANES: Final = 8
"""Number of values of each array at a time, and of parallel sums of its squares: a fixed order of addition."""
MAGIC: Final = 1.5 * 2.0**52
"""Added to a number of at most 2**51 in size, it leaves the nearest integer in the low bits, ties to even."""

_AHEAD: Final = 2048
"""Prefetch distance in bytes: the processor's own prefetching ends with each page."""
_NEAR: Final = 2
"""Locality of a prefetch: the second cache, because the first is too small for eight arrays."""

_INT: Final = ir.IntType(64)
_INTS: Final = ir.VectorType(_INT, LANES)
_DOUBLES: Final = ir.VectorType(ir.DoubleType(), LANES)
_FORMS: Final = {"float32": (ir.FloatType(), 4), "float64": (ir.DoubleType(), 8)}


def _int(value: int) -> Any:
    return ir.Constant(_INT, value)


def _fetch(builder: Any, address: Any) -> None:
    """Prefetch the memory at an address."""
    byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
    for_reading, near, data = (ir.Constant(flag, value) for value in (0, _NEAR, 1))
    builder.call(prefetch, [builder.inttoptr(address, byte), for_reading, near, data])


def array_of(address: int, n: int, dtype: "np.dtype[Any]") -> npt.NDArray[Any]:
    """Return the array at an address, for the Python forms of vector instructions."""
    return np.ctypeslib.as_array(ctypes.cast(int(address), ctypes.POINTER(np.ctypeslib.as_ctypes_type(dtype))), (n,))


def across_lanes(lanes: npt.NDArray[Any]) -> np.float64:
    """Add up parallel sums in float64, pairwise."""
    wide = lanes.astype(np.float64)
    while len(wide) > 1:
        wide = wide[0::2] + wide[1::2]
    return wide[0]


def _interpreted_adder(dtype: "np.dtype[Any]", n_arrays: int) -> Any:
    """Return the Python form of `adder`."""
    word, double, integer = np.dtype(np.uint64), np.dtype(np.float64), np.dtype(np.int64)

    def add_side_by_side(table: int, first: int, count: int, factors: int, sums: int, squares: int) -> None:
        begins, scales = array_of(table, n_arrays, word), array_of(factors, n_arrays, double)
        total, square = array_of(sums, count, integer), array_of(squares, n_arrays, double)
        for place in range(n_arrays):
            values = array_of(int(begins[place]) + first * dtype.itemsize, count, dtype)
            total += (values.astype(double) * scales[place] + MAGIC).view(integer)
            lanes = np.zeros(LANES, dtype)
            for row in values.reshape(-1, LANES):
                lanes += row * row
            square[place] += across_lanes(lanes)

    return add_side_by_side


def adder(dtype: str, n_arrays: int) -> Any:
    """Return a function for kernels that adds `n_arrays` weighted arrays of a dtype to int64 sums.

    Its arguments: address of the table of the arrays' addresses; first value; number of values, a multiple of LANES
    and at most a few thousand; address of the arrays' factors, float64; address of the sums, int64, to which each
    product plus MAGIC_BITS is added; address of the sums of squares, float64, one for each array. Squares are summed
    in the arrays' dtype.
    """
    if INTERPRETED:
        return _interpreted_adder(np.dtype(dtype), n_arrays)
    value, n_bytes = _FORMS[dtype]
    values = ir.VectorType(value, LANES)

    def at(builder: Any, address: Any, kind: Any) -> Any:
        return builder.inttoptr(address, kind.as_pointer())

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del signature
        table, first, count, factors, sums, squares = arguments
        begins, scales = list[Any](), list[Any]()
        for place in range(n_arrays):
            begin = builder.load(at(builder, builder.add(table, _int(8 * place)), _INT))
            begins.append(builder.add(begin, builder.mul(first, _int(n_bytes))))
            factor = builder.load(at(builder, builder.add(factors, _int(8 * place)), ir.DoubleType()))
            scale = ir.Constant(_DOUBLES, ir.Undefined)
            for lane in range(LANES):
                scale = builder.insert_element(scale, factor, ir.Constant(ir.IntType(32), lane))
            scales.append(scale)
        zero = ir.Constant(values, [0.0] * LANES)
        lanes = [cgutils.alloca_once_value(builder, zero) for _ in range(n_arrays)]
        for lane in lanes:
            builder.store(zero, lane)
        magic = ir.Constant(_DOUBLES, [MAGIC] * LANES)
        with cgutils.for_range_slice(builder, _int(0), count, _int(LANES)) as (place, _):
            here = at(builder, builder.add(sums, builder.mul(place, _int(8))), _INTS)
            total = builder.load(here, align=8)
            skip = builder.mul(place, _int(n_bytes))
            for begin, scale, lane in zip(begins, scales, lanes, strict=True):
                address = builder.add(begin, skip)
                _fetch(builder, builder.add(address, _int(_AHEAD)))
                found = builder.load(at(builder, address, values), align=1)
                builder.store(builder.fadd(builder.load(lane), builder.fmul(found, found)), lane)
                wide = found if dtype == "float64" else builder.fpext(found, _DOUBLES)
                raised = builder.fadd(builder.fmul(wide, scale), magic)
                total = builder.add(total, builder.bitcast(raised, _INTS))
            builder.store(total, here, align=8)
        for place, lane in enumerate(lanes):
            parts = [
                builder.extract_element(builder.load(lane), ir.Constant(ir.IntType(32), one)) for one in range(LANES)
            ]
            wide = parts if dtype == "float64" else [builder.fpext(part, ir.DoubleType()) for part in parts]
            while len(wide) > 1:
                wide = [builder.fadd(*wide[one : one + 2]) for one in range(0, len(wide), 2)]
            into = at(builder, builder.add(squares, _int(8 * place)), ir.DoubleType())
            builder.store(builder.fadd(builder.load(into), wide[0]), into)
        return context.get_dummy_value()

    def add_side_by_side(
        typing_context: Any, table: Any, first: Any, count: Any, factors: Any, sums: Any, squares: Any
    ) -> Any:
        del typing_context, table, first, count, factors, sums, squares
        address, number = types.uint64, types.int64
        return types.void(address, number, number, address, address, address), generate

    return intrinsic(add_side_by_side)
