"""Noise that no one adds alone: every node adds a part, and only the sum is noisy enough, and private.

A sum of discrete Gaussians is no discrete Gaussian, but is nearly one: the extra cost is `tau`
(Kairouz, Liu, Steinke 2021, The distributed discrete Gaussian mechanism for federated learning with secure
aggregation, ICML, proposition 14). With shares of variance 1 tau is about 5e-4, with 4 about 1e-16.
"""

import math
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.samplers import discrete_gaussian
from shoal_engine.errors import NumberError
from shoal_engine.randomness import Keystream

LEAST_SHARE: Final = Fraction(1, 4)
"""Below a standard deviation of a half nothing is proved."""

_PI_BELOW: Final = Fraction(314159265358979323846, 10**20)
_SMALLEST: Final = 1_000
"""Powers of e below minus this are taken as that one: more than it is, and nothing beside any budget."""
_TERMS: Final = 64
"""Of tau that are reckoned one by one; all further ones are counted as the first of them."""
_DIGITS: Final = 30
"""Decimals of what is returned."""


@dataclass(frozen=True, slots=True)
class DistributedGaussian:
    """Discrete Gaussian noise in parts, so that the sum has `sigma_squared` even if some parts are missing.

    Attributes
    ----------
    sigma_squared : Fraction
        Least variance of the sum: the parameter of the distribution, close to its variance.
    n_nodes : int
        Nodes that add a part, if all survive.
    tolerated : int
        Number of parts that may be missing: nodes that drop, and nodes that may disclose theirs to the server. If
        more are missing the sum is less private than `rho` says: set the threshold of the round to
        `n_nodes` - `tolerated` at least, without nodes that disclose.

    Raises
    ------
    NumberError
        Nothing is left of the nodes, or each part is so small that nothing is proved: `sigma_squared` must be at
        least a quarter of `n_nodes` - `tolerated`.

    Examples
    --------
    >>> noise = DistributedGaussian(sigma_squared=Fraction(400), n_nodes=10, tolerated=2)
    >>> noise.share_squared
    Fraction(50, 1)
    >>> float(noise.rho(sensitivity_squared=4, length=1000))
    0.005
    """

    sigma_squared: Fraction
    n_nodes: int
    tolerated: int

    def __post_init__(self) -> None:
        if not 0 <= self.tolerated < self.n_nodes:
            msg = f"tolerated={self.tolerated} of {self.n_nodes} nodes; at least one must be left to add noise"
            raise NumberError(msg)
        if self.share_squared < LEAST_SHARE:
            least = self.n_least * LEAST_SHARE
            msg = f"sigma_squared gives each node less than {LEAST_SHARE}; nothing is proved below {least} in all"
            raise NumberError(msg)

    @property
    def n_least(self) -> int:
        """How many parts the noise is sure to have."""
        return self.n_nodes - self.tolerated

    @property
    def share_squared(self) -> Fraction:
        """Squared parameter of each part: `sigma_squared` / (`n_nodes` - `tolerated`)."""
        return Fraction(self.sigma_squared) / self.n_least

    def add(self, values: npt.NDArray[np.int64], stream: Keystream) -> npt.NDArray[np.int64]:
        """Return one node's vector with its part of the noise; sums wrap modulo 2**64.

        Parameters
        ----------
        values : (n,) int64
        stream : Keystream
            Of this node alone: who knows its key can take the part off.
        """
        return values + discrete_gaussian(stream, self.share_squared, values.size).reshape(values.shape)

    @property
    def tau(self) -> Fraction:
        """At least ``10 * sum(exp(-2 * pi**2 * share_squared * k / (k + 1)) for k in range(1, n_least))``."""
        last = self.n_least - 1
        single = min(last, _TERMS)
        total = sum((self._power(k) for k in range(1, single + 1)), Fraction(0))
        # The terms fall as k grows.
        return 10 * (total + (last - single) * self._power(_TERMS))

    def rho(self, *, sensitivity_squared: int, length: int, sensitivity_l1: int | None = None) -> Fraction:
        """Return a rho for which the noisy sum is rho-concentrated, rounded up in its 30th decimal.

        It is that of the fewest parts: any more are drawn independently and added, which costs nothing.

        Parameters
        ----------
        sensitivity_squared : int
            By how much one privacy unit changes the sum, squared length in L2, as integers are added. A privacy unit
            may be all of a node's vector.
        length : int
            Numbers in the vector.
        sensitivity_l1 : int, optional
            Sensitivity in L1. Default: the most that the other one and the length allow.

        Returns
        -------
        Fraction
            Divergences of each order alpha from 1 on are at most alpha times this. Of two bounds of the proposition
            the lower; the third is the second with the largest L1.

        Raises
        ------
        NumberError
            A sensitivity or the length is below 1.
        """
        l1_squared = min(sensitivity_squared**2, length * sensitivity_squared)
        if sensitivity_l1 is not None:
            l1_squared = min(l1_squared, sensitivity_l1**2)
        if min(sensitivity_squared, length, l1_squared) < 1:
            msg = "sensitivities and the length are integers from 1 on; give how far one unit moves the sum"
            raise NumberError(msg)
        sigma_squared, tau = Fraction(self.sigma_squared), self.tau
        one = sensitivity_squared / sigma_squared / 2
        apart = one + tau * length
        # By integers the L1 norm is at most the squared L2 norm; by Cauchy and Schwarz at most sqrt(length) times L2.
        together = one + tau * _root_above(l1_squared / sigma_squared) + tau * tau * length / 2
        return Fraction(math.ceil(min(apart, together) * 10**_DIGITS), 10**_DIGITS)

    def _power(self, k: int) -> Fraction:
        """Return at least exp(-2 * pi**2 * share_squared * k / (k + 1))."""
        below = min(2 * _PI_BELOW**2 * self.share_squared * k / (k + 1), Fraction(_SMALLEST))
        down = Context(prec=50, rounding=ROUND_FLOOR).divide(Decimal(below.numerator), Decimal(below.denominator))
        # Decimal's exp is rounded correctly, so the next number up is above.
        nearest = Context(prec=50, rounding=ROUND_HALF_EVEN)
        return Fraction(nearest.next_plus(nearest.exp(-down)))


def _root_above(square: Fraction) -> Fraction:
    """Return at least the square root, by less than 2**-64 of it or 2**-64 too much."""
    scaled = math.isqrt(math.ceil(square * 2**128)) + 1
    return Fraction(scaled, 2**64)
