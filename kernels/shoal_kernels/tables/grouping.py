"""Group equal rows into tuples: radix partition of packed keys into buckets, then a sort of each bucket in cache.

The rows' keys fit one 64-bit word. Their highest varying bits, the *prefix*, select a bucket; a table from
prefix to bucket makes buckets of even size whatever the skew, and keeps their order. Rows are written to their
buckets through small buffers, a cache line at a time (Polychroniou and Ross 2014, "A comprehensive study of
main-memory partitioning", section 4), and keep their order there. So the i-th row of a bucket, counted in row
order, is at the bucket's i-th place: a second pass over the rows with a cursor for each bucket finds the tuple of
each row, and row numbers are never moved.
"""

from typing import Any

import numpy as np

from shoal_kernels._jit import Kernel, inlined, inner
from shoal_kernels._types import Ints, OutMatrix, OutVector, Vector, Words, Words32, kernel, kernel_of

LINE = 8
"""Number of words in a bucket's buffer: one cache line."""
WORD_BITS = 64
DIGIT_BITS = 12
"""Largest number of bits sorted by one pass of the radix sort."""


def _deposit(codes: Vector[Any], shift: int, words: OutVector[np.uint64]) -> None:
    """Put a column's codes into their field of the words.

    Parameters
    ----------
    codes : (n,) uint8, uint16 or uint32
    shift : int
        Place of the field's lowest bit.
    words : (n,) uint64, out
        Its field must be zero.
    """
    for i in range(len(codes)):
        words[i] |= np.uint64(codes[i]) << np.uint64(shift)


DEPOSIT: dict[str, Kernel[Any, None]] = {name: kernel_of(_deposit, name) for name in ("uint8", "uint16", "uint32")}
"""The kernel for each dtype of codes."""


@kernel
def count_prefixes(words: Vector[np.uint64], shift: int, count: OutVector[np.int64]) -> None:
    """Count the rows of each prefix.

    Parameters
    ----------
    words : (n,) uint64
    shift : int
        The prefix is ``word >> shift``.
    count : (n_prefixes,) int64, in and out
        Added to.
    """
    for i in range(len(words)):
        count[np.int64(words[i] >> np.uint64(shift))] += 1


@kernel
def scatter(
    words: Vector[np.uint64],
    shift: int,
    bucket: Vector[np.uint16],
    line: OutMatrix[np.uint64],
    filled: OutVector[np.uint8],
    cursor: OutVector[np.int64],
    out: OutVector[np.uint64],
) -> None:
    """Send words to their buckets, in order.

    Parameters
    ----------
    words : (n,) uint64
    shift : int
    bucket : (n_prefixes,) uint16
    line : (n_buckets, LINE) uint64, in and out
        Buffered words; kept between calls.
    filled : (n_buckets,) uint8, in and out
        Number of buffered words.
    cursor : (n_buckets,) int64, in and out
        Place in `out` of each bucket's next line.
    out : (n_rows,) uint64, out
    """
    for i in range(len(words)):
        word = words[i]
        b = np.int64(bucket[np.int64(word >> np.uint64(shift))])
        at = np.int64(filled[b])
        line[b, at] = word
        # Write whole cache lines only: one write per bucket and line, and far fewer TLB misses.
        if at == LINE - 1:
            place = cursor[b]
            for j in range(LINE):
                out[place + j] = line[b, j]
            cursor[b] = place + LINE
            filled[b] = 0
        else:
            filled[b] = at + 1


@kernel
def drain(
    line: OutMatrix[np.uint64],
    filled: OutVector[np.uint8],
    cursor: OutVector[np.int64],
    out: OutVector[np.uint64],
) -> None:
    """Write out the words still buffered after the last call of `scatter`; parameters as there."""
    for b in range(len(filled)):
        for j in range(np.int64(filled[b])):
            out[cursor[b] + j] = line[b, j]
        cursor[b] += np.int64(filled[b])
        filled[b] = 0


