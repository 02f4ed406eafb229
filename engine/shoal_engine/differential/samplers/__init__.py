"""Exact samplers: integer noise in bulk, coins and dice in bulk, and single exact choices.

===============================  ==========================================  ========================================
function                         what is exact, given uniform words          charged to delta
===============================  ==========================================  ========================================
`discrete_laplace`               every probability, for any rational scale   nothing
`discrete_gaussian`              every probability, for any rational square  nothing
`bernoulli`, `bernoulli_exp`     the probability, rational or exp(-x)        nothing
`uniform_below`                  the probability, for any bound              nothing
`Coins`                          all of these, one at a time, of any size    nothing
===============================  ==========================================  ========================================

The words are AES-256 in counter mode: what is exact for uniform words is computational with AES. No floating
number has a part in any probability: where one decides, its error is proved to be too small to decide wrongly,
and what lies within the error is decided by exact arithmetic. Time and the memory that is read follow the words,
so who shares the processor's caches can learn of the noise.
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.samplers.choices import bernoulli, bernoulli_exp, uniform_below
from shoal_engine.differential.samplers.coins import Coins
from shoal_engine.differential.samplers.distributions import Gaussian, Laplace
from shoal_engine.differential.samplers.integer_noise import draw_integers
from shoal_engine.randomness import Keystream

__all__ = ["Coins", "bernoulli", "bernoulli_exp", "discrete_gaussian", "discrete_laplace", "uniform_below"]


def discrete_laplace(stream: Keystream, scale: Fraction, n: int, *, n_threads: int = 1) -> npt.NDArray[np.int64]:
    """Return `n` integers z, each with probability in proportion to ``exp(-abs(z) / scale)``.

    Parameters
    ----------
    stream : Keystream
        One draw is taken of it.
    scale : Fraction
        Above 0, at most 2**50.
    n : int
    n_threads : int
        They change nothing but the time.

    Raises
    ------
    NumberError
        The scale is out of range.

    References
    ----------
    Ghosh, Roughgarden, Sundararajan (2012), Universally utility-maximizing privacy mechanisms, definition 2.1:
    the geometric mechanism. The scale here is the sensitivity over epsilon.

    Examples
    --------
    >>> discrete_laplace(Keystream.secure(), Fraction(1, 3), 4).shape
    (4,)
    """
    return draw_integers(Laplace(scale), stream, n, n_threads=n_threads)


def discrete_gaussian(
    stream: Keystream, sigma_squared: Fraction, n: int, *, n_threads: int = 1
) -> npt.NDArray[np.int64]:
    """Return `n` integers z, each with probability in proportion to ``exp(-z**2 / (2 * sigma_squared))``.

    Parameters
    ----------
    stream : Keystream
        One draw is taken of it.
    sigma_squared : Fraction
        Above 0, at most 2**100.
    n : int
    n_threads : int
        They change nothing but the time.

    Raises
    ------
    NumberError
        The parameter is out of range.

    References
    ----------
    Canonne, Kamath, Steinke (2020), The discrete Gaussian for differential privacy, definition 1.

    Examples
    --------
    >>> discrete_gaussian(Keystream.secure(), Fraction(9, 4), 4).dtype
    dtype('int64')
    """
    return draw_integers(Gaussian(sigma_squared), stream, n, n_threads=n_threads)
