"""Radix partition of rows by privacy unit: all rows of a unit are in one bucket, whatever their batch."""

from typing import Any

import numpy as np

from shoal_kernels._jit import Kernel
from shoal_kernels._types import OutVector, UInt32, Vector, kernel, kernel_of
from shoal_kernels.private.id_encoding import NO_UNIT

BUCKET_BITS = 8
"""The lowest bits of a unit's code are its bucket, the others its number in the bucket."""
N_BUCKETS = 1 << BUCKET_BITS
LEFT_OUT = 0xFFFFFFFF
"""Place of a row that is dropped."""


@kernel
def partition_rows(
    unit: Vector[np.uint32],
    group: Vector[np.uint32],
    n_groups: UInt32,
    bound: OutVector[np.int64],
    place: OutVector[np.uint32],
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


def _scatter(column: Vector[Any], place: Vector[np.uint32], out: OutVector[Any]) -> None:
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
    name: kernel_of(_scatter, name, name) for name in ("uint8", "uint16", "uint32")
}
"""The kernel for each dtype of columns."""
