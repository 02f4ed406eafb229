"""Values as bounded integers on a grid: clamped, scaled by a power of two, rounded half to even.

Each value is mapped independently, so sums of grid values are exact in any order.
"""

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import Int32, OutVector, Vector, kernel
from shoal_kernels.tables.validity_bits import is_null

ABSENT = -(1 << 31)
"""Marks a row without a value; below every grid."""


@inlined
def halve(value: int, bits: int) -> int:
    """Return ``value / 2**bits`` rounded half to even; 0 <= bits <= 62."""
    quotient = value >> bits
    rest = value - (quotient << bits)
    twice = rest << 1
    whole = np.int64(1) << bits
    if twice > whole or (twice == whole and quotient & 1 == 1):
        quotient += 1
    return quotient


@kernel
def place_floats(
    values: Vector[np.float64], low: float, high: float, scale: float, missing: Int32, out: OutVector[np.int32]
) -> None:
    """Put floats on a grid.

    Parameters
    ----------
    values : (n,) float64
        Any: infinities are clamped, NaN becomes `missing`.
    low, high : float
        Bounds, themselves on the grid.
    scale : float
        A power of two; ``high * scale`` is below 2**31 in size.
    missing : int32
    out : (n,) int32, out
    """
    for i in range(len(values)):
        value = values[i]
        inside = min(max(value, low), high)
        out[i] = missing if value != value else np.int32(np.rint(inside * scale))


@kernel
def place_integers(
    values: Vector[np.int64],
    least: int,
    most: int,
    exponent: int,
    low: int,
    high: int,
    out: OutVector[np.int32],
) -> None:
    """Put integers on a grid, in integer arithmetic only.

    Parameters
    ----------
    values : (n,) int64
    least, most : int
        First clamping range: contains the bounds, and is small enough to be scaled.
    exponent : int, -62 to 32
        Values are multiplied by 2**exponent.
    low, high : int
        The bounds on the grid.
    out : (n,) int32, out
    """
    for i in range(len(values)):
        value = min(max(values[i], least), most)
        value = value << exponent if exponent >= 0 else halve(value, -exponent)
        out[i] = np.int32(min(max(value, low), high))


@kernel
def mark_missing(valid: Vector[np.uint8], valid_from: int, missing: Int32, out: OutVector[np.int32]) -> None:
    """Overwrite the rows that are null.

    Parameters
    ----------
    valid : (any,) uint8
        A bit for each row, least significant first.
    valid_from : int
        The bit of row 0.
    missing : int32
    out : (n,) int32, in and out
    """
    for i in range(len(out)):
        if is_null(valid, valid_from + i):
            out[i] = missing
