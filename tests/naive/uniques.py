"""Slow, obvious uniqueness of rows in sets of columns: every set, every row, by counting."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

Rows = Sequence[Sequence[object]]
Set = tuple[int, ...]


def subsets(d: int, max_size: int) -> list[Set]:
    return [columns for size in range(1, max_size + 1) for columns in combinations(range(d), size)]


def counts(rows: Rows, columns: Set) -> Counter[tuple[object, ...]]:
    return Counter(tuple(row[j] for j in columns) for row in rows)


def is_unique(rows: Rows, i: int, columns: Set) -> bool:
    return counts(rows, columns)[tuple(rows[i][j] for j in columns)] == 1


def minimal(rows: Rows, i: int, max_size: int) -> list[Set]:
    """Return the sets in which row i is unique and in no proper subset of which it is."""
    unique = [columns for columns in subsets(len(rows[0]), max_size) if is_unique(rows, i, columns)]
    return [columns for columns in unique if not any(set(other) < set(columns) for other in unique)]


def worth(k: int, d: int, max_size: int) -> int:
    """Elliot, Manning, Ford 2002, with the bound that sdcMicro sets."""
    return math.prod(d - i for i in range(k, min(max_size, d - 1) + 1))


def dis(rows: Rows, scores: Sequence[float], fraction: float) -> list[float]:
    """Return DIS-SUDA scores by way of DIS itself, as Skinner and Elliot 2002 and sdcMicro state it."""
    d = len(rows[0])
    whole = counts(rows, tuple(range(d))).values()
    n_unique, in_pairs = sum(n == 1 for n in whole), sum(n for n in whole if n == 2)
    if not n_unique:
        return [0.0] * len(rows)
    share = n_unique * fraction / (n_unique * fraction + in_pairs * (1 - fraction))
    power = 1 + (8 - d) / 20
    adjust = sum(score**-power for score in scores if score)
    rest = n_unique / share - n_unique
    return [1 / (1 + rest / (score**power * adjust)) if score else 0.0 for score in scores]


def separation(rows: Rows, columns: Set) -> float:
    """Compare every pair of rows."""
    pairs = list(combinations(rows, 2))
    apart = sum(any(a[j] != b[j] for j in columns) for a, b in pairs)
    return apart / len(pairs) if pairs else 1.0
