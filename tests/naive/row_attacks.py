"""Slow, obvious attacks on rows of plain values: every record against every released row, every choice among ties."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product

Row = Sequence[float]


def distance(row: Row, other: Row) -> float:
    return sum(min(abs(x - y), 1.0) for x, y in zip(row, other, strict=True))


def choices(row: Row, released: Sequence[Row], k: int) -> list[frozenset[int]]:
    """Return every set of k nearest rows; distances that differ by rounding are equal."""
    distances = [distance(row, other) for other in released]
    bound = sorted(distances)[k - 1]
    nearer = [i for i, at in enumerate(distances) if at < bound - 1e-12]
    ties = [i for i, at in enumerate(distances) if abs(at - bound) <= 1e-12]
    return [frozenset([*nearer, *chosen]) for chosen in combinations(ties, k - len(nearer))]


def linkability(parts: Sequence[tuple[Row, Row]], released: Sequence[tuple[Row, Row]], k: int) -> list[Fraction]:
    chances = []
    for part, other in parts:
        pairs = product(choices(part, [row for row, _ in released], k), choices(other, [row for _, row in released], k))
        hits = [bool(one & two) for one, two in pairs]
        chances.append(Fraction(sum(hits), len(hits)))
    return chances


def inference(
    records: Sequence[tuple[Row, float]], released: Sequence[tuple[Row, tuple[float, float]]]
) -> list[Fraction]:
    """Return the share of nearest rows whose guess covers the secret."""
    chances = []
    for row, secret in records:
        nearest = [next(iter(one)) for one in choices(row, [other for other, _ in released], 1)]
        hits = [released[i][1][0] <= secret <= released[i][1][1] for i in nearest]
        chances.append(Fraction(sum(hits), len(hits)))
    return chances


def matches(rows: Sequence[Sequence[int]], predicates: Sequence[tuple[int, int, int, int]]) -> int:
    """Count rows; a predicate is a column, the lowest and the highest code, and a code that is excluded."""
    return sum(
        all(low <= row[column] <= high and row[column] != unlike for column, low, high, unlike in predicates)
        for row in rows
    )


def attribution(
    known: Sequence[tuple[Sequence[object], object]], released: Sequence[tuple[Sequence[object], object]]
) -> dict[str, Fraction]:
    """Return the correct attribution probability; missing keys left out, counted as zero, or taken from the nearest."""
    found: list[Fraction | None] = []
    nearest: list[Fraction] = []
    for key, secret in known:
        unlike = [sum(x != y for x, y in zip(key, other, strict=True)) for other, _ in released]
        least = [guess for (_, guess), far in zip(released, unlike, strict=True) if far == min(unlike)]
        share = Fraction(sum(guess == secret for guess in least), len(least))
        nearest.append(share)
        found.append(share if min(unlike) == 0 else None)
    some = [share for share in found if share is not None]
    return {
        "left out": sum(some, Fraction(0)) / len(some) if some else Fraction(0),
        "zero": sum(some, Fraction(0)) / len(known),
        "nearest": sum(nearest, Fraction(0)) / len(known),
    }
