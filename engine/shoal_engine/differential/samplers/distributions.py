"""Two distributions of integer noise as frozen values: how likely each integer is, and how wide a table must be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isqrt
from typing import Final, Protocol

from shoal_engine.differential.named_choices import DistributionName
from shoal_engine.errors import NumberError

LARGEST_SCALE: Final = 1 << 50
"""Noise of this scale passes 2**63 once in e**8192; wider distributions would not fit int64."""

LAPLACE_REACH: Final = 32
"""Scales that a table of single magnitudes reaches at least; beyond them lie 2**-46."""

GAUSSIAN_REACH_SQUARED: Final = 67
"""The same in squared standard deviations: beyond 8.19 of them lie 2**-51."""


class NoiseDistribution(Protocol):
    """A symmetric distribution on the integers, whose mass at z is in proportion to ``exp(-exponent(abs(z)))``.

    The exponent is a polynomial of second degree at most.
    """

    @property
    def gaussian(self) -> bool:
        """Return whether the exponent is quadratic."""
        ...

    @property
    def rate(self) -> Fraction:
        """Return the exponent of 1."""
        ...

    def exponent(self, m: int) -> Fraction:
        """Return how unlikely magnitude `m` is, as against 0."""
        ...

    def slope(self, m: int) -> Fraction:
        """Return the largest s with ``exponent(m + g) >= exponent(m) + s * g`` for every g from 0 on."""
        ...

    @property
    def reach(self) -> int:
        """Return the magnitudes that a table should hold, if it holds single ones."""
        ...

    @property
    def cell_bits(self) -> int:
        """Return the binary logarithm of a cell's magnitudes, where cells are wide."""
        ...


@dataclass(frozen=True, slots=True)
class Laplace:
    """The discrete Laplace distribution, ``exp(-abs(z) / scale)``; an exact, positive scale."""

    scale: Fraction

    def __post_init__(self) -> None:
        """Refuse what does not fit."""
        if not 0 < self.scale <= LARGEST_SCALE:
            msg = "the scale of discrete Laplace noise must be above 0 and at most 2**50; count in coarser units"
            raise NumberError(msg)

    @property
    def gaussian(self) -> bool:
        """It is not."""
        return False

    @property
    def rate(self) -> Fraction:
        """Return 1 / scale."""
        return 1 / self.scale

    def exponent(self, m: int) -> Fraction:
        """Return ``m / scale``."""
        return m / self.scale

    def slope(self, m: int) -> Fraction:
        """Return 1 / scale, whatever the magnitude."""
        del m
        return 1 / self.scale

    @property
    def reach(self) -> int:
        """Return `LAPLACE_REACH` scales."""
        return ceil(LAPLACE_REACH * self.scale)

    @property
    def cell_bits(self) -> int:
        """Return the most for which a cell's last magnitude is at least exp(-1/31) as likely as its first."""
        return int(self.scale / 31).bit_length() - 1


@dataclass(frozen=True, slots=True)
class Gaussian:
    """The discrete Gaussian distribution, ``exp(-z**2 / (2 * sigma_squared))``; an exact, positive parameter."""

    sigma_squared: Fraction

    def __post_init__(self) -> None:
        """Refuse what does not fit."""
        if not 0 < self.sigma_squared <= LARGEST_SCALE**2:
            msg = "sigma of discrete Gaussian noise must be above 0 and at most 2**50; count in coarser units"
            raise NumberError(msg)

    @property
    def gaussian(self) -> bool:
        """It is."""
        return True

    @property
    def rate(self) -> Fraction:
        """Return ``1 / (2 * sigma_squared)``."""
        return 1 / (2 * self.sigma_squared)

    def exponent(self, m: int) -> Fraction:
        """Return ``m**2 / (2 * sigma_squared)``."""
        return m * m / (2 * self.sigma_squared)

    def slope(self, m: int) -> Fraction:
        """Return ``m / sigma_squared``: the rest of the exponent is ``g**2 / (2 * sigma_squared)``."""
        return m / self.sigma_squared

    @property
    def reach(self) -> int:
        """Return the root of `GAUSSIAN_REACH_SQUARED`, times sigma."""
        return isqrt(ceil(GAUSSIAN_REACH_SQUARED * self.sigma_squared)) + 1

    @property
    def cell_bits(self) -> int:
        """Return the most for which a cell holds at most sigma / 128 magnitudes."""
        return isqrt(int(self.sigma_squared / 128**2)).bit_length() - 1


DISTRIBUTIONS: Final[Mapping[DistributionName, Callable[[Fraction], NoiseDistribution]]] = {
    "laplace": Laplace,
    "gaussian": lambda scale: Gaussian(scale**2),
}
"""Noise distribution of a scale, by name; the scale of a Gaussian is sigma."""
