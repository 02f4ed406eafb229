"""Pairwise squared distances of many arrays, as sums of squared differences.

Differences are taken before squares, so a component common to all arrays cancels exactly, and a far array does
not blur the distance of two near ones, as it does if norms and products are subtracted instead.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from shoal_kernels._jit import INTERPRETED, Kernel, align_stack, array_at, float32_at, float64_at, inlined
from shoal_kernels._types import OutMatrix, OutVector, Vector, kernel_of
from shoal_kernels.aggregation.vector_sums import across_lanes, array_of

SIDE: Final = 4
"""Arrays on each side of a block of pairs, whose 16 sums stay in registers."""
RUN: Final = 12
"""Number of squares summed in their own dtype before they are added to a float64."""
LANES: Final = 8
"""Number of parallel sums of each pair: a fixed order of addition, the same on every machine."""

_INT: Final = ir.IntType(64)
_SUMS: Final = ir.VectorType(ir.DoubleType(), LANES)
_ADDRESS: Final = types.uint64


@dataclass(frozen=True, slots=True)
class _Form:
    """Dtype of differences and squares, and number of values of every array at a time."""

    value: Any
    n_bytes: int
    lanes: int
    suffix: str

    @property
    def tile(self) -> int:
        """Number of values of every array at a time, such that a hundred arrays fit the second cache."""
        return 8 * RUN * self.lanes

    @property
    def vector(self) -> Any:
        return ir.VectorType(self.value, self.lanes)


_CLOSE: Final = _Form(ir.DoubleType(), 8, LANES, f"v{LANES}f64")
_COARSE: Final = _Form(ir.FloatType(), 4, 2 * LANES, f"v{2 * LANES}f32")

TILE: Final = _CLOSE.tile
COARSE_TILE: Final = _COARSE.tile
"""Number of values of every array at a time, with squares in float64, and in float32."""
FAINT: Final = 2.0**-100
"""Sums of squares in float32 below it may have lost digits to underflow, and are taken again in float64."""


def _int(value: int) -> Any:
    return ir.Constant(_INT, value)


def _interpreted_block_adder(form: _Form) -> Any:
    """Return the Python form of `_block_adder`; it rounds products before adding them."""
    dtype = np.dtype(np.float64 if form is _CLOSE else np.float32)

    def add_up_block(left: int, right: int, out: int) -> None:
        lefts, rights = (array_of(at, SIDE * form.tile, dtype).reshape(SIDE, -1) for at in (left, right))
        sums = array_of(out, SIDE * SIDE, np.dtype(np.float64))
        for pair in range(SIDE * SIDE):
            total = np.zeros(LANES)
            difference = lefts[pair // SIDE] - rights[pair % SIDE]
            for chunk in difference.reshape(-1, RUN, form.lanes):
                run = np.zeros(form.lanes, dtype)
                for row in chunk:
                    run += row * row
                total += run.reshape(-1, LANES).sum(axis=0, dtype=dtype)
            sums[pair] = across_lanes(total)

    return add_up_block


def _block_adder(form: _Form) -> Any:
    """Return an intrinsic that adds up squared differences of SIDE rows with SIDE others, of a tile each.

    Written as vector instructions: a compiler that is given loops keeps these sums in memory, at a third of the speed.
    Products are fused with their additions, explicitly, so that machines do not differ.
    """
    if INTERPRETED:
        return _interpreted_block_adder(form)

    def row_part(builder: Any, base: Any, row: int, place: Any) -> Any:
        at = builder.add(base, builder.mul(builder.add(_int(row * form.tile), place), _int(form.n_bytes)))
        return builder.load(builder.inttoptr(at, form.vector.as_pointer()), align=form.n_bytes)

    def widened(builder: Any, run: Any) -> Any:
        """Return the float64 sums of a run: as they are, or of the two halves of float32 lanes added first."""
        if form.lanes == LANES:
            return run
        halves = [
            ir.Constant(ir.VectorType(ir.IntType(32), LANES), list(range(first, first + LANES))) for first in (0, LANES)
        ]
        low, high = (builder.shuffle_vector(run, run, half) for half in halves)
        return builder.fpext(builder.fadd(low, high), _SUMS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del signature
        left_at, right_at, out_at = arguments
        fused = ir.FunctionType(form.vector, [form.vector] * 3)
        fuse = cgutils.get_or_insert_function(builder.module, fused, f"llvm.fma.{form.suffix}")
        sums = [cgutils.alloca_once_value(builder, ir.Constant(_SUMS, [0.0] * LANES)) for _ in range(SIDE * SIDE)]
        runs = [cgutils.alloca_once(builder, form.vector) for _ in range(SIDE * SIDE)]
        with cgutils.for_range_slice(builder, _int(0), _int(form.tile), _int(RUN * form.lanes)) as (start, _):
            for run in runs:
                builder.store(ir.Constant(form.vector, [0.0] * form.lanes), run)
            stop = builder.add(start, _int(RUN * form.lanes))
            with cgutils.for_range_slice(builder, start, stop, _int(form.lanes)) as (place, _):
                lefts = [row_part(builder, left_at, row, place) for row in range(SIDE)]
                rights = [row_part(builder, right_at, row, place) for row in range(SIDE)]
                for pair, run in enumerate(runs):
                    difference = builder.fsub(lefts[pair // SIDE], rights[pair % SIDE])
                    builder.store(builder.call(fuse, [difference, difference, builder.load(run)]), run)
            for run, total in zip(runs, sums, strict=True):
                builder.store(builder.fadd(builder.load(total), widened(builder, builder.load(run))), total)
        for pair, total in enumerate(sums):
            lanes = builder.load(total)
            parts = [builder.extract_element(lanes, ir.Constant(ir.IntType(32), lane)) for lane in range(LANES)]
            while len(parts) > 1:
                parts = [builder.fadd(*parts[at : at + 2]) for at in range(0, len(parts), 2)]
            into = builder.add(out_at, _int(8 * pair))
            builder.store(parts[0], builder.inttoptr(into, ir.DoubleType().as_pointer()))
        return context.get_dummy_value()

    def add_up_block(typing_context: Any, left: Any, right: Any, out: Any) -> Any:
        del typing_context, left, right, out
        return types.void(_ADDRESS, _ADDRESS, _ADDRESS), generate

    return intrinsic(add_up_block)


@inlined
def _squared_distance(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    """Return the sum of squared differences, added in order in float64."""
    total = 0.0
    for place in range(len(left)):
        difference = np.float64(left[place]) - np.float64(right[place])
        total += difference * difference
    return total


def _measurer(value_at: Any, form: _Form) -> Any:
    """Return the kernel for one dtype and form."""
    add_up_block, tile, is_coarse = _block_adder(form), form.tile, form is _COARSE

    def squared_distances(
        addresses: Vector[np.uint64],
        n: int,
        rows: OutMatrix[Any],
        block: OutVector[np.float64],
        distances: OutMatrix[np.float64],
    ) -> None:
        """Add up squared differences of every two arrays, and of each and the origin, tile by tile.

        Nothing is subtracted but values, so that relative errors do not grow. Where squares are taken in float64 the
        error is below 2e-14: of a difference, twice, of RUN squares, of 8 runs, of lanes, and of at most 64 tiles. In
        float32 it is below 2**-24 (2 + RUN + 1) < 9e-7; a tile whose sum overflows or comes near to underflow is done
        again in float64.

        Parameters
        ----------
        addresses : (n_arrays,) uint64
            Address of each array; the caller keeps the arrays alive, contiguous and of one dtype.
        n : int
            Values of each; at most 64 tiles, to bound the error.
        rows : (n_rows, tile) of the form's dtype, out
            Scratch; n_rows is a multiple of SIDE and above n_arrays. Rows without an array are origins.
        block : (SIDE * SIDE,) float64, out
            Scratch.
        distances : (n_rows, n_rows) float64, out
            Overwritten; valid for row < column <= n_arrays. Not finite if a value of either array is not.
        """
        align_stack()
        n_rows, n_arrays = len(rows), len(addresses)
        distances[:] = 0
        rows[n_arrays:] = 0
        for start in range(0, n, tile):
            length = min(tile, n - start)
            for u in range(n_arrays):
                values = array_at(value_at(addresses[u]), start + length)[start : start + length]
                row = rows[u, :length]
                for i in range(length):
                    row[i] = values[i]
                rows[u, length:] = 0
            for upper in range(0, n_rows, SIDE):
                for other in range(upper, n_rows, SIDE):
                    add_up_block(rows[upper].ctypes.data, rows[other].ctypes.data, block.ctypes.data)
                    for pair in range(SIDE * SIDE):
                        left, right = upper + pair // SIDE, other + pair % SIDE
                        found = block[pair]
                        if is_coarse and not FAINT <= found < np.inf and left < right <= n_arrays:
                            found = _squared_distance(rows[left], rows[right])
                        distances[left, right] += found

    return squared_distances


SQUARED_DISTANCES: dict[str, Kernel[Any, None]] = {
    name: kernel_of(_measurer(at, _CLOSE), "float64") for name, at in (("float32", float32_at), ("float64", float64_at))
}
"""The kernels for each dtype of values, with squares in float64."""
COARSE_SQUARED_DISTANCES: Final[Kernel[Any, None]] = kernel_of(_measurer(float32_at, _COARSE), "float32")
"""The kernel for float32, with squares in float32."""