@inlined
def _bit_length(value: np.uint64) -> int:
    """Return how many bits `value` takes; 0 for 0."""
    bits = 0
    while value != np.uint64(0):
        value >>= np.uint64(1)
        bits += 1
    return bits


@inner
def _sort_pass(
    key: Words,
    row: Words32,
    key_out: Words,
    row_out: Words32,
    m: int,
    shift: int,
    place: Ints,
) -> bool:
    """Sort m keys, and their rows if there are any, by the digit at `shift`, stably.

    Return False, with nothing moved, if all keys have the same digit.
    """
    paired = len(row) > 0
    mask = np.uint64(len(place) - 1)
    at = np.uint64(shift)
    place[:] = 0
    for i in range(m):
        place[np.int64((key[i] >> at) & mask)] += 1
    # One digit for all keys: nothing to move, and the caller does not swap the arrays.
    if place[np.int64((key[0] >> at) & mask)] == m:
        return False
    # Exclusive prefix sums: counts become the first place of each digit.
    total = 0
    for d in range(len(place)):
        count = place[d]
        place[d] = total
        total += count
    for i in range(m):
        d = np.int64((key[i] >> at) & mask)
        to = place[d]
        place[d] = to + 1
        key_out[to] = key[i]
        if paired:
            row_out[to] = row[i]
    return True


@inner
def _sort(
    key: Words,
    row: Words32,
    spare_key: Words,
    spare_row: Words32,
    m: int,
    low_bit: int,
    high_bit: int,
    place: Ints,
) -> bool:
    """Sort m keys by their bits from `low_bit` to `high_bit`; return whether the result is in the spare arrays."""
    # No more digits than keys, else clearing and summing the counts costs more than the keys.
    most = DIGIT_BITS
    while most > 4 and (1 << most) > m:
        most -= 1
    passes = (high_bit - low_bit + most - 1) // most
    swapped = False
    # Least significant digit first; the bits are divided evenly, so that no pass is wasted on a few.
    for p in range(passes):
        first = low_bit + (high_bit - low_bit) * p // passes
        last = low_bit + (high_bit - low_bit) * (p + 1) // passes
        digits = place[: 1 << (last - first)]
        if swapped:
            moved = _sort_pass(spare_key, spare_row, key, row, m, first, digits)
        else:
            moved = _sort_pass(key, row, spare_key, spare_row, m, first, digits)
        if moved:
            swapped = not swapped
    return swapped


@inner
def _emit(
    key: Words,
    row: Words32,
    m: int,
    row_bits: int,
    base: np.uint64,
    tuples: int,
    words: Words,
    weight: Words32,
    tuple_at: Words32,
) -> int:
    """Append the tuples of a sorted bucket; return the new number of tuples."""
    # Rows are either in `row` or in the low `row_bits` of the key.
    paired = len(row) > 0
    number = np.uint64(row_bits)
    mask = (np.uint64(1) << number) - np.uint64(1)
    before = np.uint64(0)
    for i in range(m):
        value = key[i] >> number
        if i == 0 or value != before:
            words[tuples] = value + base
            weight[tuples] = 0
            tuples += 1
            before = value
        weight[tuples - 1] += np.uint32(1)
        if len(tuple_at) > 0:
            at = np.int64(row[i]) if paired else np.int64(key[i] & mask)
            tuple_at[at] = tuples - 1
    return tuples


