"""What a class of tuples loses: bounding boxes over lanes, and sets of codes as bit masks.

A tuple's *lanes* are its codes as 32-bit floats in rows padded to a multiple of eight, so that the bounding
box of a class grows by straight vector minima and maxima. An ORDERED lane holds the code's position times the
dimension's weight, which makes its loss a plain difference; a SET lane holds the code's rank, so that a box's
bits are those of ranks, which loses the same; a TREE lane holds the code itself. Lanes only
guide the choice of classes: that different codes of an enormous domain may share a lane value costs quality,
never safety.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inlined, inner, lean
from shoal_kernels.tables.dimensions import ORDERED, SET, Dimensions, code_at, span_loss

LANE_BLOCK = 8
"""Lanes are padded to a multiple of this."""
EXACT = 1 << 24
"""Integers below this are exact as 32-bit floats."""


Lanes = npt.NDArray[np.float32]
Bits = npt.NDArray[np.uint64]


class Box(NamedTuple):
    """The bounding box of a class.

    Attributes
    ----------
    low, high : (n_lanes,) float32
    bits : (n_words,) uint64
        Codes that occur in the SET dimensions.
    """

    low: Lanes
    high: Lanes
    bits: Bits


class Field(NamedTuple):
    """The tuples that one kernel groups, in a form quick to measure.

    Attributes
    ----------
    plain : bool
        Every dimension is ORDERED.
    cap : (n_lanes,) float32
        Most that a lane can lose by its span: the weight of an ORDERED dimension, else 0.
    lane : (n, n_lanes) float32
    weight : (n,) int64
        Rows of each tuple.
    sets : (2, n_sets) int64
        Lane of each SET dimension, and where its words begin in the bits of a box.
    """

    plain: bool
    cap: Lanes
    lane: Lanes
    weight: npt.NDArray[np.int64]
    sets: npt.NDArray[np.int64]


@inner
def make_field(
    dims: Dimensions,
    words: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.int64],
    tuples: npt.NDArray[np.int64],
) -> Field:
    """Return the field of `tuples`, in their order."""
    d = dims.kind.shape[0]
    n = tuples.shape[0]
    n_lanes = (d + LANE_BLOCK - 1) // LANE_BLOCK * LANE_BLOCK
    cap = np.zeros(n_lanes, np.float32)
    lane = np.zeros((n, n_lanes), np.float32)
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
                lane[row, j] = dims.weight[j] * dims.position[dims.start[j] + code]
            else:
                if dims.kind[j] == SET:
                    code = int(dims.position[dims.start[j] + code])
                lane[row, j] = min(code, EXACT - 1)
    return Field(n_ordered == d, cap, lane, rows, sets[:, :n_sets].copy())


@inner
def make_box(dims: Dimensions) -> Box:
    """Return an empty box."""
    n_lanes = (dims.kind.shape[0] + LANE_BLOCK - 1) // LANE_BLOCK * LANE_BLOCK
    n_words = 0
    for words in dims.bit_words:
        n_words += words
    box = Box(np.empty(n_lanes, np.float32), np.empty(n_lanes, np.float32), np.empty(n_words, np.uint64))
    clear(box.low, box.high, box.bits)
    return box


@inlined
def clear(low: Lanes, high: Lanes, bits: Bits) -> None:
    """Make the box empty."""
    for block in range(0, low.shape[0], LANE_BLOCK):
        for column in range(block, block + LANE_BLOCK):
            low[column] = np.inf
            high[column] = -np.inf
    for word in range(bits.shape[0]):
        bits[word] = 0


@inlined
def widen(lane: Lanes, row: int, low: Lanes, high: Lanes) -> None:
    """Make the box hold the tuple in `row`."""
    for block in range(0, low.shape[0], LANE_BLOCK):
        for column in range(block, block + LANE_BLOCK):
            x = lane[row, column]
            at_low, at_high = low[column], high[column]
            low[column] = x if x < at_low else at_low
            high[column] = x if x > at_high else at_high


@inlined
def mark(sets: npt.NDArray[np.int64], lane: Lanes, row: int, bits: Bits) -> None:
    """Add the codes of the tuple in `row` to the box's sets."""
    for s in range(sets.shape[1]):
        code = np.int64(lane[row, sets[0, s]])
        bits[sets[1, s] + (code >> 6)] |= np.uint64(1) << np.uint64(code & 63)


@inlined
def join(into: Box, other: Box) -> None:
    """Make the box `into` hold the box `other`."""
    low, high, bits = into.low, into.high, into.bits
    other_low, other_high, other_bits = other.low, other.high, other.bits
    for column in range(low.shape[0]):
        low[column] = min(low[column], other_low[column])
        high[column] = max(high[column], other_high[column])
    for word in range(bits.shape[0]):
        bits[word] |= other_bits[word]


@lean
def enclose(field: Field, items: npt.NDArray[np.int64], box: Box) -> int:
    """Make the box that of `items`; return their rows."""
    lane, weight, sets = field.lane, field.weight, field.sets
    low, high, bits = box.low, box.high, box.bits
    clear(low, high, bits)
    rows = 0
    for item in items:
        widen(lane, item, low, high)
        mark(sets, lane, item, bits)
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
def unordered_loss(dims: Dimensions, low: Lanes, high: Lanes, bits: Bits) -> float:
    """Return what a box loses in its TREE and SET dimensions, weighted."""
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
def span(cap: Lanes, low: Lanes, high: Lanes, lane: int) -> np.float32:
    """Return what a box loses in an ORDERED lane, weighted; 0 in any other."""
    width = high[lane] - low[lane]
    return width if width < cap[lane] else cap[lane]


@inlined
def box_loss(dims: Dimensions, plain: bool, cap: Lanes, low: Lanes, high: Lanes, bits: Bits) -> float:  # noqa: FBT001
    """Return the loss of one row in a class with this box, 0 to 1. The box is not empty."""
    total = np.float32(0.0)
    for b in range(0, low.shape[0], LANE_BLOCK):
        one = span(cap, low, high, b) + span(cap, low, high, b + 1)
        two = span(cap, low, high, b + 2) + span(cap, low, high, b + 3)
        three = span(cap, low, high, b + 4) + span(cap, low, high, b + 5)
        four = span(cap, low, high, b + 6) + span(cap, low, high, b + 7)
        total += (one + two) + (three + four)
    if plain:
        return np.float64(total)
    return np.float64(total) + unordered_loss(dims, low, high, bits)
