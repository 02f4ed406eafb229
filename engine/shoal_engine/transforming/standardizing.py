"""Numbers on one scale: mean 0, deviation 1."""

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

_EXACT_BITS = 51
"""Bits of a sum of standardized numbers that are kept: two fewer than a double has, for sign and rounding."""


def standardized(matrix: Matrix) -> Matrix:
    """Return columns with mean 0 and deviation 1, or all 0 where constant, on a grid that adds up exactly.

    The grid is a power of two so fine that it is lost in rounding, and coarse enough that every sum of rows
    is exact: absolute numbers with mean square 1 sum to at most n. So no sum follows the order of rows.

    Parameters
    ----------
    matrix : (n, d) float64, finite
    """
    n, d = matrix.shape
    grid = 2.0 ** (n.bit_length() - _EXACT_BITS)
    result = np.zeros((n, d))
    for j in range(d if n else 0):
        unit, half = _unit(matrix[:, j])
        if half:
            ascending = np.sort(unit)
            result[:, j] = np.rint((unit - ascending.mean()) / ascending.std() / grid) * grid
    return result


def center_and_deviation(numbers: Matrix) -> tuple[float, float]:
    """Return the mean and the deviation (divisor n) of numbers, (n,), finite, n >= 1, in any order.

    The range of the numbers must be a float.
    """
    unit, half = _unit(numbers)
    ascending = np.sort(unit)
    return float(numbers.min() + ascending.mean() * 2.0 * half), float(ascending.std() * 2.0 * half)


def sample_deviation(numbers: Matrix) -> float:
    """Return the deviation with divisor n - 1 of numbers as for `center_and_deviation`; 0 for a single one."""
    return center_and_deviation(numbers)[1] * (numbers.size / max(1, numbers.size - 1)) ** 0.5


def _unit(numbers: Matrix) -> tuple[Matrix, float]:
    """Return numbers scaled to 0..1, and half their range, so that nothing overflows; all 0 where it is 0."""
    low = numbers.min() / 2
    half = float(numbers.max() / 2 - low)
    return (numbers / 2 - low) / (half or 1.0), half
