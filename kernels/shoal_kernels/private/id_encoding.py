"""Dictionary encoding of ids in order of first appearance, kept from batch to batch, compared exactly.

A hash only selects the first slot to probe: two ids share a code if and only if all their bits are equal. Slots
contain 1 + code, or 0 if free. The caller enlarges full tables and continues, so no row is encoded twice.
"""

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import Bytes, Matrix, OutMatrix, OutVector, Vector, kernel
from shoal_kernels.tables.memory import word_at
from shoal_kernels.tables.validity_bits import is_null

NO_UNIT = 0xFFFFFFFF
"""Code of a null."""
N_CODES, ROW, END = 0, 1, 2
"""Places in `state`: codes given so far, the next row, bytes in use of `content`."""

WORD_BYTES = 8


@inlined
def _mix(word: np.uint64) -> np.uint64:
    """Spread a word over all bits (the finalizer of MurmurHash3)."""
    word = (word ^ (word >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    word = (word ^ (word >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return word ^ (word >> np.uint64(33))


@kernel
def encode_words(
    words: Vector[np.uint64],
    valid: Vector[np.uint8],
    valid_from: int,
    capacity: int,
    table: OutMatrix[np.uint64],
    state: OutVector[np.int64],
    codes: OutVector[np.uint32],
) -> None:
    """Encode words.

    Parameters
    ----------
    words : (n,) uint64
    valid : (any,) uint8, or empty
        A bit for each row, least significant first; empty if none is null.
    valid_from : int
        The bit of row 0.
    capacity : int
        Largest number of codes; less than the slots of the table.
    table : (a power of two, 2) uint64, in and out
        Slots: a word and 1 + its code, in one cache line; the code part is 0 if the slot is free.
    state : (3,) int64, in and out
        Begins at row ``state[ROW]``; stops before a row that would need more codes than there is room for.
    codes : (n,) uint32, out
    """
    last = np.uint64(len(table) - 1)
    nullable = len(valid) > 0
    n_codes = state[N_CODES]
    for i in range(state[ROW], len(words)):
        if nullable and is_null(valid, valid_from + i):
            codes[i] = np.uint32(NO_UNIT)
            continue
        word = words[i]
        at = _mix(word) & last
        # Linear probing; the capacity is below the number of slots, so a free one ends the search.
        while table[at, 1] != 0 and table[at, 0] != word:
            at = (at + np.uint64(1)) & last
        if table[at, 1] == 0:
            if n_codes == capacity:
                state[N_CODES], state[ROW] = n_codes, i
                return
            n_codes += 1
            table[at, 0], table[at, 1] = word, n_codes
        codes[i] = np.uint32(table[at, 1] - np.uint64(1))
    state[N_CODES], state[ROW] = n_codes, len(words)


@kernel
def rehash_words(table: Matrix[np.uint64], larger: OutMatrix[np.uint64]) -> None:
    """Insert the words of a table of `encode_words` into a larger one.

    Parameters
    ----------
    table : (n_slots, 2) uint64
    larger : (a power of two, 2) uint64, in and out
        Zeros at first.
    """
    last = np.uint64(len(larger) - 1)
    for i in range(len(table)):
        if table[i, 1] == 0:
            continue
        at = _mix(table[i, 0]) & last
        while larger[at, 1] != 0:
            at = (at + np.uint64(1)) & last
        larger[at, 0], larger[at, 1] = table[i, 0], table[i, 1]


@kernel
def list_words(table: Matrix[np.uint64], words: OutVector[np.uint64]) -> None:
    """Write the word of each code.

    Parameters
    ----------
    table : (n_slots, 2) uint64
    words : (n_codes,) uint64, out
    """
    for i in range(len(table)):
        if table[i, 1] != 0:
            words[np.int64(table[i, 1]) - 1] = table[i, 0]


@kernel
def fill_slots(seen: Vector[np.uint64], n_codes: int, slot: OutVector[np.uint32]) -> None:
    """Insert the codes assigned so far into an empty table.

    Parameters
    ----------
    seen : (at least n_codes,) uint64
        Digest of each code, from `encode_bytes`.
    n_codes : int
    slot : (a power of two, more than n_codes,) uint32, in and out
    """
    last = np.uint64(len(slot) - 1)
    for code in range(n_codes):
        at = _mix(seen[code]) & last
        while slot[at] != 0:
            at = (at + np.uint64(1)) & last
        slot[at] = np.uint32(code + 1)


@inlined
def _same(one: Bytes, at: int, length: int, other: Bytes, from_: int, to: int) -> bool:
    """Return whether two strings of bytes are equal."""
    if to - from_ != length:
        return False
    if length < WORD_BYTES:
        same = True
        for j in range(length):
            same &= one[at + j] == other[from_ + j]
        return same
    left, right = np.uint64(one.ctypes.data + at), np.uint64(other.ctypes.data + from_)
    # The last word may overlap the one before, so that nothing beyond the strings is read.
    tail = np.uint64(length - WORD_BYTES)
    if word_at(left + tail) != word_at(right + tail):
        return False
    for j in range(0, length - WORD_BYTES, WORD_BYTES):
        if word_at(left + np.uint64(j)) != word_at(right + np.uint64(j)):
            return False
    return True


@kernel
def encode_bytes(
    texts: Vector[np.uint8],
    start: Vector[np.int64],
    digest: Vector[np.uint64],
    slot: OutVector[np.uint32],
    seen: OutVector[np.uint64],
    content: OutVector[np.uint8],
    begin: OutVector[np.int64],
    state: OutVector[np.int64],
    codes: OutVector[np.uint32],
) -> None:
    """Encode strings of bytes.

    Parameters
    ----------
    texts : (any,) uint8
    start : (n + 1,) int64
        String i is ``texts[start[i] : start[i + 1]]``.
    digest : (n,) uint64
        Digest of each string, any function of its bytes; selects the first slot to probe.
    slot : (a power of two, at least twice the length of `seen`,) uint32, in and out
    seen : (capacity,) uint64, in and out
        Digest of each code.
    content : (at least ``state[END]`` and the length of all texts,) uint8, in and out
        Bytes of the codes, one after the other.
    begin : (capacity + 1,) int64, in and out
        First byte of each code; the end of the last follows.
    state : (3,) int64, in and out
        Begins at string ``state[ROW]``; stops before one that would need more codes than `seen` holds.
    codes : (n,) uint32, out
    """
    last = np.uint64(len(slot) - 1)
    for i in range(state[ROW], len(digest)):
        at, low, length = _mix(digest[i]) & last, start[i], start[i + 1] - start[i]
        while True:
            code = np.int64(slot[at]) - 1
            if code < 0:
                break
            if seen[code] == digest[i] and _same(texts, low, length, content, begin[code], begin[code + 1]):
                break
            at = (at + np.uint64(1)) & last
        if code < 0:
            if state[N_CODES] == len(seen):
                state[ROW] = i
                return
            code = state[N_CODES]
            state[N_CODES] = code + 1
            slot[at] = np.uint32(code + 1)
            seen[code] = digest[i]
            for j in range(length):
                content[state[END] + j] = texts[low + j]
            begin[code] = state[END]
            state[END] += length
            begin[code + 1] = state[END]
        codes[i] = np.uint32(code)
    state[ROW] = len(digest)
