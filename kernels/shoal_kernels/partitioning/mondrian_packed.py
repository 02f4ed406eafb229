"""Strict Mondrian for k-anonymity alone, on tuples that fit one 64-bit key: the fast path.

Same cuts as `shoal_kernels.partitioning.mondrian`. Keys are partitioned in place, so a node is a range of keys and a
cut moves 8 bytes a tuple (16 with a tag). The smaller child is processed first, so the stack of waiting nodes
stays below log2(n).
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Bytes, Floats, Ints, OutMatrix, OutVector, Vector, Words, kernel
from shoal_kernels.partitioning.mondrian_widths import width
from shoal_kernels.tables.dimensions import Dimensions

Tags = Words | None
Node = tuple[int, int, int]

_MAX_WAITING = 65
_BLOCK = 1024
_MAX_BUCKETS = 4096
_FEW = 24

INDEX_BITS = 32
"""A tag is ``weight << 32 | index``."""

_INDEX_BITS = np.uint64(INDEX_BITS)
_ONE = np.uint64(1)


class _Workspace(NamedTuple):
    """Workspace: lowest and highest code and width of each dimension, and buckets of codes."""

    low: Ints
    high: Ints
    breadth: Floats
    bucket: Ints


@inlined
def _ranges(mask: Words, shift: Ints, keys: Words, node: Node, cuttable: np.uint64, low: Ints, high: Ints) -> None:
    """Set the lowest and highest code of each dimension that is not constant."""
    d = len(shift)
    for j in range(d):
        low[j], high[j] = np.int64(mask[j]), 0
    begin, stop, _ = node
    while begin < stop:
        end = min(begin + _BLOCK, stop)
        # All dimensions of one block of keys: it is read from memory once and stays in the first cache.
        for j in range(d):
            if (cuttable >> np.uint64(j)) & _ONE == 0:
                continue
            field = mask[j] << np.uint64(shift[j])
            # Masked keys compare like their codes, so they are shifted once a block, not once a key.
            least, most = field, np.uint64(0)
            for i in range(np.uint64(begin), np.uint64(end)):
                code = keys[i] & field
                least = min(least, code)
                most = max(most, code)
            low[j] = min(low[j], np.int64(least >> np.uint64(shift[j])))
            high[j] = max(high[j], np.int64(most >> np.uint64(shift[j])))
        begin = end


@inlined
def _rows(tags: Tags, i: int) -> int:
    """Return the rows of the tuple at place i."""
    return 1 if tags is None else int(np.int64(tags[i] >> _INDEX_BITS))


@inner
def _median(
    keys: Words, tags: Tags, node: Node, shift: np.uint64, mask: np.uint64, low: int, high: int, bucket: Ints
) -> tuple[np.uint64, int, int]:
    """Return the lowest code with half of the rows at or below it, the rows below it, and the rows on it.

    Counts codes in as many buckets as the node can fill, then again within the bucket that holds the median,
    so a small node never pays for a large domain.
    """
    start, stop, n_rows = node
    # The median is in base .. base + span; each round narrows that to one bucket.
    base, span, below = np.uint64(low), np.uint64(high - low), 0
    most_buckets = np.uint64(min(_MAX_BUCKETS, max(16, stop - start)))
    while True:
        # The fewest bits for which buckets of 2**bits codes are at most `most_buckets`.
        bits = np.uint64(0)
        while (span >> bits) >= most_buckets:
            bits += _ONE
        for b in range((span >> bits) + _ONE):
            bucket[b] = 0
        for i in range(np.uint64(start), np.uint64(stop)):
            # Codes below `base` wrap around to huge offsets, so one comparison rejects both sides.
            offset = ((keys[i] >> shift) & mask) - base
            if offset <= span:
                bucket[offset >> bits] += _rows(tags, i)
        # Invariant: `below` counts the rows of all codes below `base` and of the buckets passed.
        b = np.uint64(0)
        while 2 * (below + bucket[b]) < n_rows:
            below += bucket[b]
            b += _ONE
        # Next round: only the bucket with the median, unless a bucket is a single code already.
        skipped = b << bits
        base += skipped
        if bits == 0:
            return base, below, bucket[b]
        span = min(span - skipped, (_ONE << bits) - _ONE)


@inlined
def _cut_in_place(keys: Words, tags: Tags, node: Node, field: np.uint64, bound: np.uint64) -> int:
    """Move the keys whose field is below `bound` to the front; return where the others begin."""
    middle = np.uint64(node[0])
    # Lomuto's partition without branches: every key is swapped, `middle` advances only past smaller ones.
    for i in range(np.uint64(node[0]), np.uint64(node[1])):
        key = keys[i]
        keys[i] = keys[middle]
        keys[middle] = key
        if tags is not None:
            tag = tags[i]
            tags[i] = tags[middle]
            tags[middle] = tag
        middle += _ONE if (key & field) < bound else np.uint64(0)
    return int(np.int64(middle))


@inlined
def _too_few_rows(tags: Tags, node: Node, k: int) -> bool:
    """Return whether all tuples of a small node but the heaviest have fewer than k rows together."""
    heaviest = 0
    if tags is not None and node[1] - node[0] <= _FEW:
        for i in range(np.uint64(node[0]), np.uint64(node[1])):
            heaviest = max(heaviest, _rows(tags, i))
    return node[2] - heaviest < k


@inlined
def _measure(dims: Dimensions, cuttable: np.uint64, low: Ints, high: Ints, breadth: Floats) -> np.uint64:
    """Set the width of each dimension, -1 if it is constant; return the mask of those that are not."""
    for j in range(len(breadth)):
        breadth[j] = -1.0
        bit = _ONE << np.uint64(j)
        if cuttable & bit:
            if low[j] < high[j]:
                breadth[j] = width(dims, j, low[j], high[j])
            else:
                # Constant in this node, so constant in every node cut from it.
                cuttable ^= bit
    return cuttable


@inlined
def _widest(breadth: Floats) -> int:
    widest = 0
    for j in range(1, len(breadth)):
        if breadth[j] > breadth[widest]:
            widest = j
    return widest


@inlined
def _cut(
    mask: Words, shift: Ints, keys: Words, tags: Tags, node: Node, k: int, workspace: _Workspace
) -> tuple[int, int]:
    """Cut a node; return where its right side begins, 0 if no cut is allowed, and the rows on the left.

    In one dimension, the cut nearest the median has the largest smaller side: if that has fewer than k rows, so
    has that of every other cut.
    """
    n_rows = node[2]
    while True:
        widest = _widest(workspace.breadth)
        if workspace.breadth[widest] < 0.0:
            return 0, 0
        workspace.breadth[widest] = -1.0
        place, own = np.uint64(shift[widest]), mask[widest]
        code, below, on = _median(
            keys, tags, node, place, own, workspace.low[widest], workspace.high[widest], workspace.bucket
        )
        rows_left = below
        # The median code goes to the right unless the cut above it is strictly nearer the middle.
        if 2 * (below + on) - n_rows < n_rows - 2 * below:
            rows_left = below + on
            code += _ONE
        if rows_left >= k and n_rows - rows_left >= k:
            return _cut_in_place(keys, tags, node, own << place, code << place), rows_left


@inner
def _cut_all(
    dims: Dimensions,
    shift: Ints,
    keys: Words,
    tags: Tags,
    k: int,
    root: Ints,
    max_uncut: int,
    is_start: Bytes,
    pending: Ints,
) -> None:
    """Cut `root` (start, stop, rows) to the end; nodes of at most `max_uncut` tuples go to `pending` instead.

    Nodes are integers and no array is sliced: reference counts of slices cost more than the cuts.
    """
    d, mask = len(shift), dims.mask
    waiting = np.empty((_MAX_WAITING, 3), np.int64)
    waiting_cuttable = np.empty(_MAX_WAITING, np.uint64)
    workspace = _Workspace(np.empty(d, np.int64), np.empty(d, np.int64), np.empty(d), np.empty(_MAX_BUCKETS, np.int64))
    cuttable = ~np.uint64(0)
    start, stop, rows = root[0], root[1], root[2]
    n_waiting, n_pending = 0, 0
    pending[:, 1] = 0
    while True:
        middle, rows_left = 0, 0
        if stop - start <= max_uncut:
            pending[n_pending, 0], pending[n_pending, 1], pending[n_pending, 2] = start, stop, rows
            n_pending += 1
        else:
            node = (start, stop, rows)
            if rows >= 2 * k and not _too_few_rows(tags, node, k):
                _ranges(mask, shift, keys, node, cuttable, workspace.low, workspace.high)
                cuttable = _measure(dims, cuttable, workspace.low, workspace.high, workspace.breadth)
                middle, rows_left = _cut(mask, shift, keys, tags, node, k, workspace)
            if middle == 0:
                is_start[start] = 1
        if middle == 0:
            if n_waiting == 0:
                return
            n_waiting -= 1
            start, stop, rows = waiting[n_waiting, 0], waiting[n_waiting, 1], waiting[n_waiting, 2]
            cuttable = waiting_cuttable[n_waiting]
            continue
        # The larger side waits, the smaller is cut next: at most log2(n) nodes wait.
        waiting_cuttable[n_waiting] = cuttable
        if middle - start <= stop - middle:
            waiting[n_waiting, 0], waiting[n_waiting, 1] = middle, stop
            waiting[n_waiting, 2] = rows - rows_left
            stop, rows = middle, rows_left
        else:
            waiting[n_waiting, 0], waiting[n_waiting, 1] = start, middle
            waiting[n_waiting, 2] = rows_left
            start, rows = middle, rows - rows_left
        n_waiting += 1


@kernel
def cut_keys(
    dims: Dimensions,
    shift: Vector[np.int64],
    k: int,
    node: Vector[np.int64],
    max_uncut: int,
    keys: OutVector[np.uint64],
    is_start: OutVector[np.uint8],
    pending: OutMatrix[np.int64],
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
    max_uncut : int
        Nodes of at most this number of tuples are left uncut in `pending`.
    keys : (n,) uint64, in and out
        The node's keys are permuted; bits outside the dimensions travel along.
    is_start : (n,) uint8, out
        1 is written where a class begins.
    pending : (any, 3) int64, out
        Nodes left uncut; rows after the last hold 0 in the second column.
    """
    _cut_all(dims, shift, keys, None, k, node, max_uncut, is_start, pending)


@kernel
def cut_tagged_keys(
    dims: Dimensions,
    shift: Vector[np.int64],
    k: int,
    node: Vector[np.int64],
    max_uncut: int,
    keys: OutVector[np.uint64],
    tags: OutVector[np.uint64],
    is_start: OutVector[np.uint8],
    pending: OutMatrix[np.int64],
) -> None:
    """Cut one node to the end, as `cut_keys`; ``tags``, (n,) uint64, of weight and index move with the keys."""
    _cut_all(dims, shift, keys, tags, k, node, max_uncut, is_start, pending)


@kernel
def key_with_index(word: Vector[np.uint64], drop: int, index_bits: int, keys: OutVector[np.uint64]) -> None:
    """Set ``keys`` to the words without their `drop` lowest bits, each followed by its index."""
    for i in range(len(word)):
        keys[i] = ((word[i] >> np.uint64(drop)) << np.uint64(index_bits)) | np.uint64(i)
