"""Rows that match where a null matches anything, pair by pair."""

from collections.abc import Sequence

Row = tuple[object, ...]


def matching(rows: Sequence[Row]) -> list[int]:
    """Return how many rows match each row, itself among them."""
    return [sum(all(a is None or b is None or a == b for a, b in zip(r, q, strict=True)) for q in rows) for r in rows]


def least_cells(rows: Sequence[Row], k: int) -> list[int]:
    """Return the cells that each row has to lose if nobody else loses any; nulls that are there match each other."""
    d = len(rows[0])
    lost = []
    for row in rows:
        kept = [
            bin(mask).count("1")
            for mask in range(2**d)
            if sum(all(not mask >> j & 1 or q[j] == row[j] for j in range(d)) for q in rows) >= k
        ]
        lost.append(d - max(kept))
    return lost
