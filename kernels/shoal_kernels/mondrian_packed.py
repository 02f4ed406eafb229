"""Strict Mondrian for k-anonymity alone, on tuples that fit one 64-bit key: the fast road.

Same cuts as `shoal_kernels.mondrian`. Keys are partitioned in place, so a node is a range of keys and a cut
moves 8 bytes a tuple (16 with a tag). Of two children the smaller is worked on first, so the stack
of waiting nodes stays below log2(n).
"""

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import inlined, inner, kernel, vector
from shoal_kernels.dimensions import DIMENSIONS, Dimensions
from shoal_kernels.widths import width

Keys = npt.NDArray[np.uint64]
Tags = Keys | None
Pending = npt.NDArray[np.int64]

_MAX_WAITING = 65
_BLOCK = 1024
_MAX_BUCKETS = 4096

INDEX_BITS = 32
"""A tag is ``weight << 32 | index``."""


@inner
def _ranges(dims: Dimensions, shift: Pending, keys: Keys, live: Keys, low: Pending, high: Pending) -> None:
    """Set the lowest and highest code of each live dimension; fields are compared where they lie."""
    d = len(shift)
    for j in range(d):
        low[j], high[j] = np.int64(dims.mask[j]), 0
    for begin in range(0, len(keys), _BLOCK):
        block = keys[begin : begin + _BLOCK]
        for j in range(d):
            if live[j] == 0:
                continue
            field = dims.mask[j] << np.uint64(shift[j])
            least, most = field, np.uint64(0)
            for i in range(len(block)):
                code = block[i] & field
                least = min(least, code)
                most = max(most, code)
            low[j] = min(low[j], np.int64(least >> np.uint64(shift[j])))
            high[j] = max(high[j], np.int64(most >> np.uint64(shift[j])))


@inner
def _median(
    keys: Keys, tags: Tags, shift: int, mask: np.uint64, low: int, high: int, n_rows: int, bucket: Pending
) -> tuple[np.uint64, int, int]:
    """Return the lowest code with half of the rows at or below it, the rows below it, and the rows on it.

    Counts codes in as many buckets as the node can fill, then again within the bucket that holds the median,
    so a small node never pays for a large domain.
    """
    base, span, below = np.uint64(low), np.uint64(high - low), 0
    most_buckets = np.uint64(min(_MAX_BUCKETS, max(16, len(keys))))
    s, one = np.uint64(shift), np.uint64(1)
    while True:
        bits = np.uint64(0)
        while (span >> bits) >= most_buckets:
            bits += one
        for b in range(np.int64(span >> bits) + 1):
            bucket[b] = 0
        for i in range(len(keys)):
            offset = ((keys[i] >> s) & mask) - base
            if offset <= span:
                if tags is None:
                    bucket[np.int64(offset >> bits)] += 1
                else:
                    bucket[np.int64(offset >> bits)] += np.int64(tags[i] >> np.uint64(INDEX_BITS))
        b = 0
        while 2 * (below + bucket[b]) < n_rows:
            below += bucket[b]
            b += 1
        skipped = np.uint64(b) << bits
        base += skipped
        if bits == 0:
            return base, below, bucket[b]
        span = min(span - skipped, (one << bits) - one)


@inlined
def _cut_in_place(keys: Keys, tags: Tags, field: np.uint64, bound: np.uint64) -> int:
    """Move the keys whose field is below `bound` to the front; return how many."""
    n_left = 0
    for i in range(len(keys)):
        key = keys[i]
        keys[i] = keys[n_left]
        keys[n_left] = key
        if tags is not None:
            tag = tags[i]
            tags[i] = tags[n_left]
            tags[n_left] = tag
        n_left += 1 if (key & field) < bound else 0
    return n_left


@inner
def _cut(
    dims: Dimensions,
    shift: Pending,
    keys: Keys,
    tags: Tags,
    n_rows: int,
    k: int,
    live: Keys,
    bench: tuple[Pending, Pending, npt.NDArray[np.float64], Pending],
) -> tuple[int, int]:
    """Cut a node; return tuples and rows on the left, 0 where no cut is allowed.

    Of all cuts in a dimension the one nearest the median has the larger smaller side, so where it leaves a
    side with fewer than k rows, every other one does.
    """
    low, high, breadth, bucket = bench
    d = len(shift)
    _ranges(dims, shift, keys, live, low, high)
    for j in range(d):
        breadth[j] = -1.0
        if live[j] != 0:
            if low[j] < high[j]:
                breadth[j] = width(dims, j, low[j], high[j])
            else:
                live[j] = 0
    for _ in range(d):
        widest = 0
        for j in range(1, d):
            if breadth[j] > breadth[widest]:
                widest = j
        if breadth[widest] < 0.0:
            break
        breadth[widest] = -1.0
        s, m = shift[widest], dims.mask[widest]
        code, below, on = _median(keys, tags, s, m, low[widest], high[widest], n_rows, bucket)
        rows_left = below
        if 2 * (below + on) - n_rows < n_rows - 2 * below:
            rows_left = below + on
            code += np.uint64(1)
        if rows_left >= k and n_rows - rows_left >= k:
            place = np.uint64(s)
            return _cut_in_place(keys, tags, m << place, code << place), rows_left
    return 0, 0


