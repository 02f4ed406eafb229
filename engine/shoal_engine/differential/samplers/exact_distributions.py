"""Draw from the discrete Laplace and Gaussian distributions one number at a time, from coins alone: slow and exact.

The quick samplers leave rare cases to these, and are tested against them.

References
----------
Canonne, Kamath, Steinke (2020), The discrete Gaussian for differential privacy, algorithms 1 to 3.
"""

from fractions import Fraction
from math import isqrt

from shoal_engine.differential.samplers.coins import Coins


def geometric(coins: Coins, x: Fraction) -> int:
    """Return how often in a row an event of probability exp(-x) occurs, for `x` above 0.

    Algorithm 2, lines 2 to 12: the remainder of a division by the denominator's part is drawn by rejection.
    """
    numerator, denominator = x.numerator, x.denominator
    while True:
        within = coins.below(denominator)
        if coins.bernoulli_exp(Fraction(within, denominator)):
            break
    whole = 0
    while coins.bernoulli_exp(Fraction(1)):
        whole += 1
    return (within + denominator * whole) // numerator


def exact_laplace(coins: Coins, scale: Fraction) -> int:
    """Return z with probability in proportion to exp(-|z| / scale); algorithm 2."""
    while True:
        negative = coins.digits(1)
        magnitude = geometric(coins, 1 / scale)
        if magnitude or not negative:
            return -magnitude if negative else magnitude


def exact_gaussian(coins: Coins, sigma_squared: Fraction) -> int:
    """Return z with probability in proportion to exp(-z**2 / (2 * sigma_squared)); algorithm 3."""
    t = isqrt(sigma_squared.numerator // sigma_squared.denominator) + 1
    while True:
        z = exact_laplace(coins, Fraction(t))
        if coins.bernoulli_exp((abs(z) - sigma_squared / t) ** 2 / (2 * sigma_squared)):
            return z
