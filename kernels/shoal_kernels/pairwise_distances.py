"""Squared distances of every two of many arrays, as sums of squared differences.

Differences are taken before squares, so that what all arrays share cancels exactly and no far array blurs the
distance of two near ones, as it does where norms and products are subtracted instead.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from shoal_kernels._jit import Kernel, array_at, float32_at, float64_at, kernel, vector

TILE: Final = 1024
"""Values of every array at a time: those of a hundred arrays stay in the second cache."""
SIDE: Final = 4
"""Arrays on each side of a block of pairs, whose 16 sums stay in registers."""
LANES: Final = 8
"""Sums of each pair side by side: a fixed order of addition, the same on every machine."""

_INT: Final = ir.IntType(64)
_WIDE: Final = ir.VectorType(ir.DoubleType(), LANES)


def _int(value: int) -> Any:
    return ir.Constant(_INT, value)


def _block_of_pairs(typing_context: Any, left: Any, right: Any, out: Any) -> Any:
    """Return the code that adds up the squared differences of SIDE rows with SIDE rows of TILE float64 each.

    Written as vector instructions: a compiler that is given loops keeps these sums in memory, at a third of the speed.
    Products are fused with their additions, explicitly, so that machines do not differ.
    """
    del typing_context, left, right, out

    def row_part(builder: Any, base: Any, row: int, place: Any) -> Any:
        at = builder.add(base, builder.mul(builder.add(_int(row * TILE), place), _int(8)))
        return builder.load(builder.inttoptr(at, _WIDE.as_pointer()), align=8)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del signature
        left_at, right_at, out_at = arguments
        zero = ir.Constant(_WIDE, [0.0] * LANES)
        fused = ir.FunctionType(_WIDE, [_WIDE] * 3)
        fuse = cgutils.get_or_insert_function(builder.module, fused, f"llvm.fma.v{LANES}f64")
        sums = [cgutils.alloca_once_value(builder, zero) for _ in range(SIDE * SIDE)]
        with cgutils.for_range_slice(builder, _int(0), _int(TILE), _int(LANES)) as (place, _):
            lefts = [row_part(builder, left_at, row, place) for row in range(SIDE)]
            rights = [row_part(builder, right_at, row, place) for row in range(SIDE)]
            for pair, total in enumerate(sums):
                difference = builder.fsub(lefts[pair // SIDE], rights[pair % SIDE])
                builder.store(builder.call(fuse, [difference, difference, builder.load(total)]), total)
        for pair, total in enumerate(sums):
            lanes = builder.load(total)
            parts = [builder.extract_element(lanes, ir.Constant(ir.IntType(32), lane)) for lane in range(LANES)]
            while len(parts) > 1:
                parts = [builder.fadd(*parts[at : at + 2]) for at in range(0, len(parts), 2)]
            into = builder.add(out_at, _int(8 * pair))
            builder.store(parts[0], builder.inttoptr(into, ir.DoubleType().as_pointer()))
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint64, types.uint64), generate


_add_up_block: Any = intrinsic(_block_of_pairs)


def _measurer(value_at: Any) -> Any:
    """Return the kernel for one dtype."""

    def squared_distances(
        addresses: npt.NDArray[np.uint64],
        n: int,
        rows: npt.NDArray[np.float64],
        block: npt.NDArray[np.float64],
        distances: npt.NDArray[np.float64],
    ) -> None:
        """Add up squared differences of every two arrays, tile by tile.

        The relative error is below 2e-14: roundings of a difference and of at most TILE / LANES + 4 sums of squares in
        a tile, then of tiles; there is no subtraction of sums.

        Parameters
        ----------
        addresses : (n_arrays,) uint64
            Of the first value of each; the caller keeps the arrays alive, contiguous and of one dtype.
        n : int
            Length of each; at most 64 tiles, for the error's sake.
        rows : (n_rows, TILE) float64, out
            Scratch; n_rows is a multiple of SIDE and at least n_arrays. Rows without an array count as zeros.
        block : (SIDE * SIDE,) float64, out
            Scratch.
        distances : (n_rows, n_rows) float64, out
            Overwritten where column >= row, and below the diagonal in part. Not finite where a value of either array
            is not.
        """
        n_rows = len(rows)
        distances[:] = 0
        rows[len(addresses) :] = 0
        for start in range(0, n, TILE):
            length = min(TILE, n - start)
            for u in range(len(addresses)):
                values = array_at(value_at(addresses[u]), start + length)[start : start + length]
                row = rows[u, :length]
                for i in range(length):
                    row[i] = values[i]
                rows[u, length:] = 0
            for upper in range(0, n_rows, SIDE):
                for other in range(upper, n_rows, SIDE):
                    _add_up_block(rows[upper].ctypes.data, rows[other].ctypes.data, block.ctypes.data)
                    for pair in range(SIDE * SIDE):
                        distances[upper + pair // SIDE, other + pair % SIDE] += block[pair]

    return squared_distances


SQUARED_DISTANCES: dict[str, Kernel[Any, None]] = {
    name: kernel(
        types.void(
            vector(types.uint64),
            types.int64,
            types.float64[:, ::1],
            types.float64[::1],
            types.float64[:, ::1],
        )
    )(_measurer(at))
    for name, at in (("float32", float32_at), ("float64", float64_at))
}
"""The kernels for each dtype of values."""
