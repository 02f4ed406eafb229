"""Group rows by one packed word: buckets by prefix, each sorted in cache; or a table where words are few."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_engine.threads import in_threads, ranges
from shoal_kernels.tables import grouping as kernels

BLOCK = 1 << 15
"""Rows that are packed at a time, so that their words stay in cache."""
PREFIX_BITS = 16
BUCKET_ROWS = 1 << 13
"""Rows of a bucket where there are few buckets."""
MOST_BUCKETS = 1 << 11
PARTS = 64
"""Pieces into which the buckets are cut; their temporary memory is a piece for each thread."""
TABLE_BITS = 20
"""Words of up to so many bits are counted in a table."""


class WordGroups(NamedTuple):
    """Distinct words ascending, rows of each, and each row's place among them."""

    words: npt.NDArray[np.uint64]
    weight: npt.NDArray[np.int64]
    tuple_of_row: npt.NDArray[np.uint32] | None


@dataclass(frozen=True, slots=True)
class _Source:
    """Columns of codes that can be packed a block at a time."""

    codes: Sequence[npt.NDArray[Any]]
    shifts: Sequence[int]
    bits: int

    @property
    def n_rows(self) -> int:
        return len(self.codes[0])

    def blocks(self, first: int, last: int) -> Iterator[tuple[int, npt.NDArray[np.uint64]]]:
        """Yield the packed words of rows `first` to `last` as (row, words); each block overwrites the one before."""
        scratch = np.empty(min(BLOCK, last - first), np.uint64)
        for low in range(first, last, BLOCK):
            high = min(low + BLOCK, last)
            words = scratch[: high - low]
            words.fill(0)
            for column, shift in zip(self.codes, self.shifts, strict=True):
                kernels.DEPOSIT[column.dtype.name](column[low:high], shift, words)
            yield low, words


def group_word(
    codes: Sequence[npt.NDArray[Any]], shifts: Sequence[int], bits: int, *, n_threads: int, row_ids: bool
) -> WordGroups:
    """Group rows by codes that fit one word.

    Parameters
    ----------
    codes : (n_rows,) uint8, uint16 or uint32 arrays, contiguous
    shifts : place of each column's field
    bits : int
        Bits of the word in use, at most 64.
    """
    source = _Source(codes, shifts, bits)
    if source.n_rows == 0:
        none = np.empty(0, np.uint32) if row_ids else None
        return WordGroups(np.empty(0, np.uint64), np.empty(0, np.int64), none)
    if bits <= TABLE_BITS and 1 << bits <= max(1 << 16, source.n_rows):
        return _by_table(source, n_threads, row_ids=row_ids)
    return _by_buckets(source, n_threads, row_ids=row_ids)


def _count(source: _Source, shift: int, n_threads: int) -> npt.NDArray[np.int64]:
    """Return how many rows each range of each thread has with each prefix, (n_ranges, n_prefixes)."""
    cuts = ranges(source.n_rows, n_threads)
    count = np.zeros((len(cuts), 1 << (source.bits - shift)), np.int64)

    def run(r: int) -> None:
        for _, words in source.blocks(*cuts[r]):
            kernels.count_prefixes(words, shift, count[r])

    in_threads(run, range(len(cuts)), n_threads)
    return count


def _by_table(source: _Source, n_threads: int, *, row_ids: bool) -> WordGroups:
    """Count every possible word."""
    count = _count(source, 0, n_threads).sum(axis=0)
    words = np.flatnonzero(count)
    rows = None
    if row_ids:
        tuple_of_word = np.zeros(len(count), np.uint32)
        tuple_of_word[words] = np.arange(len(words), dtype=np.uint32)
        rows = result = np.empty(source.n_rows, np.uint32)

        def run(cut: tuple[int, int]) -> None:
            for low, block in source.blocks(*cut):
                kernels.look_up(block, tuple_of_word, result[low : low + len(block)])

        in_threads(run, ranges(source.n_rows, n_threads), n_threads)
    return WordGroups(words.astype(np.uint64), count[words], rows)