@kernel
def group_buckets(
    bound: Vector[np.int64],
    words: OutVector[np.uint64],
    spare: OutMatrix[np.uint64],
    spare_row: OutMatrix[np.uint32],
    weight: OutVector[np.uint32],
    tuple_at: OutVector[np.uint32],
    n_tuples: OutVector[np.int64],
) -> None:
    """Sort consecutive buckets and merge equal words into tuples.

    Parameters
    ----------
    bound : (n_buckets + 1,) int64
        The buckets' bounds in `words`; each bucket's words lie above those of the bucket before.
    words : (n_rows,) uint64, in and out
        From ``bound[0]`` on: the distinct words, ascending.
    spare : (2, at least the rows of the largest bucket) uint64, out
    spare_row : (2, as `spare`, or 1 if no bucket needs it) uint32, out
        Used where a key and a row number exceed 64 bits together.
    weight : (at least ``bound[-1] - bound[0]``,) uint32, out
        Rows of each tuple.
    tuple_at : (n_rows,) uint32, out, or empty
        Tuple at each place of these buckets, counted from 0 at ``bound[0]``.
    n_tuples : (1,) int64, out
    """
    key, other = spare[0], spare[1]
    row, other_row = spare_row[0], spare_row[1]
    place = np.empty(1 << DIGIT_BITS, np.int64)
    start = words[bound[0] :]
    tuples = 0
    for b in range(len(bound) - 1):
        low, m = bound[b], bound[b + 1] - bound[b]
        if m == 0:
            continue
        mine = words[low : low + m]
        # Only the bits above the bucket's smallest word are sorted: few, as a bucket shares its prefix.
        base = top = mine[0]
        for i in range(m):
            base = min(base, mine[i])
            top = max(top, mine[i])
        key_bits = _bit_length(top - base)
        row_bits = _bit_length(np.uint64(m - 1)) if len(tuple_at) > 0 else 0
        mine_row, mine_other = row[:0], other_row[:0]
        # Key and place share one word if they fit, so that a pass moves one array; else places move apart.
        if key_bits + row_bits > WORD_BITS:
            row_bits = 0
            mine_row, mine_other = row, other_row
            for i in range(m):
                row[i] = np.uint32(i)
        ahead = np.uint64(row_bits)
        numbered = row_bits > 0
        for i in range(m):
            key[i] = (mine[i] - base) << ahead
            if numbered:
                key[i] |= np.uint64(i)
        swapped = _sort(key, mine_row, other, mine_other, m, row_bits, row_bits + key_bits, place)
        at = tuple_at[low : low + m] if len(tuple_at) > 0 else tuple_at
        # The tuples overwrite the bucket: they are at most as many as its rows, and the keys were copied out.
        if swapped:
            tuples = _emit(other, mine_other, m, row_bits, base, tuples, start, weight, at)
        else:
            tuples = _emit(key, mine_row, m, row_bits, base, tuples, start, weight, at)
    n_tuples[0] = tuples


@kernel
def take_tuples(
    words: Vector[np.uint64],
    shift: int,
    bucket: Vector[np.uint16],
    tuple_at: Vector[np.uint32],
    first: Vector[np.uint32],
    cursor: OutVector[np.int64],
    tuple_of_row: OutVector[np.uint32],
) -> None:
    """Write the tuple of each row, in the row order of `scatter`.

    Parameters
    ----------
    words, shift, bucket
        As for `scatter`.
    tuple_at : (n_rows,) uint32
        From `group_buckets`.
    first : (n_buckets,) uint32
        Offset of each bucket's tuples.
    cursor : (n_buckets,) int64, in and out
        Place of each bucket's next row.
    tuple_of_row : (n,) uint32, out
    """
    # The cursor of a bucket counts its rows in the same order in which `scatter` placed them.
    for i in range(len(words)):
        b = np.int64(bucket[np.int64(words[i] >> np.uint64(shift))])
        place = cursor[b]
        cursor[b] = place + 1
        tuple_of_row[i] = tuple_at[place] + first[b]


@kernel
def look_up(words: Vector[np.uint64], tuple_of_word: Vector[np.uint32], tuple_of_row: OutVector[np.uint32]) -> None:
    """Write the tuple of each row from a table of the tuple of every possible word."""
    for i in range(len(words)):
        tuple_of_row[i] = tuple_of_word[np.int64(words[i])]
