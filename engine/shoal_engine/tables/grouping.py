"""Rows with equal codes become one weighed tuple.

``group`` is the summary of a batch, ``merge`` joins two; what comes out does not depend on threads, cuts or
the order of merging. Everything later works on tuples, so its cost follows them and not the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.tables import radix_partition
from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import Cells
from shoal_kernels.tables.merging import count_cells, fill_cells, merge_tuples

Codes: TypeAlias = npt.NDArray[np.uint8 | np.uint16 | np.uint32]

WORD_BITS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Fields of d dimensions in 64-bit words; ``code = (words[word] >> shift) & mask``.

    Attributes
    ----------
    word, shift : (d,) int64
    mask : (d,) uint64
    n_words : int
    """

    word: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]
    mask: npt.NDArray[np.uint64]
    n_words: int

    def bits(self, word: int) -> int:
        """Return how many low bits of a word are in use."""
        mine = self.word == word
        return int(np.max(self.shift[mine])) + int(self.mask[mine][0]).bit_length()


def field_bits(size: int) -> int:
    """Return the bits of a field for codes below `size`; at least 1."""
    return max(1, (size - 1).bit_length())


def pack_sizes(sizes: Sequence[int]) -> Packing:
    """Lay out fields for dimensions of these sizes.

    The first dimension takes the highest bits of the first word, a field never straddles words, and each
    word's fields end at bit 0: the order of the words is the lexicographic order of the codes.
    """
    words: list[list[int]] = [[]]
    used = 0
    for size in sizes:
        bits = field_bits(size)
        if used + bits > WORD_BITS:
            words.append([])
            used = 0
        words[-1].append(bits)
        used += bits
    word = [w for w, fields in enumerate(words) for _ in fields]
    shift = [sum(fields[i + 1 :]) for fields in words for i in range(len(fields))]
    mask = [(1 << bits) - 1 for fields in words for bits in fields]
    return Packing(np.array(word, np.int64), np.array(shift, np.int64), np.array(mask, np.uint64), len(words))


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """The distinct tuples of a table, in lexicographic order of their codes.

    Attributes
    ----------
    words : (n_words, n_tuples) uint64
        Packed codes, as `Dimensions` reads them.
    weight : (n_tuples,) int64
        Rows of each tuple.
    tuple_of_row : (n_rows,) uint32, or None where it was not asked for
    word, shift : (d,) int64
    mask : (d,) uint64
        ``code = (words[word, i] >> shift) & mask``.
    """

    words: npt.NDArray[np.uint64]
    weight: npt.NDArray[np.int64]
    tuple_of_row: npt.NDArray[np.uint32] | None
    word: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]
    mask: npt.NDArray[np.uint64]

    @property
    def n_tuples(self) -> int:
        """Number of distinct tuples."""
        return len(self.weight)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.weight.sum())

    def codes(self, dimension: int) -> npt.NDArray[np.uint32]:
        """Return the tuples' codes in one dimension, (n_tuples,) uint32."""
        words = self.words[self.word[dimension]] >> np.uint64(self.shift[dimension])
        return (words & self.mask[dimension]).astype(np.uint32)


def group(codes: Sequence[Codes], sizes: Sequence[int], *, n_threads: int, row_ids: bool = True) -> Grouped:
    """Group rows by their codes.

    Parameters
    ----------
    codes : d arrays, (n_rows,) uint8, uint16 or uint32
        Each below its size; not checked here, `columns` guarantees it.
    sizes : d numbers of codes, each at least 1 and at most 2**32
    n_threads : int
        Threads to work in; the result does not depend on it.
    row_ids : bool
        Whether to say which tuple each row belongs to.

    Raises
    ------
    ValueError
        If there is no column, or columns differ in length, or there are 2**32 rows or more.

    Notes
    -----
    Up to 64 bits of codes the peak is 12 bytes a row, or, if more, 4 bytes a row and 20 a tuple, of which 4 and 16
    are the result; beyond, each word is grouped for itself and the words' groups are grouped like columns.
    """
    if not codes or len(codes) != len(sizes) or len({len(column) for column in codes}) != 1:
        msg = "grouping needs at least one column, a size for each, and columns of equal length"
        raise ValueError(msg)
    n_rows = len(codes[0])
    if n_rows >= 1 << 32:
        msg = f"{n_rows} rows in one batch; at most {(1 << 32) - 1} can be grouped at once: cut and merge"
        raise ValueError(msg)
    packing = pack_sizes(sizes)
    columns = [np.ascontiguousarray(column) for column in codes]
    words, weight, rows = _group_words(columns, packing, n_threads, row_ids=row_ids)
    return Grouped(words, weight, rows, packing.word, packing.shift, packing.mask)


