"""Distinct rows of a table of integers that is given by its columns."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer]
Ints = npt.NDArray[np.int64]

_MANY = 32
"""Beyond so many columns, rows are compared whole."""


def distinct_columns(columns: Sequence[Integers] | Integers) -> tuple[Ints, Ints]:
    """Return the first of each kind of row, and the place of each row's kind.

    Kinds ascend by the first column, then by the next, as those of `numpy.unique` with an axis do, but each column is
    sorted by itself and ranks are joined to one number, which is many times faster.

    Parameters
    ----------
    columns : sequence of (n,) integers, or (d, n)
        At least one.

    Returns
    -------
    first : (n_kinds,) int64
        The first row of each kind.
    kind_of_row : (n,) int64

    Examples
    --------
    >>> first, kind = distinct_columns([np.array([1, 0, 1, 0]), np.array([5, 7, 5, 6])])
    >>> first.tolist(), kind.tolist()
    ([3, 1, 0], [2, 1, 2, 0])
    """
    if len(columns) > _MANY:
        _, first, rank = np.unique(np.stack(list(columns), axis=1), axis=0, return_index=True, return_inverse=True)
        return first.astype(np.int64), rank.reshape(-1).astype(np.int64)
    first, rank = _ranked(columns[0])
    for column in columns[1:]:
        kinds, own = _ranked(column)
        first, rank = _ranked(rank * kinds.size + own)
    return first, rank


def _ranked(column: Integers) -> tuple[Ints, Ints]:
    """Return the first place of each value, ascending by value, and the rank of each place's value."""
    _, first, rank = np.unique(column, return_index=True, return_inverse=True)
    return first.astype(np.int64), rank.reshape(-1).astype(np.int64)
