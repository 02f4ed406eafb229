"""Slow, obvious record linkage: every record against every masked record."""

import math
from collections.abc import Sequence
from itertools import product

Row = Sequence[float]


def by_distance(original: Sequence[Row], masked: Sequence[Row]) -> list[float]:
    """Ties are shared; columns are taken as they are."""
    chances = []
    for i, row in enumerate(original):
        distances = []
        for other in masked:
            total = 0.0
            for x, y in zip(other, row, strict=True):
                total += (x - y) * (x - y)
            distances.append(total)
        least = min(distances)
        chances.append(1 / distances.count(least) if distances[i] == least else 0.0)
    return chances


def patterns(original: Sequence[Sequence[int]], masked: Sequence[Sequence[int]]) -> list[list[int]]:
    return [
        [sum((x == y) << j for j, (x, y) in enumerate(zip(row, other, strict=True))) for other in masked]
        for row in original
    ]


def weights(pairs: Sequence[int], d: int, rounds: int = 1000) -> list[float]:
    """Expectation maximization pair by pair."""
    m, u, p = [0.9] * d, [0.1] * d, 1 / math.sqrt(len(pairs))
    agrees = [[bool(pattern >> j & 1) for j in range(d)] for pattern in range(1 << d)]

    def likelihood(pattern: int, chance: list[float]) -> float:
        return math.prod(q if a else 1 - q for q, a in zip(chance, agrees[pattern], strict=True))

    for _ in range(rounds):
        match = [p * likelihood(g, m) / (p * likelihood(g, m) + (1 - p) * likelihood(g, u)) for g in pairs]
        last = [*m, *u, p]
        p = _inside(sum(match) / len(pairs))
        m = [_inside(sum(g for g, q in zip(match, pairs, strict=True) if agrees[q][j]) / sum(match)) for j in range(d)]
        rest = [1 - g for g in match]
        u = [_inside(sum(g for g, q in zip(rest, pairs, strict=True) if agrees[q][j]) / sum(rest)) for j in range(d)]
        if max(abs(a - b) for a, b in zip(last, [*m, *u, p], strict=True)) < 1e-12:
            break
    return [
        sum(math.log(m[j] / u[j]) if bits[j] else math.log((1 - m[j]) / (1 - u[j])) for j in range(d))
        for bits in (pattern[::-1] for pattern in product([False, True], repeat=d))
    ]


def _inside(chance: float) -> float:
    return min(max(chance, 1e-12), 1 - 1e-12)
