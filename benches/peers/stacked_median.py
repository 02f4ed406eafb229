"""The geometric median as OpenFL computes it: Weiszfeld's steps over updates that are stacked in one NumPy array.

A baseline, and not OpenFL itself: the same steps with the same defaults as its file
openfl/interface/aggregation_functions/geometric_median.py, written again. It keeps two habits of theirs: shares of one
step are divided by distances again in the next, and the cost of a step reads every update once more.
"""

from collections.abc import Sequence

import numpy as np


def stacked_median(
    updates: Sequence[np.ndarray],
    weights: Sequence[float],
    *,
    steps: int = 4,
    nearest: float = 1e-5,
    gain: float = 1e-6,
) -> np.ndarray:
    """Return the geometric median of flat arrays."""
    stack, shares = np.array(updates), np.asarray(weights) / sum(weights)

    def distance(row: np.ndarray) -> float:
        return float(np.linalg.norm(median - row))

    def cost() -> float:
        return sum(share * distance(row) for share, row in zip(shares, stack, strict=True))

    median = np.average(stack, weights=shares, axis=0)
    last = cost()
    for _ in range(steps):
        shares = np.array([share / max(nearest, distance(row)) for share, row in zip(shares, stack, strict=True)])
        shares /= shares.sum()
        median = np.average(stack, weights=shares, axis=0)
        now = cost()
        if abs(last - now) < gain * now:
            break
        last = now
    return median
