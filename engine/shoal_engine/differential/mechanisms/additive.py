"""Integer noise added to exact sums: discrete Laplace and discrete Gaussian.

Noise is added to an integer, so nothing of the value is in the low digits of the answer (Mironov 2012), and sums
are those of the grid that was declared. Answers wrap modulo 2**64, which no noise of a sensible scale reaches.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.differential import events
from shoal_engine.differential.samplers import discrete_gaussian, discrete_laplace
from shoal_engine.errors import NumberError
from shoal_engine.randomness import Keystream

Ints = npt.NDArray[np.int64]

_EXACT_UP_TO = 10_000
"""Standard deviation up to which tails of the discrete Gaussian are summed."""


@dataclass(frozen=True, slots=True)
class LaplaceNoise:
    """Adds z with probability in proportion to exp(-abs(z) / scale).

    Pure epsilon-privacy with epsilon = sensitivity / scale, the sensitivity being in L1 (Ghosh, Roughgarden,
    Sundararajan 2012, theorem 2.3; Dwork, Roth 2014, theorem 3.6).

    Attributes
    ----------
    scale : Fraction
        Above 0.
    """

    scale: Fraction

    def __post_init__(self) -> None:
        _check_above_0(self.scale)

    @classmethod
    def of_budget(cls, epsilon: Fraction, sensitivity: int) -> "LaplaceNoise":
        """Return the least noise that is epsilon-private for a change of `sensitivity`."""
        _check_above_0(epsilon)
        return cls(sensitivity / epsilon)

    def event(self, sensitivity: int) -> events.DiscreteLaplace:
        """Return the privacy event of adding noise to one number of the given `sensitivity`."""
        return events.DiscreteLaplace(scale=self.scale, sensitivity=Fraction(sensitivity))

    def add(self, values: Ints, stream: Keystream) -> Ints:
        """Return the values with noise, all of one draw."""
        return values + discrete_laplace(stream, self.scale, values.size).reshape(values.shape)

    @property
    def std(self) -> float:
        """Standard deviation of the noise: sqrt(2 q) / (1 - q) with q = exp(-1 / scale)."""
        x = float(1 / self.scale)
        return math.sqrt(2) * math.exp(-x / 2) / -math.expm1(-x)

    def half_width(self, probability: float) -> int:
        """Return the least t with 2 q**(t + 1) / (1 + q), the probability of larger noise, at most `probability`."""
        x = float(1 / self.scale)
        beyond = math.log(probability * (1 + math.exp(-x)) / 2)
        return max(0, math.ceil(-beyond / x - 1))


@dataclass(frozen=True, slots=True)
class GaussianNoise:
    """Adds z with probability in proportion to exp(-z**2 / (2 * sigma_squared)).

    Concentrated privacy with rho = sensitivity**2 / (2 * sigma_squared), the sensitivity being in L2 (Canonne, Kamath,
    Steinke 2020, theorem 14).

    Attributes
    ----------
    sigma_squared : Fraction
        Above 0.
    """

    sigma_squared: Fraction

    def __post_init__(self) -> None:
        _check_above_0(self.sigma_squared)

    @classmethod
    def of_budget(cls, rho: Fraction, sensitivity_squared: int) -> "GaussianNoise":
        """Return the least noise that is rho-concentrated for a change whose squared length is at most this."""
        _check_above_0(rho)
        return cls(sensitivity_squared / (2 * rho))

    def event(self, sensitivity: int) -> events.DiscreteGaussian:
        """Return the privacy event of adding noise to one number of the given `sensitivity`."""
        return events.DiscreteGaussian(sigma_squared=self.sigma_squared, sensitivity=Fraction(sensitivity))

    def add(self, values: Ints, stream: Keystream) -> Ints:
        """Return the values with noise, all of one draw."""
        return values + discrete_gaussian(stream, self.sigma_squared, values.size).reshape(values.shape)

    @property
    def std(self) -> float:
        """At least the standard deviation of the noise, which is at most sigma (corollary 9 of the paper)."""
        return math.sqrt(self.sigma_squared)

    def half_width(self, probability: float) -> int:
        """Return a t such that noise exceeds t in size with at most this probability."""
        sigma = self.std
        if sigma > _EXACT_UP_TO:
            from scipy.special import ndtri

            # P(z >= t) is at most that of a Gaussian from t - 1 on (proposition 25 of the paper).
            return math.ceil(-float(ndtri(probability / 2)) * sigma)
        size = np.arange(math.ceil(10 * sigma) + 2)
        weight = np.exp(-(size**2) / (2 * float(self.sigma_squared)))
        beyond = 2 * (weight.sum() - np.cumsum(weight)) / (2 * weight.sum() - 1)
        return int(np.argmax(beyond <= probability))


Noise: TypeAlias = LaplaceNoise | GaussianNoise


def _check_above_0(value: Fraction) -> None:
    if value <= 0:
        msg = "noise needs a scale and a budget above 0"
        raise NumberError(msg)
