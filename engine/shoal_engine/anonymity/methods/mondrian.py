"""Mondrian partitioning (LeFevre, DeWitt, Ramakrishnan 2006, "Mondrian Multidimensional K-Anonymity", ICDE).

The top of the tree is cut level by level, its nodes side by side; the subtrees below are then independent.
Every node is cut by its own tuples alone, so the classes do not depend on the number of threads, and classes
are numbered by their first tuple.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.partitioning.allowable_cuts import RELAXED, STRICT
from shoal_kernels.partitioning.class_numbers import label_positions, number_by_first
from shoal_kernels.partitioning.mondrian import cut_tuples
from shoal_kernels.partitioning.mondrian_packed import INDEX_BITS, cut_keys, cut_tagged_keys, key_with_index
from shoal_kernels.tables.dimensions import Dimensions

Vector = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Grow = Callable[[Vector, int, Vector], None]

_TASKS_PER_THREAD = 8
_ALL_BITS = np.uint64(2**64 - 1)


def mondrian(
    dims: Dimensions,
    words: Words,
    weight: Vector,
    cells: Cells,
    models: Models,
    *,
    n_threads: int = 1,
) -> Vector:
    """Partition distinct tuples strictly: equal values stay together in every cut.

    Parameters
    ----------
    dims, models : Dimensions, Models
    words : (n_words, n) uint64
        Distinct tuples, sorted; n at least 1.
    weight : (n,) int64
        Rows of each tuple, at least 1.
    cells : Cells
        Sensitive values of the tuples.
    n_threads : int

    Returns
    -------
    (n,) int64
        Class of each tuple, numbered from 0 by first tuple. Every class satisfies the models if the whole
        table as one class does; that is the caller's to check.
    """
    n = words.shape[1]
    if models.kind.size or words.shape[0] > 1 or len(dims.kind) > 64 or n >= 2**INDEX_BITS:
        return _by_index(dims, words, weight, cells, models, STRICT, n_threads)
    if int(weight.max()) >= 2**INDEX_BITS:
        return _by_index(dims, words, weight, cells, models, STRICT, n_threads)
    return _by_key(dims, words[0], weight, int(models.k[0]), n_threads)


def mondrian_relaxed(
    dims: Dimensions,
    words: Words,
    cells: Cells,
    models: Models,
    *,
    weight: Vector | None = None,
    n_threads: int = 1,
) -> Vector:
    """Partition single rows so that both halves balance: equal values may go to either side.

    Parameters
    ----------
    dims, models : Dimensions, Models
    words : (n_words, n) uint64
        One column for each row of the table, sorted; equal ones differ by their place.
    cells : Cells
        Sensitive values of each row.
    weight : (n,) int64, optional
        What each row counts: 1 unless given, or a share of its unit.
    n_threads : int

    Returns
    -------
    (n,) int64
        Class of each row, numbered from 0 by first row. With no model but k, a class holds k to 2k - 1 rows.
    """
    weight = np.ones(words.shape[1], np.int64) if weight is None else weight
    return _by_index(dims, words, weight, cells, models, RELAXED, n_threads)


def _by_index(
    dims: Dimensions,
    words: Words,
    weight: Vector,
    cells: Cells,
    models: Models,
    mode: int,
    n_threads: int,
) -> Vector:
    """Partition an array of indices; any number of words, any models."""
    n = words.shape[1]
    order = np.arange(n)
    is_start = np.zeros(n, np.uint8)

    def grow(node: Vector, emit: int, pending: Vector) -> None:
        cut_tuples(dims, models, words, weight, cells, node, mode, emit, order, is_start, pending)

    _grow_tree(grow, np.array([0, n]), n_threads)
    return _numbered(order.view(np.uint64), _ALL_BITS, is_start, n_threads)


def _by_key(dims: Dimensions, word: Words, weight: Vector, k: int, n_threads: int) -> Vector:
    """Partition the keys themselves; index, and weight where any is above 1, travel along."""
    n = word.size
    used = np.flatnonzero(dims.mask)
    lowest = int(dims.shift[used].min()) if used.size else 0
    highest = max((int(dims.shift[j]) + int(dims.mask[j]).bit_length() for j in used), default=0)
    index_bits = max(1, (n - 1).bit_length())
    is_start = np.zeros(n, np.uint8)
    root = np.array([0, n, int(weight.sum())])
    if int(weight.max()) == 1 and highest - lowest + index_bits <= 64:
        keys = np.empty(n, np.uint64)
        key_with_index(word, lowest, index_bits, keys)
        shift = np.maximum(dims.shift - lowest + index_bits, 0)

        def grow(node: Vector, emit: int, pending: Vector) -> None:
            cut_keys(dims, shift, k, node, emit, keys, is_start, pending)

        _grow_tree(grow, root, n_threads)
        return _numbered(keys, np.uint64(2**index_bits - 1), is_start, n_threads)
    keys = word.copy()
    tags = (weight.astype(np.uint64) << np.uint64(INDEX_BITS)) | np.arange(n, dtype=np.uint64)

    def grow_both(node: Vector, emit: int, pending: Vector) -> None:
        cut_tagged_keys(dims, dims.shift, k, node, emit, keys, tags, is_start, pending)

    _grow_tree(grow_both, root, n_threads)
    return _numbered(tags, np.uint64(2**INDEX_BITS - 1), is_start, n_threads)


def _grow_tree(grow: Grow, root: Vector, n_threads: int) -> None:
    """Cut the largest nodes level by level until each thread has several, then finish all of them."""
    if n_threads == 1:
        grow(root, 0, np.empty((1, root.size), np.int64))
        return
    large = max(int(root[1]) // (_TASKS_PER_THREAD * n_threads), 1)

    def halve(node: Vector) -> list[Vector]:
        pending = np.empty((2, node.size), np.int64)
        grow(node, int(node[1] - node[0]) - 1, pending)
        return [child for child in pending if child[1] > 0]

    def finish(node: Vector) -> None:
        grow(node, 0, np.empty((1, node.size), np.int64))

    frontier, ready = [root], list[Vector]()
    with ThreadPoolExecutor(n_threads) as pool:
        while frontier:
            children = [child for pair in pool.map(halve, frontier) for child in pair]
            frontier = [node for node in children if node[1] - node[0] > large]
            ready += [node for node in children if node[1] - node[0] <= large]
        ready.sort(key=lambda node: int(node[0] - node[1]))
        for _ in pool.map(finish, ready):
            pass


def _numbered(carriers: Words, index_mask: np.uint64, is_start: npt.NDArray[np.uint8], n_threads: int) -> Vector:
    """Return the class of each tuple, numbered by first tuple."""
    bounds = np.linspace(0, carriers.size, n_threads + 1).astype(np.int64)
    spans = [slice(int(a), int(b)) for a, b in pairwise(bounds)]
    n_starts = [int(is_start[span].sum(dtype=np.int64)) for span in spans]
    n_before = [sum(n_starts[:t]) for t in range(n_threads)]
    class_of_tuple = np.empty(carriers.size, np.int64)

    def label(span: slice, before: int) -> None:
        label_positions(carriers[span], index_mask, is_start[span], before, class_of_tuple)

    with ThreadPoolExecutor(n_threads) as pool:
        for _ in pool.map(label, spans, n_before):
            pass
    number_by_first(np.full(sum(n_starts), -1, np.int64), class_of_tuple)
    return class_of_tuple
