"""Trimming of classes: suppress tuples that cost the other rows of their class more than their suppression."""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints, Matrix, OutVector, Vector, Words, kernel
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.tables.dimensions import SET, Dimensions, code_at, span_loss


@inner
def _bits_set(bits: Words, first: int, n_words: int) -> int:
    """Count the one bits in a run of words."""
    count = 0
    for word in range(first, first + n_words):
        rest = bits[word]
        while rest:
            rest &= rest - np.uint64(1)
            count += 1
    return count


@inner
def _extent_loss(dims: Dimensions, low: Ints, high: Ints, bits: Words) -> float:
    """Return the loss of one row in a class with this extent."""
    total = 0.0
    for j in range(dims.kind.shape[0]):
        if low[j] == high[j]:
            continue
        if dims.kind[j] == SET:
            count = _bits_set(bits, dims.bit_start[j], dims.bit_words[j])
            total += dims.weight[j] * count / dims.size[j]
        else:
            total += dims.weight[j] * span_loss(dims, j, low[j], high[j])
    return total


@inner
def _grow(dims: Dimensions, words: Words, i: int, low: Ints, high: Ints, bits: Words) -> None:
    """Extend an extent to tuple `i`."""
    for j in range(dims.kind.shape[0]):
        code = code_at(dims, words, j, i)
        low[j] = min(low[j], code)
        high[j] = max(high[j], code)
        if dims.kind[j] == SET:
            bits[dims.bit_start[j] + (code >> 6)] |= np.uint64(1) << np.uint64(code & 63)


@inner
def _losses_without(dims: Dimensions, words: Words, members: Ints, n: int, loss: Floats) -> float:
    """Fill in the loss of a row without each of the first `n` members in turn; return the loss with all of them.

    The extent of all others is the union of the extents of those before and those after: one sweep each way.
    """
    d = dims.kind.shape[0]
    n_words = 0
    for count in dims.bit_words:
        n_words += count
    low = np.empty((n + 1, d), np.int64)
    high = np.empty((n + 1, d), np.int64)
    bits = np.zeros((n + 1, n_words), np.uint64)
    low[n], high[n] = dims.size, -1
    # Backward: row p holds the extent of members p to n - 1.
    for p in range(n - 1, -1, -1):
        low[p], high[p], bits[p] = low[p + 1], high[p + 1], bits[p + 1]
        _grow(dims, words, members[p], low[p], high[p], bits[p])
    before_low, before_high, before_bits = low[n].copy(), high[n].copy(), bits[n].copy()
    # Forward: join the extent of the members before p to that of those after it.
    for p in range(n):
        low[p + 1] = np.minimum(low[p + 1], before_low)
        high[p + 1] = np.maximum(high[p + 1], before_high)
        np.bitwise_or(bits[p + 1], before_bits, bits[p + 1])
        loss[p] = _extent_loss(dims, low[p + 1], high[p + 1], bits[p + 1])
        _grow(dims, words, members[p], before_low, before_high, before_bits)
    return _extent_loss(dims, before_low, before_high, before_bits)


@inner
def _shift_histogram(cells: Cells, i: int, sign: int, histogram: Ints) -> None:
    """Add or take away the sensitive values of tuple `i`."""
    for cell in range(cells.start[i], cells.start[i + 1]):
        histogram[cells.value[cell]] += sign * cells.count[cell]


@kernel
def worthwhile_removals(
    dims: Dimensions,
    words: Matrix[np.uint64],
    weight: Vector[np.int64],
    cells: Cells,
    models: Models,
    order: Vector[np.int64],
    start: Vector[np.int64],
    gain: OutVector[np.float64],
    step: OutVector[np.int64],
) -> None:
    """Find tuples whose removal from their class saves more loss than their suppression costs.

    In each class the tuple that saves most goes first, as long as the others satisfy the models.

    Parameters
    ----------
    dims, words, weight, cells, models
        See `shoal_kernels.tables.dimensions` and `shoal_kernels.criteria.privacy_models`.
    order : (n,) int64
        Tuples, class by class.
    start : (n_classes + 1,) int64
        Class c holds ``order[start[c]:start[c + 1]]``.
    gain : (n,) float64, out
        By tuple: loss saved per suppressed row, never more than that of an earlier step; 0 where kept.
    step : (n,) int64, out
        By tuple: number of the removal within its class, from 1; 0 where kept.
    """
    gain[:] = 0.0
    step[:] = 0
    histogram = np.zeros(models.reference.shape[0], np.int64)
    for c in range(start.shape[0] - 1):
        members = order[start[c] : start[c + 1]].copy()
        n, rows = members.shape[0], 0
        histogram[:] = 0
        for i in members:
            rows += weight[i]
            _shift_histogram(cells, i, 1, histogram)
        loss = np.empty(n, np.float64)
        last = np.inf
        for number in range(1, n):
            now = _losses_without(dims, words, members, n, loss)
            best, best_gain = -1, 0.0
            # Saved loss per suppressed row; the models are checked only for a new best.
            for p in range(n):
                w = weight[members[p]]
                saved = (rows * now - (rows - w) * loss[p] - w) / w
                if saved > best_gain + 1e-12 and rows - w >= models.k[0]:
                    _shift_histogram(cells, members[p], -1, histogram)
                    if satisfies(models, histogram, int(rows - w)):
                        best, best_gain = p, saved
                    _shift_histogram(cells, members[p], 1, histogram)
            if best < 0:
                break
            i = members[best]
            # Gains never rise within a class, so taking all above one threshold respects the order of steps.
            last = min(last, best_gain)
            gain[i], step[i] = last, number
            rows -= weight[i]
            _shift_histogram(cells, i, -1, histogram)
            members[best : n - 1] = members[best + 1 : n].copy()
            n -= 1
