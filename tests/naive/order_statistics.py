"""Means of ranks, one coordinate at a time."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def sort_key(value: float) -> tuple[float, float]:
    """Return what orders numbers, -0.0 before 0.0."""
    return float(value), math.copysign(1.0, value)


def mean_of_ranks(updates: Sequence[npt.NDArray[np.floating]], low: int, high: int) -> list[float]:
    """Return for each coordinate the mean of the ranks from `low` below `high`, added up from the lowest."""
    found: list[float] = []
    for values in zip(*updates, strict=True):
        first, *others = sorted(values, key=sort_key)[low:high]
        total = np.float64(first)
        for value in others:
            total += np.float64(value)
        found.append(total / (high - low))
    return found


def run(rows: list[int], steps: Sequence[Sequence[int]]) -> list[int]:
    """Return rows of one number each after whole eights were sorted and steps taken."""
    whole = len(rows) // 8 * 8
    eights = [sorted(rows[place : place + 8]) for place in range(0, whole, 8)]
    after = [row for eight in eights for row in eight] + rows[whole:]
    for a, b, c, d in steps:
        for over, under in [(a, c)] if a == b else [(a, c), (b, d), (b, c)]:
            after[over], after[under] = sorted((after[over], after[under]))
    return after
