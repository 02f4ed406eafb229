"""Slow, obvious twins of hierarchies: a leaf's ancestors as a list of names, one value at a time."""

import csv
import math
from collections.abc import Sequence
from itertools import chain, combinations, pairwise
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


def interval_rows(
    values: list[int], widths: list[int], lower: int, upper: int, origin: int, bottom: int, top: int
) -> list[list[str]]:
    """Return the rows of snapping intervals: each value is put into the intervals by hand."""
    rows: list[list[str]] = []
    for value in values:
        row = [str(value)]
        for width in widths:
            # Snap to the line, find the interval, and let the outermost ones reach out.
            snapped = min(max(value, lower), upper - 1)
            low = (snapped - origin) // width * width + origin
            start = bottom if low <= lower else low
            end = top if low + width >= upper else low + width
            row.append(f"<{bottom}" if value < bottom else f">={top}" if value >= top else f"[{start}, {end})")
        rows.append([*row, "*"])
    return rows


def order_rows(values: list[str], fanout: list[int]) -> list[list[str]]:
    """Return the rows of an order: lists of neighbors, grouped again and again."""
    groups = [[value] for value in values]
    ways = {value: [value] for value in values}
    for n in fanout:
        groups = [list(chain(*groups[i : i + n])) for i in range(0, len(groups), n)]
        for group in groups:
            name = group[0] if len(group) == 1 else f"[{group[0]}, {group[-1]}]"
            for value in group:
                ways[value].append(name)
    return [[*ways[value], "*"] for value in values]


def redaction_rows(texts: list[str], redact: str, align: str, pad: str, mask: str) -> list[list[str]]:
    """Return the rows of a redaction with padding, as ARX's documentation defines it."""
    longest = max(map(len, texts))
    rows: list[list[str]] = []
    for text in texts:
        whole = text.ljust(longest, pad) if align == "left" else text.rjust(longest, pad)
        lost = range(1, longest)
        above = [whole[:-n] + mask * n if redact == "right" else mask * n + whole[n:] for n in lost]
        rows.append([text, *above, "*"])
    return rows


def priority_rows(values: list[str], levels: int) -> list[list[str]]:
    """Return the rows of priorities, highest first: a value's first level without it, as ARX counts it."""
    steps = min(levels, len(values))
    gone = [steps - i * steps // len(values) for i in range(len(values))]
    return [
        [value, *(value if step < gone[i] else f"other {step}" for step in range(1, steps)), "*"]
        for i, value in enumerate(values)
    ]


def least_entropy(counts: Sequence[int], size: int, *, ordered: bool) -> list[list[int]]:
    """Merge nodes of value places, trying every pair each time, until as many as asked for are left."""
    nodes = [[i] for i in range(len(counts))]
    born = list(range(len(counts)))
    while len(nodes) > size:
        weights = [sum(counts[i] for i in node) for node in nodes]

        def lost(pair: tuple[int, int], weights: list[int] = weights) -> tuple[object, ...]:
            one, other = (weights[i] for i in pair)
            loss = sum(w * math.log((one + other) / w) for w in (one, other))
            ages = sorted((weights[i], born[i]) for i in pair)
            return (round(loss, 9), pair if ordered else ages)

        pairs = pairwise(range(len(nodes))) if ordered else combinations(range(len(nodes)), 2)
        low, high = min(pairs, key=lost)
        merged, age = sorted(nodes[low] + nodes[high]), max(born) + 1
        for kept, new in ((nodes, merged), (born, age)):
            kept[low] = new
            kept.pop(high)
    return sorted(nodes)


def equal_shares(counts: Sequence[int], fanout: int, depth: int, *, ordered: bool) -> list[list[int]]:
    """Split value places from the root down, one node after the other."""
    nodes = [list(range(len(counts)))]
    for _ in range(depth):
        nodes = [part for node in nodes for part in (_cut if ordered else _dealt)(node, counts, fanout) if part]
    return sorted(map(sorted, nodes))


def _cut(node: list[int], counts: Sequence[int], fanout: int) -> list[list[int]]:
    """Cut a stretch where the rows before are nearest to their share; every part keeps a value while there are."""
    total = sum(counts[i] for i in node)
    cuts = [0]
    for part in range(1, fanout):
        least, most = cuts[-1] + 1, len(node) - (fanout - part)
        away = {at: abs(sum(counts[i] for i in node[:at]) * fanout - total * part) for at in range(len(node) + 1)}
        nearest = min(away, key=lambda at: (away[at], at))
        cuts.append(min(max(min(nearest, most), least), len(node)))
    return [node[a:b] for a, b in pairwise([*cuts, len(node)])]


def _dealt(node: list[int], counts: Sequence[int], fanout: int) -> list[list[int]]:
    """Deal values by falling weight to the lightest part."""
    parts: list[list[int]] = [[] for _ in range(fanout)]
    for value in sorted(node, key=lambda i: (-counts[i], i)):
        min(parts, key=lambda part: (sum(counts[i] for i in part), len(part))).append(value)
    return parts
