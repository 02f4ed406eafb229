"""How records agree with masked ones over all pairs, counted without forming the pairs."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import InputError

Codes = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float64]

MOST_COUNTS = 1 << 25
"""Counts (patterns x records) that are held at a time."""

_ROUNDS = 1000
_CONVERGED = 1e-12
_EDGE = 1e-12
"""Probabilities are kept this far from 0 and 1, so that weights are finite."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Patterns of agreement; bit j of a pattern says that column j agrees.

    Attributes
    ----------
    count : (2**d, n) int64
        Masked records that agree with each record in exactly the pattern.
    total : (2**d,) int64
        Pairs of each pattern.
    own : (n,) int64
        Pattern of each record and its own masked record.
    """

    count: Codes
    total: Codes
    own: Codes


def agree(original: Codes, masked: Codes) -> Agreement:
    """Count the patterns of all pairs of (n, d) original and masked codes.

    Records that agree at least in a set of columns are counted by grouping, set by set; those that agree in
    exactly a set follow by inclusion and exclusion. So the cost is 2**d n log n, not n**2.

    Raises
    ------
    InputError
        There are more than `MOST_COUNTS` counts.
    """
    n, d = original.shape
    if n << d > MOST_COUNTS:
        msg = (
            f"linkage of {n} records by {d} columns needs {n << d} counts, the limit is {MOST_COUNTS}; take fewer "
            "columns, or link a sample"
        )
        raise InputError(msg)
    count = np.empty((1 << d, n), np.int64)
    both = np.concatenate([original, masked])

    def fill(column: int, pattern: int, group: Codes) -> None:
        """Count records by groups of equal values in the pattern's columns, for all choices of later columns."""
        if column == d:
            count[pattern] = np.bincount(group[n:], minlength=int(group.max()) + 1)[group[:n]]
            return
        fill(column + 1, pattern, group)
        finer = group * (int(both[:, column].max()) + 1) + both[:, column]
        fill(column + 1, pattern | 1 << column, np.unique(finer, return_inverse=True)[1].reshape(-1))

    fill(0, 0, np.zeros(2 * n, np.int64))
    patterns = np.arange(1 << d)
    for column in range(d):
        without = patterns[patterns >> column & 1 == 0]
        count[without] -= count[without | 1 << column]
    own = ((original == masked) << np.arange(d)).sum(axis=1)
    return Agreement(count, count.sum(axis=1), own)


def weigh(total: Codes) -> Matrix:
    """Return the weight of each pattern: the logarithm of how much likelier it is among matches than among others.

    Parameters
    ----------
    total : (2**d,) int64
        Pairs of each pattern.

    Returns
    -------
    (2**d,) float64
        By expectation maximization of a mixture of two classes of pairs, columns independent in each, from
        0.9 and 0.1 for the probability to agree and one match a record.
    """
    d = total.size.bit_length() - 1
    agrees = (np.arange(total.size)[:, None] >> np.arange(d) & 1).astype(bool)
    m, u, p = np.full(d, 0.9), np.full(d, 0.1), 1 / math.sqrt(total.sum())
    for _ in range(_ROUNDS):
        ratio = np.exp(_log_ratio(agrees, m, u))
        match = total * (p * ratio / (p * ratio + 1 - p))
        other = total - match
        last = np.array([*m, *u, p])
        p = float(np.clip(match.sum() / total.sum(), _EDGE, 1 - _EDGE))
        m = _shares(agrees, match)
        u = _shares(agrees, other)
        if np.abs(last - [*m, *u, p]).max() < _CONVERGED:
            break
    return _log_ratio(agrees, m, u)


def _shares(agrees: npt.NDArray[np.bool_], pairs: Matrix) -> Matrix:
    """Return the share of pairs that agree, column by column."""
    return np.clip(pairs @ agrees / max(pairs.sum(), _EDGE), _EDGE, 1 - _EDGE)


def _log_ratio(agrees: npt.NDArray[np.bool_], m: Matrix, u: Matrix) -> Matrix:
    """Return the log-likelihood ratio of each pattern."""
    return np.where(agrees, np.log(m / u), np.log((1 - m) / (1 - u))).sum(axis=1)
