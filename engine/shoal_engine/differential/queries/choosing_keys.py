"""Which keys may be named: partition selection, by the truncated geometric rule or by a noisy threshold.

All are private for a group that one unit more or less may join. Of all such rules none keeps any
group with a higher probability than the truncated geometric one (Desfontaines, Voss, Gipson 2022, "Differentially
private partition selection", theorem 1); thresholds are what other systems use (Korolova et al. 2009, section 4).
Gaussian noise has its strength where a unit may be in many groups, as it grows with the root of their number.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.mechanisms.additive import GaussianNoise, LaplaceNoise
from shoal_engine.differential.queries.truncated_geometric import TruncatedGeometric
from shoal_engine.differential.samplers.coins import exp_bounds
from shoal_engine.randomness import Keystream

Ints = npt.NDArray[np.int64]

_SPARE_BITS = 64


@dataclass(frozen=True, slots=True)
class LaplaceThreshold:
    """Keeps a group of n units, one or more, where n with discrete Laplace noise reaches a threshold.

    A group of one unit has to be kept with probability delta at most: the least t with q**(t - 1) / (1 + q) <= delta
    and q = exp(-epsilon), of integers.

    Attributes
    ----------
    epsilon, delta : Fraction
        Above 0; of one group.

    Examples
    --------
    >>> LaplaceThreshold(Fraction(1), Fraction(1, 10**5)).threshold
    13
    """

    epsilon: Fraction
    delta: Fraction

    @property
    def threshold(self) -> int:
        """Return the least n, noise included, that is kept; one less must be exceeded where the rule is strict."""
        spare = _SPARE_BITS + (1 / self.delta).__ceil__().bit_length()
        # From below, as log(1 + q) is at most log(2); floating numbers only tell where to begin.
        t = max(1, math.floor((-math.log(float(self.delta)) - math.log(2)) / float(self.epsilon)) - 2)
        while True:
            # Rounded against keeping: the numerator up, the denominator down.
            above = exp_bounds(self.epsilon * (t - 1), spare)[1] << spare
            below = (1 << spare) + exp_bounds(self.epsilon, spare)[0]
            if Fraction(above, below) <= self.delta * (1 << spare):
                return t
            t += 1

    def keep(self, n: Ints, stream: Keystream) -> npt.NDArray[np.bool_]:
        """Return which groups of some units are kept; they take one draw."""
        noisy = LaplaceNoise(1 / self.epsilon).add(n, stream)
        return (n > 0) & (noisy >= self.threshold)

    def least_kept(self, probability: Fraction) -> int:
        """Return an n from which on groups are kept with at least this probability, of 1/2 or more."""
        doubt = 2 * (1 - float(probability))
        return self.threshold + (0 if doubt >= 1 else LaplaceNoise(1 / self.epsilon).half_width(doubt))


@dataclass(frozen=True, slots=True)
class GaussianThreshold:
    """Keeps a group of n units, one or more, where n with discrete Gaussian noise reaches a threshold.

    Of n and n + 1 units, both one or more, the noise costs no more than its rho, and a group of one unit is kept with
    probability delta at most.

    Attributes
    ----------
    sigma_squared, delta : Fraction
        Above 0; the latter of one group.

    Examples
    --------
    >>> GaussianThreshold(Fraction(4), Fraction(1, 10**5)).threshold
    10
    """

    sigma_squared: Fraction
    delta: Fraction

    @property
    def threshold(self) -> int:
        """Return the least n, noise included, that is kept; one less must be exceeded where the rule is strict.

        The probability of noise of t - 1 or more is summed, over a norm that is no less than sigma sqrt(2 pi) (by
        Poisson's summation) nor than 1, and with a slack far above what rounding adds.
        """
        variance, least = float(self.sigma_squared), math.log(float(self.delta)) - _SLACK
        norm = max(0.0, math.log(2 * math.pi * variance) / 2)
        low, high = 0, 1
        while _log_tail(high, variance) - norm > least:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _log_tail(middle, variance) - norm > least else (low, middle)
        return high + 1

    def keep(self, n: Ints, stream: Keystream) -> npt.NDArray[np.bool_]:
        """Return which groups of some units are kept; they take one draw."""
        noisy = GaussianNoise(self.sigma_squared).add(n, stream)
        return (n > 0) & (noisy >= self.threshold)

    def least_kept(self, probability: Fraction) -> int:
        """Return an n from which on groups are kept with at least this probability, of 1/2 or more."""
        doubt = 2 * (1 - float(probability))
        return self.threshold + (0 if doubt >= 1 else GaussianNoise(self.sigma_squared).half_width(doubt))


def _log_tail(least: int, variance: float) -> float:
    """Return the logarithm of the sum of exp(-z**2 / (2 variance)) over whole z from `least` on, 1 or more; or more.

    Where the noise is wide the sum is at most the integral from half a step before, as the curve is convex beyond
    sigma, and before it the first term and the integral from there.
    """
    from scipy.special import log_ndtr

    first = -(least**2) / (2 * variance)
    if variance <= _SUMMED_UP_TO:
        above = np.arange(_TERMS, dtype=np.float64)
        return first + math.log(float(np.exp(-above * (2 * least + above) / (2 * variance)).sum()))
    sigma = math.sqrt(variance)
    log_width = math.log(2 * math.pi * variance) / 2
    if least - 0.5 >= sigma:
        return log_width + float(log_ndtr(-(least - 0.5) / sigma))
    return float(np.logaddexp(first, log_width + float(log_ndtr(-least / sigma))))


_SUMMED_UP_TO = 1e4
_TERMS = 1 << 12
"""Forty standard deviations, beyond which terms are too small for the slack to notice."""
_SLACK = 1e-9

Rule: TypeAlias = TruncatedGeometric | LaplaceThreshold | GaussianThreshold
