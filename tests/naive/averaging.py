"""The weighted mean in exact arithmetic, and sums on a grid one number at a time."""

from collections.abc import Sequence
from fractions import Fraction


def mean(values: Sequence[float], weights: Sequence[float]) -> Fraction:
    """Return the weighted mean of numbers, exactly."""
    total = sum(map(Fraction, weights), Fraction(0))
    return sum((Fraction(x) * Fraction(w) for x, w in zip(values, weights, strict=True)), Fraction(0)) / total


def on_grid(product: float) -> int:
    """Return the nearest integer, ties to even."""
    return round(Fraction(product))
