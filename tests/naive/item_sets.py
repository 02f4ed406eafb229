"""Combinations of items counted the slow way."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any


def supports(rows: Sequence[Sequence[Any] | None], m: int) -> Counter[frozenset[Any]]:
    """Return how many rows hold each combination of at most `m` items that occurs."""
    counts: Counter[frozenset[Any]] = Counter()
    for row in rows:
        held = set(row or ())
        for size in range(1, m + 1):
            counts.update(frozenset(one) for one in combinations(held, size))
    return counts


def least_support(rows: Sequence[Sequence[Any] | None], m: int) -> int | None:
    """Return the fewest rows that hold a combination; None where no row does."""
    return min(supports(rows, m).values(), default=None)


def cheapest_loss(rows: Sequence[Sequence[Any]], m: int, k: int) -> int:
    """Return the fewest entries that leaving items out can cost, over all sets of items."""
    items = sorted({item for row in rows for item in row})
    best = sum(len(set(row)) for row in rows)
    for size in range(len(items) + 1):
        for gone in combinations(items, size):
            kept = [[item for item in set(row) if item not in gone] for row in rows]
            if all(n >= k for n in supports(kept, m).values()):
                best = min(best, sum(item in gone for row in rows for item in set(row)))
    return best


def with_ancestors(
    rows: Sequence[Sequence[int]], parent: Sequence[int], size: int, apart: Callable[[int, int], bool]
) -> Counter[tuple[int, ...]]:
    """Return how many rows hold each combination of nodes that are apart, items and what is above them."""
    counts: Counter[tuple[int, ...]] = Counter()
    for row in rows:
        nodes: set[int] = set()
        for item in row:
            node = item
            while node >= 0:
                nodes.add(node)
                node = parent[node]
        for one in combinations(sorted(nodes), size):
            if all(apart(a, b) for a, b in combinations(one, 2)):
                counts[one] += 1
    return counts
