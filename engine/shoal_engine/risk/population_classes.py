"""How many people of a population share the classes of a sample."""

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import InputError

Vector = npt.NDArray[np.int64]


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
