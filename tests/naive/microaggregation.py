"""Slow, obvious microaggregation: every distance, every time; and every partition of a short line."""

import math
from collections.abc import Sequence
from functools import cache

Point = Sequence[float]


def square_distance(a: Point, b: Point) -> float:
    total = 0.0
    for x, y in zip(a, b, strict=True):
        total += (x - y) * (x - y)
    return total


def average(points: Sequence[Point], numbers: Sequence[int]) -> list[float]:
    return [math.fsum(points[i][j] for i in numbers) / len(numbers) for j in range(len(points[0]))]


def farthest(points: Sequence[Point], numbers: Sequence[int], query: Point) -> int:
    return max(numbers, key=lambda i: (square_distance(points[i], query), -i))


def with_nearest(points: Sequence[Point], left: list[int], first: int, k: int) -> list[int]:
    """Take a point and its k - 1 nearest out of those left."""
    left.remove(first)
    near = sorted(left, key=lambda i: (square_distance(points[i], points[first]), i))[: k - 1]
    for i in near:
        left.remove(i)
    return [first, *near]


def mdav(points: Sequence[Point], k: int) -> list[list[int]]:
    left = list(range(len(points)))
    groups = []
    while len(left) >= 3 * k:
        first = farthest(points, left, average(points, left))
        groups.append(with_nearest(points, left, first, k))
        groups.append(with_nearest(points, left, farthest(points, left, points[first]), k))
    if len(left) >= 2 * k:
        groups.append(with_nearest(points, left, farthest(points, left, average(points, left)), k))
    return [*groups, left]


def v_mdav(points: Sequence[Point], k: int, gain: float) -> list[list[int]]:
    left = list(range(len(points)))
    center = average(points, left)
    groups: list[list[int]] = []
    while len(left) >= k:
        group = with_nearest(points, left, farthest(points, left, center), k)
        while len(group) < 2 * k - 1 and left:
            inside, candidate = min((square_distance(points[i], points[m]), i) for i in left for m in group)
            others = [square_distance(points[i], points[candidate]) for i in left if i != candidate]
            if others and not inside < gain * gain * min(others):
                break
            group.append(candidate)
            left.remove(candidate)
        groups.append(group)
    means = [average(points, group) for group in groups]
    for i in left:
        groups[min(range(len(means)), key=lambda g: (square_distance(means[g], points[i]), g))].append(i)
    return groups


def spread(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values)


def least_spread(values: Sequence[float], k: int) -> float:
    """Least sum of squares over all partitions of a few values into sets of at least k, contiguous or not."""

    @cache
    def best(left: frozenset[int]) -> float:
        if not left:
            return 0.0
        if len(left) < k:
            return math.inf
        first, *rest = sorted(left)
        least = math.inf
        for chosen in range(1 << len(rest)):
            group = [first, *(i for place, i in enumerate(rest) if chosen >> place & 1)]
            if len(group) >= k:
                least = min(least, spread([values[i] for i in group]) + best(left - frozenset(group)))
        return least

    return best(frozenset(range(len(values))))
