"""Total loss of a partition, and reassignment of residual tuples to the classes where they add least."""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints, Matrix, OutVector, Vector, Words, kernel
from shoal_kernels.tables.dimensions import SET, Dimensions, code_at, span_loss


class Extent(NamedTuple):
    """Extent of one class.

    Attributes
    ----------
    low, high : (d,) int64
        Lowest and highest code.
    n_codes : (d,) int64
        Distinct codes in a SET dimension.
    bits : (total bit words,) uint64
        Codes that occur in SET dimensions, laid out as `Dimensions` says.
    """

    low: Ints
    high: Ints
    n_codes: Ints
    bits: Words


@inner
def make_extent(dims: Dimensions) -> Extent:
    """Return workspace for an extent."""
    d, n_words = dims.kind.shape[0], 0
    for count in dims.bit_words:
        n_words += count
    return Extent(np.empty(d, np.int64), np.empty(d, np.int64), np.zeros(d, np.int64), np.zeros(n_words, np.uint64))


@inner
def enclose_tuples(extent: Extent, dims: Dimensions, words: Words, members: Ints) -> None:
    """Set the extent to that of `members`, at least one."""
    extent.bits[:] = 0
    for j in range(dims.kind.shape[0]):
        low, high, count = np.int64(2**62), np.int64(-1), 0
        for i in members:
            code = code_at(dims, words, j, i)
            low, high = min(low, code), max(high, code)
            if dims.kind[j] == SET:
                word, bit = dims.bit_start[j] + (code >> 6), np.uint64(1) << np.uint64(code & 63)
                count += 1 if extent.bits[word] & bit == np.uint64(0) else 0
                extent.bits[word] |= bit
        extent.low[j], extent.high[j], extent.n_codes[j] = low, high, count


@inner
def row_loss(extent: Extent, dims: Dimensions) -> float:
    """Return the loss of one row of the class, 0 to 1."""
    total = 0.0
    for j in range(dims.kind.shape[0]):
        if extent.low[j] == extent.high[j]:
            continue
        if dims.kind[j] == SET:
            total += dims.weight[j] * extent.n_codes[j] / dims.size[j]
        else:
            total += dims.weight[j] * span_loss(dims, j, extent.low[j], extent.high[j])
    return total


@inner
def row_loss_with(extent: Extent, dims: Dimensions, words: Words, i: int) -> float:
    """Return the loss of one row of the class if tuple `i` joined it."""
    total = 0.0
    for j in range(dims.kind.shape[0]):
        code = code_at(dims, words, j, i)
        low, high = min(extent.low[j], code), max(extent.high[j], code)
        if low == high:
            continue
        if dims.kind[j] == SET:
            seen = (extent.bits[dims.bit_start[j] + (code >> 6)] >> np.uint64(code & 63)) & np.uint64(1)
            total += dims.weight[j] * (extent.n_codes[j] + 1 - np.int64(seen)) / dims.size[j]
        else:
            total += dims.weight[j] * span_loss(dims, j, low, high)
    return total


@inner
def sort_members(tuples: Ints, class_id: Ints, n_classes: int) -> tuple[Ints, Ints]:
    """Return `tuples` class by class, those without a class (-1) first, and where each class begins."""
    start = np.zeros(n_classes + 2, np.int64)
    for c in class_id:
        start[c + 2] += 1
    for c in range(n_classes + 1):
        start[c + 1] += start[c]
    sorted_tuples = np.empty(tuples.shape[0], np.int64)
    for p in range(tuples.shape[0]):
        sorted_tuples[start[class_id[p] + 1]] = tuples[p]
        start[class_id[p] + 1] += 1
    return sorted_tuples, start


@inner
def update_best_class(
    extent: Extent,
    dims: Dimensions,
    words: Words,
    weight: Ints,
    members: Ints,
    residuals: Ints,
    c: int,
    added: Floats,
    best: Ints,
) -> None:
    """Set class `c` as the best for each residual to whose class it would add less loss than `added`."""
    enclose_tuples(extent, dims, words, members)
    rows, loss = 0, row_loss(extent, dims)
    for i in members:
        rows += weight[i]
    for q in range(residuals.shape[0]):
        i = residuals[q]
        more = (rows + weight[i]) * row_loss_with(extent, dims, words, i) - rows * loss
        if more < added[q]:
            added[q], best[q] = more, c


@inner
def reassign_residuals(
    dims: Dimensions, words: Words, weight: Ints, tuples: Ints, class_id: Ints, n_classes: int
) -> None:
    """Put each tuple without a class (-1) into the class where it adds least to the loss of all rows.

    The tuple that adds most goes first, because later ones may then join the class that it widened.

    Parameters
    ----------
    tuples : (n,) int64
    class_id : (n,) int64, in and out
        Class of each of `tuples`, below `n_classes`, which is at least 1.
    """
    sorted_tuples, start = sort_members(tuples, class_id, n_classes)
    left = np.flatnonzero(class_id < 0)
    if left.shape[0] == 0:
        return
    added = np.full(left.shape[0], np.inf)
    best = np.zeros(left.shape[0], np.int64)
    extent = make_extent(dims)
    for c in range(n_classes):
        members = sorted_tuples[start[c] : start[c + 1]]
        update_best_class(extent, dims, words, weight, members, tuples[left], c, added, best)
    # Only the class that grew is measured again: one loss for each remaining residual.
    for _ in range(left.shape[0]):
        q = np.argmax(added)
        class_id[left[q]], added[q] = best[q], -np.inf
        joined = np.flatnonzero(class_id[left] == best[q])
        members = np.append(sorted_tuples[start[best[q]] : start[best[q] + 1]], tuples[left[joined]])
        residuals = np.flatnonzero(class_id[left] < 0)
        added_now, best_now = added[residuals], best[residuals]
        added_now[best_now == best[q]] = np.inf
        update_best_class(extent, dims, words, weight, members, tuples[left[residuals]], best[q], added_now, best_now)
        added[residuals], best[residuals] = added_now, best_now


@kernel
def total_loss(
    dims: Dimensions,
    words: Matrix[np.uint64],
    weight: Vector[np.int64],
    tuples: Vector[np.int64],
    class_id: Vector[np.int64],
    n_classes: int,
    loss: OutVector[np.float64],
) -> None:
    """Sum the loss of all rows of a block.

    Parameters
    ----------
    dims, words, weight : see `shoal_kernels.tables.dimensions`
    tuples : (n,) int64
    class_id : (n,) int64
        Class of each of `tuples`, from 0 without gaps.
    n_classes : int
    loss : (1,) float64, out
        Divided by the number of rows, this is the ncp.
    """
    sorted_tuples, start = sort_members(tuples, class_id, n_classes)
    extent = make_extent(dims)
    loss[0] = 0.0
    for c in range(n_classes):
        members = sorted_tuples[start[c] : start[c + 1]]
        enclose_tuples(extent, dims, words, members)
        rows = 0
        for i in members:
            rows += weight[i]
        loss[0] += rows * row_loss(extent, dims)
