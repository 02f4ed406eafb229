"""Slow, obvious twins of hierarchies: a leaf's ancestors as a list of names, one value at a time."""

import csv
from pathlib import Path


def arx_rows(path: Path) -> list[list[str]]:
    """Read an ARX hierarchy file: one row a leaf, from the leaf to the root."""
    with path.open(newline="") as file:
        return [row for row in csv.reader(file, delimiter=";") if row]


def common(rows: list[list[str]], first: str, second: str) -> tuple[str, float]:
    """Return the name of the lowest common ancestor, and leaves under it / leaves of the hierarchy."""
    if first == second:
        return first, 0.0
    by_leaf = {row[0]: row for row in rows}
    for height, (one, other) in enumerate(zip(by_leaf[first], by_leaf[second], strict=True)):
        if one == other:
            return one, sum(row[height] == one for row in rows) / len(rows)
    raise AssertionError


def leaves_above(rows: list[list[str]], leaf: str) -> list[int]:
    """Return how many leaves of the hierarchy each node on the way from a leaf to the root has."""
    way = next(row for row in rows if row[0] == leaf)
    return [sum(row[height] == node for row in rows) for height, node in enumerate(way)]


def prefix_rows(texts: list[str], mask: str = "*") -> list[list[str]]:
    """Return the rows of a prefix hierarchy over some texts."""
    longest = max(map(len, texts))
    rows: list[list[str]] = []
    for text in texts:
        kept = range(longest - 1, 0, -1)
        above = [text if len(text) < keep else text[:keep] + mask * (longest - keep) for keep in kept]
        rows.append([text, *above, "*"])
    return rows
