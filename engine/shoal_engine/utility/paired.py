"""The mean of paired differences, with its interval."""

from dataclasses import dataclass

import numpy as np

from shoal_engine.utility.memberships import Floats

_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Mean of paired differences, with its 95 % interval.

    Attributes
    ----------
    mean, low, high : float
        The ends are NaN for a single pair.
    pairs : int
    """

    mean: float
    low: float
    high: float
    pairs: int


def paired_difference(differences: Floats) -> PairedDifference:
    """Return the mean of differences, with the interval of Student's t for paired samples.

    Examples
    --------
    >>> found = paired_difference(np.array([1.0, 2.0, 3.0]))
    >>> found.mean, round(found.low, 3), round(found.high, 3)
    (2.0, -0.484, 4.484)
    """
    from scipy.stats import t

    n, mean = differences.size, float(differences.mean())
    if n < 2:
        return PairedDifference(mean, float("nan"), float("nan"), n)
    half = float(t.ppf((1 + _LEVEL) / 2, n - 1)) * float(differences.std(ddof=1)) / np.sqrt(n)
    return PairedDifference(mean, mean - float(half), mean + float(half), n)
