"""Sampling probabilities of people: from a fraction, from weights, or from a table of the population."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import ColumnError, InputError, PolicyError
from shoal_engine.transforming.coded_columns import is_number

Vector = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


def same_fraction(size: Vector, sampling_fraction: float) -> Shares:
    """Return the fraction for each of n classes.

    Raises
    ------
    PolicyError
        It is not above 0 and at most 1.
    """
    if not 0 < sampling_fraction <= 1:
        msg = f"sampling_fraction = {sampling_fraction}; give the share of the population that was sampled, up to 1"
        raise PolicyError(msg)
    return np.full(size.size, sampling_fraction)


def weighted_fraction(name: str, weights: pa.Array, tuple_of_row: npt.NDArray[np.uint32], size: Vector) -> Shares:
    """Return rows over the sum of their weights for each of n classes.

    Parameters
    ----------
    name : str
        The column of the weights.
    weights : pa.Array of numbers
        How many people each row stands for.
    tuple_of_row : (rows,) uint32
    size : (n,) int64

    Raises
    ------
    ColumnError
        It is not of numbers, or holds a null, a number below 1 or one that is not finite.
    """
    if not is_number(weights.type):
        msg = f"weights {name!r} have type {weights.type}; they are numbers: the people that each row stands for"
        raise ColumnError(msg)
    numbers = weights.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if not (np.isfinite(numbers) & (numbers >= 1)).all():
        msg = (
            f"weights {name!r} hold nulls or numbers below 1 or without bound; each row stands for one person at least"
        )
        raise ColumnError(msg)
    # Sums of floats depend on their order, and the order of rows must not matter: small weights go first.
    order = np.lexsort((numbers, tuple_of_row))
    people = np.bincount(tuple_of_row[order], weights=numbers[order], minlength=size.size)
    return np.minimum(1.0, size / people)


def count_people(tuple_of_row: npt.NDArray[np.uint32], n_sample: int) -> Vector:
    """Return for each row of a sample how many people of the population share its class.

    Parameters
    ----------
    tuple_of_row : (n,) uint32
        Class of each row: those of the sample, then those of the population, which holds the sample's people too.
    n_sample : int

    Returns
    -------
    (n_sample,) int64

    Raises
    ------
    InputError
        Some class has fewer people than rows.

    Examples
    --------
    >>> count_people(np.array([0, 1, 0, 0, 1, 2], np.uint32), 2).tolist()
    [2, 1]
    """
    n = int(tuple_of_row.max()) + 1
    size = np.bincount(tuple_of_row[:n_sample], minlength=n)
    people = np.bincount(tuple_of_row[n_sample:], minlength=n)
    if (people < size).any():
        msg = (
            "population smaller than the sample: some class of the table has more rows than the population has people; "
            "give the population that the table was drawn from, with its columns coded alike"
        )
        raise InputError(msg)
    return people[tuple_of_row[:n_sample]]
