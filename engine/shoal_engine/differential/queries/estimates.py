"""Parts of an answer before and after noise, and their estimates: value, standard deviation, interval."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """One exact number of each group that gets noise, or one choice.

    Attributes
    ----------
    name : str
    sensitivity : int
        The most that one unit changes it in one group, as units come or go.
    groups : int
        Number of groups that a unit changes by the sensitivity.
    is_choice : bool
        Whether it is scores to choose by; noise otherwise.
    unit : str
        Unit of the values: rows, units, values, ranks, or a column's own unit by its name.
    step : Fraction
        Size of one step in that unit.
    """

    name: str
    sensitivity: int
    groups: int
    is_choice: bool = False
    unit: str = "rows"
    step: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Noisy:
    """A part with its noise.

    Attributes
    ----------
    value : (n_groups,) int64
    std : float
    half_width : float
        Noise exceeds it in size with probability at most 5 % over the parts of its aggregate.
    """

    value: Ints
    std: float
    half_width: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A released column with its error.

    Attributes
    ----------
    value, deviation, low, high : (n_groups,) float64; the value int64 where it is an integer by nature
        `std` is that of the noise, to first order where parts are divided and never above what the declared
        bounds allow; between `low` and `high` lies what
        bounded contributions would have given, with 95 % confidence. Not a number where nothing is known.
    """

    value: Floats | Ints
    std: Floats
    low: Floats
    high: Floats


def scaled(noisy: Noisy, unit: float) -> Estimate:
    """Return a noisy integer number of units."""
    value = noisy.value.astype(np.float64) * unit
    deviation = np.full(value.size, noisy.std * unit)
    return Estimate(value, deviation, value - noisy.half_width * unit, value + noisy.half_width * unit)


def ratio(above: Noisy, below: Noisy, *, most: float) -> Estimate:
    """Return one noisy number over another that is at least 1.

    The deviation is to first order, at the ratio or, where noise has driven it further out, at `most` in size: where
    the lower number is as small as its noise it is crude, and the caller bounds the estimate.
    """
    n = np.maximum(below.value, 1).astype(np.float64)
    value = np.asarray(above.value / n, np.float64)
    deviation = np.hypot(above.std, np.asarray(np.clip(value, -most, most), np.float64) * below.std) / n
    fewest, n_most = (np.maximum(below.value + sign * below.half_width, 1.0) for sign in (-1, 1))
    least, largest = above.value - above.half_width, above.value + above.half_width
    low = np.where(least < 0, least / fewest, least / n_most)
    high = np.where(largest > 0, largest / fewest, largest / n_most)
    return Estimate(value, deviation, low, high)
