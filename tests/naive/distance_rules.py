"""Slow, obvious rules over updates that are rows of numbers: each as it is published."""

import math
from collections.abc import Sequence

Row = Sequence[float]


def square_distance(a: Row, b: Row) -> float:
    return math.fsum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def mean(rows: Sequence[Row], weights: Sequence[float]) -> list[float]:
    total = math.fsum(weights)
    return [
        math.fsum(w * x for w, x in zip(weights, column, strict=True)) / total for column in zip(*rows, strict=True)
    ]


def krum_scores(rows: Sequence[Row], f: int) -> list[float]:
    n = len(rows)
    return [
        sum(sorted(square_distance(rows[i], rows[j]) for j in range(n) if j != i)[: max(1, n - f - 2)])
        for i in range(n)
    ]


def krum(rows: Sequence[Row], f: int) -> int:
    scores = krum_scores(rows, f)
    return min(range(len(rows)), key=lambda i: (scores[i], i))


def multi_krum(rows: Sequence[Row], f: int, m: int) -> list[float]:
    scores = krum_scores(rows, f)
    best = sorted(range(len(rows)), key=lambda i: (scores[i], i))[:m]
    return mean([rows[i] for i in best], [1.0] * m)


def bulyan_selection(rows: Sequence[Row], f: int) -> list[int]:
    left, found = list(range(len(rows))), []
    while len(found) < len(rows) - 2 * f:
        found.append(left.pop(krum([rows[i] for i in left], f)))
    return found


def mean_around_median(column: Sequence[float], n_kept: int) -> float:
    ordered = sorted(column)
    n = len(ordered)
    median = 0.5 * ordered[(n - 1) // 2] + 0.5 * ordered[n // 2]
    closest = sorted(ordered, key=lambda x: (abs(x - median), x))[:n_kept]
    return math.fsum(closest) / n_kept


def bulyan(rows: Sequence[Row], f: int) -> list[float]:
    selected = [rows[i] for i in bulyan_selection(rows, f)]
    return [mean_around_median(column, len(selected) - 2 * f) for column in zip(*selected, strict=True)]


def geometric_median(rows: Sequence[Row], weights: Sequence[float], nu: float, iterations: int) -> list[float]:
    """Run the smoothed Weiszfeld algorithm, every step over all values, from the best of the rows."""

    def cost(point: Row) -> float:
        return math.fsum(w * math.sqrt(square_distance(point, row)) for w, row in zip(weights, rows, strict=True))

    point = list(min(rows, key=cost))
    for _ in range(iterations):
        distances = [max(nu, math.sqrt(square_distance(point, row))) for row in rows]
        point = mean(rows, [w / d for w, d in zip(weights, distances, strict=True)])
    return point


def centered_clipping(rows: Sequence[Row], center: Row, radius: float, iterations: int) -> list[float]:
    point = list(center)
    for _ in range(iterations):
        moves = []
        for row in rows:
            length = math.sqrt(square_distance(row, point))
            factor = min(1.0, radius / length) if length else 1.0
            moves.append([factor * (x - c) for x, c in zip(row, point, strict=True)])
        point = [c + math.fsum(column) / len(rows) for c, column in zip(point, zip(*moves, strict=True), strict=True)]
    return point


def norm_bounded(rows: Sequence[Row], weights: Sequence[float], center: Row, limit: float, action: str) -> list[float]:
    changes, counted = [], []
    for row, weight in zip(rows, weights, strict=True):
        length = math.sqrt(square_distance(row, center))
        factor = 1.0
        if length > limit:
            if action == "drop":
                continue
            factor = limit / length if action == "clip" else 0.0
        changes.append([factor * (x - c) for x, c in zip(row, center, strict=True)])
        counted.append(weight)
    return [c + m for c, m in zip(center, mean(changes, counted), strict=True)]
