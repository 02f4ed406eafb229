"""Slow, obvious noise: table look-ups one by one, and the distributions' masses from many digits."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
from scipy import stats

DIGITS = 160
"""Of decimal numbers: 2**-300 needs 91 of them beyond the point."""


def look_up(word: int, entry: Sequence[int], column_bits: int, threshold_bits: int) -> int:
    """Return the outcome of a word: its column, or the column's alias."""
    column, rest = divmod(word, 2**threshold_bits)
    threshold, alias = divmod(entry[column], 2**column_bits)
    return column if rest < threshold else alias


def exp_minus(x: Fraction) -> Any:
    """Return exp(-x), to `DIGITS` digits."""
    with mpmath.workdps(DIGITS):
        return mpmath.exp(-mpmath.mpf(x.numerator) / x.denominator)


def from_cells(
    words: tuple[int, int],
    entry: Sequence[int],
    bits: tuple[int, int, int, int],
    exponent: Any,
    margin: float,
) -> tuple[int, int]:
    """Return the integer that two words give, and whether it is kept (1), rejected (-1) or open (0)."""
    threshold_bits, decide_bits, place_bits, k = bits
    column_bits = len(entry).bit_length() - 1
    outcome = look_up(words[0], entry, column_bits, threshold_bits)
    start, place = outcome // 2 * 2**k + outcome % 2, words[1] % 2**k
    z = -(start + place) if outcome % 2 else start + place
    if outcome == len(entry) - 1:
        return z, 0
    with mpmath.workdps(DIGITS):
        chance = exp_minus(exponent(start + place) - exponent(start)) * 2**decide_bits
        u, error = words[1] >> place_bits, margin * 2**decide_bits
        if u + 1 <= chance - error:
            return z, 1
        return z, -1 if u >= chance + error else 0


def laplace_mass(scale: Fraction, z: int) -> Any:
    """Return the probability of an integer under the discrete Laplace distribution."""
    with mpmath.workdps(DIGITS):
        q = exp_minus(1 / scale)
        return (1 - q) / (1 + q) * exp_minus(abs(z) / scale)


def gaussian_mass(sigma_squared: Fraction, z: int) -> Any:
    """Return the probability of an integer under the discrete Gaussian distribution."""
    with mpmath.workdps(DIGITS):
        # As exp(-m * m / (2 * sigma_squared)) over all m: a theta function of nome exp(-1 / (2 * sigma_squared)).
        total = mpmath.jtheta(3, 0, exp_minus(1 / (2 * sigma_squared)))
        return exp_minus(z * z / (2 * sigma_squared)) / total


def chances_below(distribution: str, scale: float, edges: np.ndarray) -> np.ndarray:
    """Return the probability that an integer of a distribution lies below each edge, in float64."""
    if distribution == "laplace":
        q = np.exp(-1 / scale)
        away = np.exp(-np.where(edges > 0, edges, 1 - edges) / scale) / (1 + q)
        return np.where(edges > 0, 1 - away, away)
    if scale > 2000:
        # The trapezoidal rule is off by less than exp(-2 * (pi * scale)**2), its ends by a 24th of the slope.
        return stats.norm.cdf((edges - 0.5) / scale)
    reach = max(4, int(12 * scale), int(np.abs(edges).max()) + 2)
    z = np.arange(-reach, reach + 1)
    mass = np.exp(-(z**2) / (2 * scale**2))
    return np.concatenate([[0.0], np.cumsum(mass / mass.sum())])[edges + reach]


def fit(distribution: str, scale: float, drawn: np.ndarray, *, each: bool = False) -> float:
    """Return the chance of a fit at most as good as that of some draws to a distribution; too rare values count as one.

    Values are counted in 64 steps up to four standard deviations, or `each` by itself up to two.
    """
    spread = scale * (2**0.5 if distribution == "laplace" else 1)
    edges = np.unique(np.rint(spread * np.linspace(-4, 4, 65)).astype(np.int64))
    if each:
        edges = np.arange(-int(2 * spread), int(2 * spread) + 1)
    edges = np.union1d(edges, [0, 1, 2])
    drawn = np.sort(drawn)
    observed = np.diff(np.concatenate([[0], np.searchsorted(drawn, edges), [len(drawn)]]))
    chance = np.diff(np.concatenate([[0.0], chances_below(distribution, scale, edges), [1.0]]))
    expected = np.maximum(chance * len(drawn), 0)
    often = expected >= 5
    rare, rarely = observed[~often].sum(), expected[~often].sum()
    n_rare = 2 * min(0.5, float(stats.poisson.sf(rare - 1, rarely)))
    if often.sum() < 2:
        return n_rare
    statistic = ((observed - expected)[often] ** 2 / expected[often]).sum()
    return min(n_rare, float(stats.chi2.sf(statistic, often.sum() - (not rarely))))
