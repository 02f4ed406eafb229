"""A part of the rows of a large table that does not depend on their order: all rows of some of the values."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.tables.grouping import Codes

ENOUGH_ROWS = 1 << 17
"""Rows from which on a part of them stands for all."""
MANY_VALUES = 1 << 12
"""Values from which on a part of them stands for all."""

Rows: TypeAlias = npt.NDArray[np.intp]


def some_rows(codes: Codes, size: int) -> Rows | None:
    """Return the rows of about `ENOUGH_ROWS` / rows of the values, chosen by a hash of their codes.

    Parameters
    ----------
    codes : (n,) integers, each below `size`
        The same value must have the same code whatever the order of rows.
    size : int

    Returns
    -------
    (m,) integers, or None
        None stands for all rows: there are not more than enough, or too few values to choose among.

    Examples
    --------
    >>> some_rows(np.arange(1000, dtype=np.uint32), 1000) is None
    True
    >>> len(some_rows(np.arange(2_000_000, dtype=np.uint32), 2_000_000))
    131071
    """
    chosen = some_values(len(codes), size)
    return None if chosen is None else np.flatnonzero(chosen[codes])


def some_values(n_rows: int, size: int) -> npt.NDArray[np.bool_] | None:
    """Return which of `size` values stand for all of `n_rows` rows, as `some_rows` chooses them; None for all."""
    if n_rows <= ENOUGH_ROWS or size <= MANY_VALUES:
        return None
    spread = (np.arange(size, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
    return spread < np.uint64((ENOUGH_ROWS << 32) // n_rows)
