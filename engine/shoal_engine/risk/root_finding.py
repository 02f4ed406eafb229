"""The root of a function between two points where it has different signs."""

from collections.abc import Callable
from typing import Any


def root_between(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a continuous function of one number is 0, by Brent's method."""
    from scipy import optimize

    brentq: Any = optimize.brentq
    return float(brentq(function, low, high, xtol=1e-13))
