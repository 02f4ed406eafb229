"""Record linkage: how many masked records an intruder who holds the original records finds again.

Each function gives, for every record, the probability that a guess among the best candidates is right; the mean
is the share of records that are linked (Domingo-Ferrer, Torra 2001, "A quantitative comparison of disclosure
control methods for microdata", section 6.2, where ties are not shared).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import ColumnError, InputError
from shoal_engine.tables.columns import ColumnEncoder
from shoal_engine.transforming.coded_columns import encode, is_number, row_numbers
from shoal_engine.transforming.standardizing import center_and_deviation, sample_deviation

Codes = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float64]

MOST_COUNTS = 1 << 25
"""Counts (patterns x records) that are held at a time."""
_ROUNDS = 1000
_CONVERGED = 1e-12
_EDGE = 1e-12
"""Probabilities are kept this far from 0 and 1, so that weights are finite."""
_SAME_WEIGHT = 1e-9
"""Patterns whose weights differ by less link equally."""


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


def by_distance(original: Matrix, masked: Matrix) -> Matrix:
    """Link every record with the masked records nearest to it, on columns standardized as the original ones.

    Parameters
    ----------
    original, masked : (n, d) float64
        Finite; row i of one belongs to row i of the other. A column that is constant among the original
        records separates nobody and is ignored.

    Returns
    -------
    (n,) float64
        One over the number of nearest masked records if the record's own is among them, else 0.
    """
    from shoal_kernels.risk.nearest_records import link_nearest

    mean, deviation = np.array([center_and_deviation(original[:, j]) for j in range(original.shape[1])]).T
    scale = np.where(deviation > 0, deviation, np.inf)
    distinct, own, weight = np.unique((masked - mean) / scale, axis=0, return_inverse=True, return_counts=True)
    probability = np.empty(len(original))
    link_nearest(
        np.ascontiguousarray((original - mean) / scale),
        np.ascontiguousarray(distinct),
        weight.astype(np.int64),
        own.reshape(-1).astype(np.int64),
        probability,
    )
    return probability


def by_probability(original: Codes, masked: Codes) -> Matrix:
    """Link every record with the masked records whose pattern of agreement speaks most for a match.

    Weights are log-likelihood ratios under conditional independence, estimated from all pairs, without
    knowledge of the true matches, by expectation maximization.

    Parameters
    ----------
    original, masked : (n, d) int64
        Codes; equal values have equal codes in both. Row i of one belongs to row i of the other.

    Returns
    -------
    (n,) float64
        One over the number of masked records of the highest weight if the record's own is among them, else 0.

    Raises
    ------
    InputError
        There are too many records and columns for the patterns of all pairs.

    References
    ----------
    Fellegi, Sunter (1969), A theory for record linkage, JASA 64(328). Jaro (1989), Advances in record-linkage
    methodology, JASA 84(406). Domingo-Ferrer, Torra (2002), Validating distance-based record linkage with
    probabilistic record linkage, LNCS 2504.
    """
    agreement: Agreement = agree(original, masked)
    weight = weigh(agreement.total)
    best = np.where(agreement.count > 0, weight[:, None], -np.inf).max(axis=0)
    highest = weight[:, None] >= best - _SAME_WEIGHT
    rows = np.where(highest, agreement.count, 0).sum(axis=0)
    return np.where(weight[agreement.own] >= best - _SAME_WEIGHT, 1.0 / rows, 0.0)


def by_interval(original: Matrix, masked: Matrix, width: float) -> Matrix:
    """Return whether each original record lies near its masked one in every column, as sdcMicro's dRisk does.

    Parameters
    ----------
    original, masked : (n, d) float64
        Finite; row i of one belongs to row i of the other.
    width : float
        Half the interval around a masked value, in deviations (divisor n - 1) of the masked column.

    Returns
    -------
    (n,) float64
        1 or 0.
    """
    deviation = np.array([sample_deviation(masked[:, j]) for j in range(masked.shape[1])])
    inside: npt.NDArray[np.bool_] = np.abs(original - masked) <= width * deviation
    return np.array(inside.all(axis=1), np.float64)


def numbers_of(name: str, array: pa.Array) -> Matrix:
    """Return a column as numbers, (n,) float64.

    Raises
    ------
    ColumnError
        It is not of numbers, or holds a null or a number that is not finite.
    """
    numbers = row_numbers(encode(name, array), "linkage by distance or interval")
    if np.isnan(numbers).any():
        msg = f"column `{name}` holds nulls, which have no distance; fill them, or link by probability"
        raise ColumnError(msg)
    return numbers


def common_codes(name: str, original: pa.Array, masked: pa.Array) -> tuple[Codes, Codes]:
    """Return codes of two columns, equal where values are; null is a value, and 1 equals 1.0.

    Raises
    ------
    ColumnError
        The types of the two have no values in common, or cannot be encoded.
    """
    if original.type != masked.type:
        if not (is_number(original.type) and is_number(masked.type)):
            msg = f"column `{name}` is {original.type} in one table and {masked.type} in the other; cast one of them"
            raise ColumnError(msg)
        original, masked = (array.cast(pa.float64(), safe=False) for array in (original, masked))
    encoder = ColumnEncoder(name)
    first, then = (encoder.observe(array).astype(np.int64) for array in (original, masked))
    return first, then


def as_matrices(columns: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return pairs of columns, one of each table, as a matrix of each table: rows down, columns across."""
    first, then = zip(*columns, strict=True)
    return np.column_stack(first), np.column_stack(then)


def check_rows(n_original: int, n_masked: int) -> None:
    """Raise InputError where two tables are empty or do not belong together row by row."""
    if n_original != n_masked or not n_original:
        msg = (
            f"the original has {n_original} rows and the masked table {n_masked}; linkage needs as many in both, at "
            "least one, in the same order"
        )
        raise InputError(msg)
