"""The loss of a class of tuples: bounding boxes of coordinates, and sets of codes as bit masks.

A tuple's *coordinates* are its codes as 32-bit floats, one column for each dimension, padded to a multiple of
eight columns, so that a bounding box grows by vector minima and maxima. An ORDERED column is the code's position
times the dimension's weight, so its loss is a difference. A SET column is the code's rank, so the bits of a box
are those of ranks, whose number is that of codes. A TREE column is the code itself. Coordinates only guide the
choice of classes: two codes of an enormous domain with the same coordinate cost quality, never safety.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inlined, inner, lean
from shoal_kernels._types import Ints, Words
from shoal_kernels.tables.dimensions import ORDERED, SET, Dimensions, code_at, span_loss

COLUMN_BLOCK = 8
"""The number of columns is padded to a multiple of this."""
EXACT = 1 << 24
"""Integers below this are exact as 32-bit floats."""


Coordinates = npt.NDArray[np.float32]


class Box(NamedTuple):
    """The bounding box of a class.

    Attributes
    ----------
    low, high : (n_lanes,) float32
    bits : (n_words,) uint64
        Codes that occur in the SET dimensions.
    """

    low: Coordinates
    high: Coordinates
    bits: Words


class Points(NamedTuple):
    """The tuples of one block as points, for fast computation of losses.

    Attributes
    ----------
    all_ordered : bool
        Every dimension is ORDERED.
    cap : (n_lanes,) float32
        Largest loss of a column by its span: the weight of an ORDERED dimension, else 0.
    coordinates : (n, n_lanes) float32
    weight : (n,) int64
        Rows of each tuple.
    sets : (2, n_sets) int64
        Column of each SET dimension, and first word of its bits in a box.
    """

    all_ordered: bool
    cap: Coordinates
    coordinates: Coordinates
    weight: Ints
    sets: Ints


@inner
def make_points(
    dims: Dimensions,
    words: Words,
    weight: Ints,
    tuples: Ints,
) -> Points:
    """Return the points of `tuples`, in their order."""
    d = dims.kind.shape[0]
    n = tuples.shape[0]
    n_columns = (d + COLUMN_BLOCK - 1) // COLUMN_BLOCK * COLUMN_BLOCK
    cap = np.zeros(n_columns, np.float32)
    coordinates = np.zeros((n, n_columns), np.float32)
    rows = np.empty(n, np.int64)
    for row in range(n):
        rows[row] = weight[tuples[row]]
    sets = np.empty((2, d), np.int64)
    n_sets, n_ordered = 0, 0
    for j in range(d):
        if dims.kind[j] == ORDERED:
            cap[j] = dims.weight[j]
            n_ordered += 1
        elif dims.kind[j] == SET:
            sets[0, n_sets], sets[1, n_sets] = j, dims.bit_start[j]
            n_sets += 1
        for row in range(n):
            code = code_at(dims, words, j, tuples[row])
            if dims.kind[j] == ORDERED:
                coordinates[row, j] = dims.weight[j] * dims.position[dims.start[j] + code]
            else:
                if dims.kind[j] == SET:
                    code = int(dims.position[dims.start[j] + code])
                coordinates[row, j] = min(code, EXACT - 1)
    return Points(n_ordered == d, cap, coordinates, rows, sets[:, :n_sets].copy())


@inner
def make_box(dims: Dimensions) -> Box:
    """Return an empty box."""
    n_columns = (dims.kind.shape[0] + COLUMN_BLOCK - 1) // COLUMN_BLOCK * COLUMN_BLOCK
    n_words = 0
    for words in dims.bit_words:
        n_words += words
    box = Box(np.empty(n_columns, np.float32), np.empty(n_columns, np.float32), np.empty(n_words, np.uint64))
    clear(box.low, box.high, box.bits)
    return box


@inlined
def clear(low: Coordinates, high: Coordinates, bits: Words) -> None:
    """Make the box empty."""
    for block in range(0, low.shape[0], COLUMN_BLOCK):
        for column in range(block, block + COLUMN_BLOCK):
            low[column] = np.inf
            high[column] = -np.inf
    for word in range(bits.shape[0]):
        bits[word] = 0


@inlined
def widen(coordinates: Coordinates, row: int, low: Coordinates, high: Coordinates) -> None:
    """Extend the box to the tuple in `row`."""
    # Inner loops of constant length: LLVM turns each into one vector minimum and maximum.
    for block in range(0, low.shape[0], COLUMN_BLOCK):
        for column in range(block, block + COLUMN_BLOCK):
            x = coordinates[row, column]
            at_low, at_high = low[column], high[column]
            low[column] = x if x < at_low else at_low
            high[column] = x if x > at_high else at_high


@inlined
def mark(sets: Ints, coordinates: Coordinates, row: int, bits: Words) -> None:
    """Add the codes of the tuple in `row` to the box's sets."""
    for s in range(sets.shape[1]):
        code = np.int64(coordinates[row, sets[0, s]])
        bits[sets[1, s] + (code >> 6)] |= np.uint64(1) << np.uint64(code & 63)


