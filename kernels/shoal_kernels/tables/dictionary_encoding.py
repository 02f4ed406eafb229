"""Dictionary encoding of values in order of first appearance: integers by a table, text by hashing.

Validity is a bitmap as in Arrow, a bit for each row, least significant first; an empty array means that
no row is null. Codes fit the dtype of the output: the caller knows their largest number.
"""

from typing import Any

import numpy as np

from shoal_kernels._jit import Kernel, inlined, lean
from shoal_kernels._types import Bytes, Ints, Matrix, OutMatrix, OutVector, UInt64, Vector, Words, kernel, kernel_of
from shoal_kernels.tables.memory import word_at

N_CODES, NULL_CODE, ROW = 0, 1, 2
"""Places in `state`: codes given so far, the code of null or -1, the next row."""


@lean
def _is_null(valid: Bytes, at: int) -> bool:
    """Return whether the bit at `at` is unset."""
    return (valid[at >> 3] >> np.uint8(at & 7)) & np.uint8(1) == np.uint8(0)


@lean
def _null_code(state: Ints) -> int:
    """Return the code of null, giving it one on its first appearance."""
    if state[NULL_CODE] < 0:
        state[NULL_CODE] = state[N_CODES]
        state[N_CODES] += 1
    return state[NULL_CODE]


def _encode_integers(
    values: Vector[Any],
    base: UInt64,
    valid: Vector[np.uint8],
    valid_from: int,
    code_at: OutVector[np.uint32],
    seen: OutVector[np.uint32],
    state: OutVector[np.int64],
    codes: OutVector[Any],
) -> None:
    """Encode integers of a small range.

    Parameters
    ----------
    values : (n,) uint8, uint16, uint32 or uint64
        Signed integers as their bits; the difference from `base` is taken modulo the width.
    base : uint64
        The smallest value, as its bits.
    valid : (any,) uint8, or empty
    valid_from : int
        The bit of row 0.
    code_at : (span,) uint32, in and out
        1 + the code of ``base + i``; 0 where it has not appeared.
    seen : (at least the number of distinct values and null,) uint32, in and out
        Value of each code, as its distance from `base`.
    state : (3,) int64, in and out
    codes : (n,) uint8, uint16 or uint32, out
    """
    # 2**width - 1 without a shift by 64, which is undefined.
    mask = np.uint64((1 << (8 * values.itemsize - 1)) - 1) * np.uint64(2) + np.uint64(1)
    nullable = len(valid) > 0
    for i in range(len(values)):
        if nullable and _is_null(valid, valid_from + i):
            codes[i] = _null_code(state)
            continue
        offset = np.int64((np.uint64(values[i]) - np.uint64(base)) & mask)
        code = np.int64(code_at[offset]) - 1
        if code < 0:
            code = state[N_CODES]
            state[N_CODES] = code + 1
            code_at[offset] = code + 1
            seen[code] = offset
        codes[i] = code


ENCODE_INTEGERS: dict[tuple[str, str], Kernel[Any, None]] = {
    (values, codes): kernel_of(_encode_integers, values, codes)
    for values in ("uint8", "uint16", "uint32", "uint64")
    for codes in ("uint8", "uint16", "uint32")
}
"""The kernel for each dtype of values and of codes."""


INLINE = 12
"""Strings of up to this many bytes are stored in their view, longer ones in `texts`."""


@lean
def _text_of(high: np.uint64, texts: Words) -> np.uint64:
    """Return the address of a long string, from its view's buffer number and offset."""
    return texts[np.int64(high & np.uint64(0xFFFFFFFF))] + (high >> np.uint64(32))


@lean
def _digest(low: np.uint64, high: np.uint64, texts: Words) -> np.uint64:
    """Return a digest of all bytes of a long string, to be hashed in place of its view's second word."""
    length = low & np.uint64(0xFFFFFFFF)
    text = _text_of(high, texts)
    # The last word may overlap the one before, so that nothing beyond the string is read.
    mixed = word_at(text + length - np.uint64(8))
    # Multiply and shift a word at a time; collisions cost time only, because texts are compared in full.
    for at in range(0, np.int64(length) - 8, 8):
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15) + word_at(text + np.uint64(at))
    return mixed


@lean
def _same_text(low: np.uint64, high: np.uint64, other_high: np.uint64, texts: Words) -> bool:
    """Return whether two long strings of equal length and prefix are equal."""
    length = low & np.uint64(0xFFFFFFFF)
    text, other = _text_of(high, texts), _text_of(other_high, texts)
    tail = length - np.uint64(8)
    if word_at(text + tail) != word_at(other + tail):
        return False
    for at in range(0, np.int64(length) - 8, 8):
        if word_at(text + np.uint64(at)) != word_at(other + np.uint64(at)):
            return False
    return True