def _group_words(
    codes: Sequence[Codes], packing: Packing, n_threads: int, *, row_ids: bool
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.uint32] | None]:
    """Group word by word: the groups of the words so far and those of the next word are two columns."""
    members = [[j for j in range(len(codes)) if packing.word[j] == w] for w in range(packing.n_words)]
    values: list[npt.NDArray[np.uint64]] = []
    weight, rows = np.empty(0, np.int64), None
    for w, mine in enumerate(members):
        last = w == packing.n_words - 1
        one = radix_partition.group_word(
            [codes[j] for j in mine],
            [int(packing.shift[j]) for j in mine],
            packing.bits(w),
            n_threads=n_threads,
            row_ids=row_ids or not last or w > 0,
        )
        if w == 0:
            values, weight, rows = [one.words], one.weight, one.tuple_of_row
            continue
        assert rows is not None
        assert one.tuple_of_row is not None
        both = pack_sizes([max(1, len(weight)), max(1, len(one.words))])
        pair = radix_partition.group_word(
            [rows, one.tuple_of_row],
            [int(s) for s in both.shift],
            both.bits(0),
            n_threads=n_threads,
            row_ids=row_ids or not last,
        )
        left = (pair.words >> np.uint64(both.shift[0])).astype(np.int64)
        right = (pair.words & both.mask[1]).astype(np.int64)
        values = [*(value[left] for value in values), one.words[right]]
        weight, rows = pair.weight, pair.tuple_of_row
    words = values[0].reshape(1, -1) if len(values) == 1 else np.stack(values)
    return words, weight, rows if row_ids else None


def merge(left: Grouped, right: Grouped) -> Grouped:
    """Return the grouping of left's rows followed by right's, from their groupings over the same sizes.

    Raises
    ------
    ValueError
        If the two are packed differently.
    """
    if not (
        np.array_equal(left.word, right.word)
        and np.array_equal(left.shift, right.shift)
        and np.array_equal(left.mask, right.mask)
    ):
        msg = "two groupings can be merged only if they were made over the same sizes"
        raise ValueError(msg)
    n = left.n_tuples + right.n_tuples
    words = np.empty((len(left.words), n), np.uint64)
    weight = np.empty(n, np.int64)
    left_to, right_to = np.empty(left.n_tuples, np.uint32), np.empty(right.n_tuples, np.uint32)
    n_tuples = np.zeros(1, np.int64)
    merge_tuples(
        np.ascontiguousarray(left.words),
        left.weight,
        np.ascontiguousarray(right.words),
        right.weight,
        words,
        weight,
        left_to,
        right_to,
        n_tuples,
    )
    rows = None
    if left.tuple_of_row is not None and right.tuple_of_row is not None:
        rows = np.concatenate([left_to[left.tuple_of_row], right_to[right.tuple_of_row]])
    kept = int(n_tuples[0])
    words = np.ascontiguousarray(words[:, :kept])
    return Grouped(words, weight[:kept].copy(), rows, left.word, left.shift, left.mask)


def cells(
    tuple_of_row: npt.NDArray[np.uint32],
    sensitive_codes: Sequence[Codes],
    sizes: Sequence[int],
    *,
    n_tuples: int,
    n_threads: int,
) -> Cells:
    """Count the sensitive values of each tuple.

    Parameters
    ----------
    tuple_of_row : (n_rows,) uint32, each below n_tuples
    sensitive_codes : for each sensitive column (n_rows,) uint8, uint16 or uint32
    sizes : number of codes of each column
        Values are numbered through: column c begins at ``sum(sizes[:c])``.
    n_tuples : int
    n_threads : int

    Returns
    -------
    Cells
        Read-only; per tuple ascending by value.
    """
    first = [sum(sizes[:c]) for c in range(len(sizes))]
    found = [
        group([tuple_of_row, column], [n_tuples, size], n_threads=n_threads, row_ids=False)
        for column, size in zip(sensitive_codes, sizes, strict=True)
    ]
    start = np.zeros(n_tuples + 1, np.int64)
    for one in found:
        count_cells(one.words[0], int(one.shift[0]), start[1:])
    np.cumsum(start, out=start)
    if len(found) == 1:
        words = found[0].words[0]
        words &= found[0].mask[1]
        return freeze(Cells(start, words.view(np.int64), found[0].weight))
    value, count = np.empty(int(start[-1]), np.int64), np.empty(int(start[-1]), np.int64)
    cursor = start[:-1].copy()
    for one, lowest in zip(found, first, strict=True):
        fill_cells(one.words[0], one.weight, int(one.shift[0]), lowest, cursor, value, count)
    return freeze(Cells(start, value, count))


__all__ = ["Cells", "Codes", "Grouped", "cells", "group", "merge"]
