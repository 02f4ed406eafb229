"""Minimal sample uniques by trying every set of columns for every row."""

from collections.abc import Sequence
from itertools import combinations


def minimal_uniques(rows: Sequence[tuple[object, ...]], max_size: int) -> list[set[frozenset[int]]]:
    """Return, for each row, the sets of at most `max_size` columns in which it is unique and in no subset is."""
    found = []
    for row in rows:
        mine: set[frozenset[int]] = set()
        for size in range(1, max_size + 1):
            for columns in combinations(range(len(row)), size):
                alone = sum(all(other[j] == row[j] for j in columns) for other in rows) == 1
                if alone and not any(smaller <= frozenset(columns) for smaller in mine):
                    mine.add(frozenset(columns))
        found.append(mine)
    return found