@inlined
def _slot_of(low: np.uint64, high: np.uint64, shift: np.uint64) -> np.int64:
    """Return the first slot to probe for a view: the top bits of a multiplicative hash."""
    mixed = (low ^ (high * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xD6E8FEB86659FD93)
    return np.int64((mixed ^ (mixed << np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15) >> shift)


@kernel
def encode_views(
    views: Matrix[np.uint64],
    valid: Vector[np.uint8],
    valid_from: int,
    texts: Vector[np.uint64],
    slot: OutVector[np.uint32],
    seen: OutMatrix[np.uint64],
    state: OutVector[np.int64],
    codes: OutVector[np.uint32],
) -> None:
    """Encode a string array by its 16-byte views.

    A view holds length and bytes of a string of up to 12 bytes, zero-padded; of a longer one length, first
    four bytes, number of the buffer and offset there, so that equal strings may have different views.

    Parameters
    ----------
    views : (n, 2) uint64
    valid : (any,) uint8, or empty
    valid_from : int
        The bit of row 0.
    texts : (n_buffers,) uint64
        Addresses of the buffers that long strings lie in.
    slot : (a power of two, at least 2,) uint32, in and out
        Hash table: 1 + code, or 0 for a free slot.
    seen : (at most len(slot) // 2, 2) uint64, in and out
        First view of each code; zeros for null.
    state : (3,) int64, in and out
        Stops before the first row that would need more codes than `seen` holds; ``state[ROW]`` says where.
    codes : (n,) uint32, out
    """
    last = len(slot) - 1
    bits = 0
    while (1 << bits) < len(slot):
        bits += 1
    shift = np.uint64(64 - bits)
    nullable = len(valid) > 0
    for i in range(len(views)):
        # Stop before `seen` overflows; the caller enlarges both tables and calls again from this row.
        if state[N_CODES] == len(seen):
            state[ROW] = i
            return
        if nullable and _is_null(valid, valid_from + i):
            codes[i] = _null_code(state)
            continue
        low, high = views[i, 0], views[i, 1]
        is_long = low & np.uint64(0xFFFFFFFF) > np.uint64(INLINE)
        at = _slot_of(low, _digest(low, high, texts) if is_long else high, shift)
        # Linear probing. The table is at most half full, so a free slot ends every search.
        while True:
            code = np.int64(slot[at]) - 1
            if code < 0:
                code = state[N_CODES]
                state[N_CODES] = code + 1
                slot[at] = code + 1
                seen[code, 0], seen[code, 1] = low, high
                break
            # Equal first words are equal length and prefix; only long strings then need their bytes compared.
            if seen[code, 0] == low:
                if seen[code, 1] == high:
                    break
                if is_long and _same_text(low, high, seen[code, 1], texts):
                    break
            at = (at + 1) & last
        codes[i] = code
    state[ROW] = len(views)


@kernel
def rehash_views(
    seen: Matrix[np.uint64],
    state: OutVector[np.int64],
    texts: Vector[np.uint64],
    slot: OutVector[np.uint32],
) -> None:
    """Enter the views seen so far into an empty, larger table; parameters as for `encode_views`."""
    last = len(slot) - 1
    bits = 0
    while (1 << bits) < len(slot):
        bits += 1
    shift = np.uint64(64 - bits)
    # All codes are distinct, so no comparison is needed: the first free slot is the right one.
    for code in range(state[N_CODES]):
        if code == state[NULL_CODE]:
            continue
        low, high = seen[code, 0], seen[code, 1]
        is_long = low & np.uint64(0xFFFFFFFF) > np.uint64(INLINE)
        at = _slot_of(low, _digest(low, high, texts) if is_long else high, shift)
        while slot[at] != 0:
            at = (at + 1) & last
        slot[at] = code + 1


def _recode(codes: Vector[Any], table: Vector[Any], out: OutVector[Any]) -> None:
    """Map each code through a table.

    Parameters
    ----------
    codes : (n,) uint8, uint16 or uint32
    table : (n_codes,) uint8, uint16 or uint32
    out : (n,) as `table`, out
    """
    for i in range(len(codes)):
        out[i] = table[np.int64(codes[i])]


RECODE: dict[tuple[str, str], Kernel[Any, None]] = {
    (codes, out): kernel_of(_recode, codes, out, out)
    for codes in ("uint8", "uint16", "uint32")
    for out in ("uint8", "uint16", "uint32")
}
"""The kernel for each dtype of codes and of the table."""
