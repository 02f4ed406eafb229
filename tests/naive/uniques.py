"""What sets of columns distinguish: every set, every pair of rows, by counting."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

Rows = Sequence[Sequence[object]]
Set = tuple[int, ...]


def subsets(d: int, max_size: int) -> list[Set]:
    return [columns for size in range(1, max_size + 1) for columns in combinations(range(d), size)]


def counts(rows: Rows, columns: Set) -> Counter[tuple[object, ...]]:
    return Counter(tuple(row[j] for j in columns) for row in rows)


def separation(rows: Rows, columns: Set) -> float:
    """Compare every pair of rows."""
    pairs = list(combinations(rows, 2))
    apart = sum(any(a[j] != b[j] for j in columns) for a, b in pairs)
    return apart / len(pairs) if pairs else 1.0
