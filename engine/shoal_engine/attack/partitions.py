"""Attacks on a partition of tuples, before anything is released: classes from codes, without labels or files."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shoal_engine.attack.figures import Answers
from shoal_engine.attack.labels import UNKNOWN, Labels
from shoal_engine.attack.matching import ReleasedClasses, SensitiveCells, match
from shoal_engine.tables.distinct_columns import distinct_columns
from shoal_kernels.tables.class_ranges import class_extents
from shoal_kernels.tables.dimensions import SET, TREE

if TYPE_CHECKING:
    from shoal_engine.anonymity.table.dimensions import Dimension
    from shoal_engine.anonymity.table.table import Table

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]


def partition_classes(table: "Table", class_of_tuple: Ints) -> tuple[ReleasedClasses, Ints]:
    """Return the classes of a partition as an adversary reads the labels of its release.

    Parameters
    ----------
    table : Table
    class_of_tuple : (n_tuples,) int64
        Class of each distinct tuple, numbered from 0 without gaps; negative where suppressed.

    Returns
    -------
    released : ReleasedClasses
        A column for each quasi-identifier, in the policy's order, over its kernel codes, as `known_of_tuples` has them.
        Classes with equal labels are one.
    class_of_tuple : (n_tuples,) int64
        Their number for each tuple.
    """
    dims = table.space.arrays
    n = int(class_of_tuple.max(initial=-1)) + 1
    low, high = np.empty((dims.kind.size, n), np.int64), np.empty((dims.kind.size, n), np.int64)
    bits = np.empty((n, int(dims.bit_words.sum())), np.uint64)
    class_extents(dims, table.grouped.words, class_of_tuple, low, high, bits)
    columns: list[Labels] = []
    for j, dimension in enumerate(table.space.dimensions):
        first = int(dims.bit_start[j])
        own = bits[:, first : first + int(dims.bit_words[j])]
        columns.append(_labels(dimension, low[j], high[j], own))
    first, joint = distinct_columns([one.of_class for one in columns])
    of_tuple = np.append(joint, UNKNOWN)[class_of_tuple]
    of_tuple[class_of_tuple < 0] = UNKNOWN
    columns = [one.some(first) for one in columns]
    kept = of_tuple >= 0
    size = np.bincount(of_tuple[kept], weights=table.grouped.weight[kept], minlength=first.size).astype(np.int64)
    sensitive = {one.name: _cells(table, of_tuple, one.first, one.size, first.size) for one in table.sensitive}
    return ReleasedClasses(columns, size, sensitive), of_tuple


def known_of_tuples(table: "Table") -> Ints:
    """Return the kernel code of each tuple in each quasi-identifier, (d, n_tuples): everything is known.

    A null is a value of its own here, which a class that generalizes it covers.
    """
    return np.stack([table.grouped.codes(j).astype(np.int64) for j in range(len(table.space.dimensions))])


def _labels(dimension: "Dimension", low: Ints, high: Ints, bits: Bits) -> Labels:
    """Return what the classes say of one quasi-identifier."""
    n = dimension.size
    if dimension.geometry == SET:
        sets, of_class = distinct_columns(bits.T)
        sets = bits[sets]
        little = np.ascontiguousarray(sets.astype("<u8")).view(np.uint8).reshape(sets.shape[0], -1)
        label, code = np.nonzero(np.unpackbits(little, axis=1, bitorder="little")[:, :n])
        return Labels.of_ranges(of_class, label, code, code, n_labels=len(sets), n_values=n)
    if dimension.geometry == TREE:
        low, high = _leaves(dimension, low, high)
    spans, of_class = np.unique(low * n + high, return_inverse=True)
    return Labels.of_ranges(of_class, np.arange(spans.size), spans // n, spans % n, n_labels=spans.size, n_values=n)


def _leaves(dimension: "Dimension", low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Return the first and last leaf under the lowest common node of two leaves."""
    tree = dimension.tree
    assert tree is not None
    node = tree.common_node(low, high)
    first, last = tree.ends()
    return first[node], last[node]


def _cells(table: "Table", class_of_tuple: Ints, first: int, n_values: int, n_classes: int) -> SensitiveCells:
    """Count the values of one sensitive column in the classes."""
    cells = table.cells
    owner = class_of_tuple[np.repeat(np.arange(class_of_tuple.size), np.diff(cells.start))]
    mine = (owner >= 0) & (cells.value >= first) & (cells.value < first + n_values)
    key, inverse = np.unique(owner[mine] * n_values + cells.value[mine] - first, return_inverse=True)
    rows = np.bincount(inverse, weights=cells.count[mine]).astype(np.int64)
    start = np.searchsorted(key, np.arange(n_classes + 1) * n_values).astype(np.int64)
    # Values without gaps: those that suppressed rows alone hold are no part of the release.
    _, value = np.unique(key % n_values, return_inverse=True)
    return SensitiveCells.of_counts(start, value.astype(np.int64), rows)


def attack_partition(
    table: "Table",
    class_of_tuple: Ints,
    *,
    known: Sequence[str] | None = None,
    tuples: Ints | None = None,
    n_threads: int = 1,
) -> Answers:
    """Look the rows of a partition up in its own classes.

    Parameters
    ----------
    table : Table
    class_of_tuple : (n_tuples,) int64
        Negative where suppressed: those rows are not looked up.
    known : sequence of str, optional
        Known quasi-identifiers. Default: all.
    tuples : (m,) int64, optional
        Tuples whose rows are looked up. Default: all.
    n_threads : int

    Returns
    -------
    Answers
        Over rows; `highest` and `mean` are the risk of the partition.

    Raises
    ------
    InputError
        Every row is suppressed.
    """
    released, of_tuple = partition_classes(table, class_of_tuple)
    ranks = known_of_tuples(table)
    for j, dimension in enumerate(table.space.dimensions):
        if known is not None and dimension.name not in known:
            ranks[j] = UNKNOWN
    chosen = np.arange(of_tuple.size) if tuples is None else tuples
    kept = chosen[of_tuple[chosen] >= 0]
    found = match(released, np.ascontiguousarray(ranks[:, kept]), own=of_tuple[kept], n_threads=n_threads)
    rows = np.repeat(np.arange(kept.size), table.grouped.weight[kept])
    return Answers.of(found.of(rows), released.sensitive)
