"""Class numbers of tuples, from the first places of classes in a permuted array."""

import numpy as np

from shoal_kernels._types import OutVector, Vector, kernel


@kernel
def label_positions(
    carriers: Vector[np.uint64],
    index_mask: np.uint64,
    is_start: Vector[np.uint8],
    n_before: int,
    class_of_tuple: OutVector[np.int64],
) -> None:
    """Write the class number of each position to the tuple at that position.

    Parameters
    ----------
    carriers : (n_here,) uint64
        The low bits, under `index_mask`, hold the tuple's index.
    index_mask : uint64
    is_start : (n_here,) uint8
        1 where a class begins.
    n_before : int
        Classes that begin before these positions.
    class_of_tuple : (n,) int64, out
        Written at the indices that the carriers hold.
    """
    class_id = n_before - 1
    for i in range(len(carriers)):
        class_id += is_start[i]
        class_of_tuple[np.int64(carriers[i] & index_mask)] = class_id


@kernel
def number_by_first(number: OutVector[np.int64], class_of_tuple: OutVector[np.int64]) -> None:
    """Renumber classes by their first tuple.

    Parameters
    ----------
    number : (n_classes,) int64, scratch
        All -1; overwritten with the new number of each class.
    class_of_tuple : (n,) int64, each from 0 to n_classes - 1, in and out
    """
    n_seen = 0
    for i in range(len(class_of_tuple)):
        old = class_of_tuple[i]
        if number[old] < 0:
            number[old] = n_seen
            n_seen += 1
        class_of_tuple[i] = number[old]
