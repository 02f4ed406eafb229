"""Radix partition of rows by privacy unit: all rows of a unit are in one bucket, whatever their batch."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import Kernel, kernel, vector
from shoal_kernels.private.id_encoding import NO_UNIT

BUCKET_BITS = 8
"""The lowest bits of a unit's code are its bucket, the others its number in the bucket."""
N_BUCKETS = 1 << BUCKET_BITS
LEFT_OUT = 0xFFFFFFFF
"""Place of a row that is dropped."""

_U32 = vector(types.uint32)


@kernel(types.void(_U32, _U32, types.uint32, types.int64[::1], types.uint32[::1]))
def partition_rows(
    unit: npt.NDArray[np.uint32],
    group: npt.NDArray[np.uint32],
    n_groups: int,
    bound: npt.NDArray[np.int64],
    place: npt.NDArray[np.uint32],
) -> None:
    """Compute the place of each row, bucket after bucket, rows in their order.

    Parameters
    ----------
    unit : (n,) uint32
        Rows without a unit are dropped.
    group : (n,) uint32
    n_groups : uint32
        Rows of groups not below this number are dropped.
    bound : (N_BUCKETS + 1,) int64, out
        First place of each bucket; the end of the last follows.
    place : (n,) uint32, out
    """
    mask = np.uint32(N_BUCKETS - 1)
    bound[:] = 0
    for i in range(len(unit)):
        if unit[i] != NO_UNIT and group[i] < n_groups:
            bound[np.int64(unit[i] & mask) + 1] += 1
    for b in range(N_BUCKETS):
        bound[b + 1] += bound[b]
    cursor = bound[:-1].copy()
    for i in range(len(unit)):
        if unit[i] != NO_UNIT and group[i] < n_groups:
            b = np.int64(unit[i] & mask)
            place[i] = np.uint32(cursor[b])
            cursor[b] += 1
        else:
            place[i] = np.uint32(LEFT_OUT)


def _scatter(column: npt.NDArray[Any], place: npt.NDArray[np.uint32], out: npt.NDArray[Any]) -> None:
    """Scatter a column's values, as their bits, to the places of their rows.

    Parameters
    ----------
    column : (n,) uint8, uint16 or uint32
    place : (n,) uint32
    out : (rows that are not dropped,) as `column`, out
    """
    for i in range(len(column)):
        if place[i] != LEFT_OUT:
            out[np.int64(place[i])] = column[i]


SCATTER: dict[str, Kernel[Any, None]] = {
    name: kernel(types.void(vector(width), _U32, width[::1]))(_scatter)
    for name, width in (("uint8", types.uint8), ("uint16", types.uint16), ("uint32", types.uint32))
}
"""The kernel for each dtype of columns."""