@inlined
def join(into: Box, other: Box) -> None:
    """Extend the box `into` to the box `other`."""
    low, high, bits = into.low, into.high, into.bits
    other_low, other_high, other_bits = other.low, other.high, other.bits
    for column in range(low.shape[0]):
        low[column] = min(low[column], other_low[column])
        high[column] = max(high[column], other_high[column])
    for word in range(bits.shape[0]):
        bits[word] |= other_bits[word]


@lean
def enclose(points: Points, items: Ints, box: Box) -> int:
    """Set the box to that of `items`; return their rows."""
    coordinates, weight, sets = points.coordinates, points.weight, points.sets
    low, high, bits = box.low, box.high, box.bits
    clear(low, high, bits)
    rows = 0
    for item in items:
        widen(coordinates, item, low, high)
        mark(sets, coordinates, item, bits)
        rows += int(weight[item])
    return rows


@inlined
def popcount(x: np.uint64) -> np.int64:
    """Return the number of one bits (Warren 2012, Hacker's Delight, section 5-1)."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@lean
def unordered_loss(dims: Dimensions, low: Coordinates, high: Coordinates, bits: Words) -> float:
    """Return the weighted loss of a box in its TREE and SET dimensions."""
    total = 0.0
    for j in range(dims.kind.shape[0]):
        if dims.kind[j] == ORDERED or low[j] == high[j]:
            continue
        if dims.kind[j] == SET:
            count = 0
            for word in range(dims.bit_start[j], dims.bit_start[j] + dims.bit_words[j]):
                count += popcount(bits[word])
            total += dims.weight[j] * count / dims.size[j]
        else:
            total += dims.weight[j] * span_loss(dims, j, int(low[j]), int(high[j]))
    return total


@inlined
def span(cap: Coordinates, low: Coordinates, high: Coordinates, column: int) -> np.float32:
    """Return the weighted loss of a box in an ORDERED column; 0 in any other."""
    width = high[column] - low[column]
    return width if width < cap[column] else cap[column]


@inlined
def box_loss(
    dims: Dimensions,
    all_ordered: bool,  # noqa: FBT001
    cap: Coordinates,
    low: Coordinates,
    high: Coordinates,
    bits: Words,
) -> float:
    """Return the loss of one row in a class with this box, 0 to 1. The box is not empty."""
    total = np.float32(0.0)
    # Pairwise sums in a fixed tree: vectorizes without fastmath, and is the same on every machine.
    for b in range(0, low.shape[0], COLUMN_BLOCK):
        first = span(cap, low, high, b) + span(cap, low, high, b + 1)
        second = span(cap, low, high, b + 2) + span(cap, low, high, b + 3)
        third = span(cap, low, high, b + 4) + span(cap, low, high, b + 5)
        fourth = span(cap, low, high, b + 6) + span(cap, low, high, b + 7)
        total += (first + second) + (third + fourth)
    if all_ordered:
        return np.float64(total)
    return np.float64(total) + unordered_loss(dims, low, high, bits)