def _assign(count: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
    """Give each prefix a bucket: in order, of nearly even size, numbered without gaps."""
    n_rows = int(count.sum())
    n_buckets = max(1, min(MOST_BUCKETS, n_rows // BUCKET_ROWS))
    before = np.cumsum(count) - count
    wish = np.minimum(before * n_buckets // n_rows, n_buckets - 1)
    step = np.diff(wish, prepend=wish[:1]) > 0
    return np.cumsum(step).astype(np.uint16)


def _by_buckets(source: _Source, n_threads: int, *, row_ids: bool) -> WordGroups:
    """Scatter rows to buckets of neighboring words, and sort each bucket."""
    shift = max(0, source.bits - PREFIX_BITS)
    count = _count(source, shift, n_threads)
    bucket = _assign(count.sum(axis=0))
    n_buckets = int(bucket[-1]) + 1
    # Rows of each range in each bucket, and where each range's share of each bucket begins.
    share = np.stack([np.bincount(bucket, weights=one, minlength=n_buckets) for one in count]).astype(np.int64)
    begin = (np.cumsum(share.T.ravel()) - share.T.ravel()).reshape(n_buckets, len(share)).T
    bound = np.append(begin[0], source.n_rows).astype(np.int64)
    cuts = ranges(source.n_rows, n_threads)
    words = np.empty(source.n_rows, np.uint64)

    def send(r: int) -> None:
        line = np.empty((n_buckets, kernels.LINE), np.uint64)
        filled = np.zeros(n_buckets, np.uint8)
        cursor = begin[r].copy()
        for _, block in source.blocks(*cuts[r]):
            kernels.scatter(block, shift, bucket, line, filled, cursor, words)
        kernels.drain(line, filled, cursor, words)

    in_threads(send, range(len(cuts)), n_threads)
    tuple_at = np.empty(source.n_rows if row_ids else 0, np.uint32)
    parts, pieces = _sort_buckets(words, bound, tuple_at, source.bits, n_threads)
    sizes = np.array([len(piece) for piece in pieces], np.int64)
    words = _compact(words, [int(bound[first]) for first, _ in parts], sizes)
    rows = None
    if row_ids:
        rows = result = np.empty(source.n_rows, np.uint32)
        first = np.repeat(np.cumsum(sizes) - sizes, [last - low for low, last in parts]).astype(np.uint32)

        def fetch(r: int) -> None:
            cursor = begin[r].copy()
            for low, block in source.blocks(*cuts[r]):
                kernels.take_tuples(block, shift, bucket, tuple_at, first, cursor, result[low : low + len(block)])

        in_threads(fetch, range(len(cuts)), n_threads)
        # Gone before the weights come: that is where memory peaks.
        tuple_at.resize(0, refcheck=False)
    return WordGroups(words, _weights(pieces, int(sizes.sum())), rows)


def _sort_buckets(
    words: npt.NDArray[np.uint64],
    bound: npt.NDArray[np.int64],
    tuple_at: npt.NDArray[np.uint32],
    bits: int,
    n_threads: int,
) -> tuple[list[tuple[int, int]], list[npt.NDArray[np.uint32]]]:
    """Group each bucket; return the parts into which the buckets were cut, and each part's weights."""
    n_buckets = len(bound) - 1
    parts = ranges(n_buckets, PARTS)
    largest = int(np.diff(bound).max())
    paired = len(tuple_at) > 0 and bits + (largest - 1).bit_length() > kernels.WORD_BITS

    def run(part: tuple[int, int]) -> npt.NDArray[np.uint32]:
        mine = bound[part[0] : part[1] + 1]
        most = int(np.diff(mine).max())
        spare = np.empty((2, most), np.uint64)
        spare_row = np.empty((2, most if paired else 1), np.uint32)
        weight = np.empty(int(mine[-1] - mine[0]), np.uint32)
        n_tuples = np.zeros(1, np.int64)
        kernels.group_buckets(mine, words, spare, spare_row, weight, tuple_at, n_tuples)
        return weight[: n_tuples[0]].copy()

    return parts, in_threads(run, parts, n_threads)


def _compact(words: npt.NDArray[np.uint64], starts: list[int], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Move the parts' tuples together and return them."""
    end = 0
    for low, n in zip(starts, sizes.tolist(), strict=True):
        if low != end:
            words[end : end + n] = words[low : low + n]
        end += n
    # Shrinks in place; a copy would need both at once.
    words.resize(end, refcheck=False)
    return words


def _weights(pieces: list[npt.NDArray[np.uint32]], n_tuples: int) -> npt.NDArray[np.int64]:
    """Return the parts' weights in one array, releasing the pieces on the way."""
    weight = np.empty(n_tuples, np.int64)
    end = 0
    for p, piece in enumerate(pieces):
        weight[end : end + len(piece)] = piece
        end += len(piece)
        pieces[p] = piece[:0].copy()
    return weight