@inner
def _grow(
    dims: Dimensions,
    shift: Pending,
    keys: Keys,
    tags: Tags,
    k: int,
    node: npt.NDArray[np.int64],
    emit: int,
    is_start: npt.NDArray[np.uint8],
    pending: Pending,
) -> None:
    """Cut `node` (start, stop, rows) to the end; nodes of at most `emit` tuples go to `pending` instead."""
    d = len(shift)
    waiting = np.empty((_MAX_WAITING, 3), np.int64)
    waiting_live = np.ones((_MAX_WAITING, d), np.uint64)
    live = np.ones(d, np.uint64)
    bench = np.empty(d, np.int64), np.empty(d, np.int64), np.empty(d), np.empty(_MAX_BUCKETS, np.int64)
    waiting[0] = node
    n_waiting = 1
    pending[:, 1] = 0
    n_pending = 0
    while n_waiting > 0:
        n_waiting -= 1
        start, stop, rows = waiting[n_waiting]
        live[:] = waiting_live[n_waiting]
        while True:
            if stop - start <= emit:
                pending[n_pending] = start, stop, rows
                n_pending += 1
                break
            n_left, rows_left = 0, 0
            if rows >= 2 * k:
                own_tags = None if tags is None else tags[start:stop]
                n_left, rows_left = _cut(dims, shift, keys[start:stop], own_tags, rows, k, live, bench)
            if n_left == 0:
                is_start[start] = 1
                break
            middle = start + n_left
            waiting_live[n_waiting] = live
            if n_left <= stop - middle:
                waiting[n_waiting] = middle, stop, rows - rows_left
                stop, rows = middle, rows_left
            else:
                waiting[n_waiting] = start, middle, rows_left
                start, rows = middle, rows - rows_left
            n_waiting += 1


_KEYS, _INT = types.uint64[::1], types.int64
_VECTOR = vector(types.int64)
_NODES, _STARTS = types.int64[:, ::1], types.uint8[::1]


@kernel(types.void(DIMENSIONS, _VECTOR, _INT, _VECTOR, _INT, _KEYS, _STARTS, _NODES))
def grow_keys(
    dims: Dimensions,
    shift: Pending,
    k: int,
    node: npt.NDArray[np.int64],
    emit: int,
    keys: Keys,
    is_start: npt.NDArray[np.uint8],
    pending: Pending,
) -> None:
    """Cut one node to the end; every tuple weighs one row.

    Parameters
    ----------
    dims : Dimensions
        `word` and `shift` are not read.
    shift : (d,) int64
        Place of each dimension in a key.
    k : int
    node : (3,) int64
        First key, key after the last, rows.
    emit : int
        Nodes of at most so many tuples are left uncut in `pending`.
    keys : (n,) uint64, in and out
        The node's keys are permuted; bits outside the dimensions travel along.
    is_start : (n,) uint8, out
        1 is written where a class begins.
    pending : (any, 3) int64, out
        Nodes left uncut; rows after the last hold 0 in the second column.
    """
    _grow(dims, shift, keys, None, k, node, emit, is_start, pending)


@kernel(types.void(DIMENSIONS, _VECTOR, _INT, _VECTOR, _INT, _KEYS, _KEYS, _STARTS, _NODES))
def grow_tagged(
    dims: Dimensions,
    shift: Pending,
    k: int,
    node: npt.NDArray[np.int64],
    emit: int,
    keys: Keys,
    tags: Keys,
    is_start: npt.NDArray[np.uint8],
    pending: Pending,
) -> None:
    """Do as `grow_keys`, with ``tags``, (n,) uint64, of weight and index moved along with the keys."""
    _grow(dims, shift, keys, tags, k, node, emit, is_start, pending)


@kernel(types.void(vector(types.uint64), types.uint64, _STARTS, types.int64[::1]))
def label_positions(
    carriers: Keys,
    index_mask: np.uint64,
    is_start: npt.NDArray[np.uint8],
    class_of_tuple: npt.NDArray[np.int64],
) -> None:
    """Write the number of the class at each position to the tuple whose index the carrier's low bits hold."""
    class_id = -1
    for i in range(len(carriers)):
        class_id += is_start[i]
        class_of_tuple[np.int64(carriers[i] & index_mask)] = class_id


@kernel(types.void(types.int64[::1], types.int64[::1]))
def number_by_first(number: npt.NDArray[np.int64], class_of_tuple: npt.NDArray[np.int64]) -> None:
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
