"""A dyadic grid between bounds: on it values are integers, and sums of them are exact."""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from shoal_engine.errors import PolicyError

MAX_STEPS = (1 << 31) - 1
"""Bounds lie at most so many steps from 0; so sums of 2**32 rows, the most that are observed, fit int64."""
LEAST_EXPONENT, GREATEST_EXPONENT = -62, 1000
LARGEST_BOUND = Fraction(1 << 62)


@dataclass(frozen=True, slots=True)
class Grid:
    """Integers of steps of size ``2**-exponent``, from `low` to `high`.

    Attributes
    ----------
    low, high : int
        The bounds, in steps; ``low < high``, each at most MAX_STEPS in size.
    exponent : int
        -62 to 1000.

    Examples
    --------
    >>> Grid.between(0, 110, exponent=0)
    Grid(low=0, high=110, exponent=0)
    >>> Grid.between("0", "0.5").exponent
    31
    """

    low: int
    high: int
    exponent: int

    def __post_init__(self) -> None:
        if not LEAST_EXPONENT <= self.exponent <= GREATEST_EXPONENT:
            msg = (
                f"a grid of step 2**{-self.exponent} was asked for; "
                f"steps reach from 2**-{GREATEST_EXPONENT} to 2**{-LEAST_EXPONENT}"
            )
            raise PolicyError(msg)
        if not self.low < self.high:
            msg = (
                f"bounds ({float(self.lower)}, {float(self.upper)}) hold no two points of the grid; "
                f"give the smaller first, or a finer grid"
            )
            raise PolicyError(msg)
        if self.size > MAX_STEPS:
            msg = (
                f"bounds of {self.size} steps could overflow the sum of {1 << 32} rows; "
                f"at most {MAX_STEPS} are allowed: give a coarser grid or narrower bounds"
            )
            raise PolicyError(msg)
        if max(abs(self.lower), abs(self.upper)) > LARGEST_BOUND:
            msg = f"bounds reach at most 2**62 in size; ({float(self.lower)}, {float(self.upper)}) do not"
            raise PolicyError(msg)

    @classmethod
    def between(
        cls,
        lower: str | float | Fraction | Decimal,
        upper: str | float | Fraction | Decimal,
        *,
        exponent: int | None = None,
    ) -> "Grid":
        """Return the grid of given bounds, the finest unless `exponent` says how fine.

        Bounds that lie between two points move inwards, so that no value can reach beyond the declared bounds.

        Raises
        ------
        PolicyError
            Bounds are not finite, reversed, wider than the grid can be, or hold no two of its points.
        """
        try:
            low, high = Fraction(lower), Fraction(upper)
        except (ValueError, OverflowError, ZeroDivisionError) as error:
            msg = "bounds are two finite numbers, the smaller first"
            raise PolicyError(msg) from error
        if not low < high:
            msg = f"bounds are given as (smaller, larger); got ({lower}, {upper})"
            raise PolicyError(msg)
        if exponent is None:
            size = max(abs(low), abs(high))
            exponent = min(GREATEST_EXPONENT, _floor_log2(Fraction(MAX_STEPS) / size))
        scale = Fraction(2) ** exponent
        return cls(math.ceil(low * scale), math.floor(high * scale), exponent)

    @property
    def size(self) -> int:
        """The most that one value moves a sum, in steps: the L-infinity sensitivity of one row."""
        return max(abs(self.low), abs(self.high))

    @property
    def step(self) -> Fraction:
        """Size of a step."""
        return Fraction(2) ** -self.exponent

    @property
    def lower(self) -> Fraction:
        """The lower bound."""
        return self.low * self.step

    @property
    def upper(self) -> Fraction:
        """The upper bound."""
        return self.high * self.step

    def place(self, value: str | float | Fraction | Decimal) -> int:
        """Return the point of the grid nearest to a number, ties to even, clamped to the bounds.

        Raises
        ------
        PolicyError
            The number is not finite.
        """
        try:
            exact = Fraction(value)
        except (ValueError, OverflowError) as error:
            msg = f"{value!r} is no finite number and has no place on a grid"
            raise PolicyError(msg) from error
        return min(max(round(exact * Fraction(2) ** self.exponent), self.low), self.high)

    @property
    def least_square_bits(self) -> int:
        """Least `square_bits` with which the sum of the squares of 2**32 rows fits int64."""
        return max(0, (self.size * self.size).bit_length() - MAX_STEPS.bit_length())

    def largest_square(self, square_bits: int) -> int:
        """Return the most that one value moves a sum of squares, in steps of ``2**(square_bits - 2 * exponent)``."""
        return round(Fraction(self.size * self.size, 1 << square_bits))


def _floor_log2(value: Fraction) -> int:
    """Return the largest integer whose power of two is at most `value`."""
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if Fraction(2) ** guess <= value else guess - 1
