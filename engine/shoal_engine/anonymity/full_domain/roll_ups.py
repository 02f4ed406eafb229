"""The classes of every node of a lattice, each rolled up from one a step below: for what depends on sizes alone."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.full_domain.search import Search, check_size
from shoal_kernels.lattice import roll_up_all

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


def every_roll_up(search: Search) -> Iterator[tuple[tuple[int, ...], Words, Ints]]:
    """Yield the levels of each node, in the table's order, and its classes: (n_words, n) words and (n,) rows.

    Nodes come depth first, the last quasi-identifier of the lattice fastest; classes are numbered by first tuple. The
    lists of one node for each quasi-identifier are held at a time.

    Raises
    ------
    PolicyError
        The lattice is too large to be listed.
    """
    check_size(search)
    n, d = search.weight.size, len(search.levels)
    n_levels = [search.levels[j].n_levels for j in search.order]
    class_of, slots = np.empty(n, np.uint32), np.empty(2 << max(1, (n - 1).bit_length() + 1), np.uint32)
    level, found = np.zeros(d, np.int64), np.zeros(1, np.int64)

    def descend(j: int, words: Words, rows: Ints) -> Iterator[tuple[tuple[int, ...], Words, Ints]]:
        if j == d:
            yield search.in_table_order(level), words, rows
            return
        for height in range(n_levels[j]):
            level[j] = height
            if height:
                words, rows = words.copy(), rows.copy()
                roll_up_all(search.lattice, level, words, rows, rows.size, class_of, slots, found)
                words, rows = np.ascontiguousarray(words[:, : found[0]]), rows[: found[0]].copy()
            yield from descend(j + 1, words, rows)
        level[j] = 0

    yield from descend(0, search.words.copy(), search.weight.copy())
