"""Masking of one column: top and bottom coding, rounding, noise, post-randomization and rank swapping.

PRAM, the post-randomization method, with matrices that leave expected frequencies as they are.

Gouweleeuw, Kooiman, Willenborg, de Wolf 1998, "Post randomisation for statistical disclosure control: theory and
implementation", Journal of Official Statistics 14(4), section 4: a matrix P is followed by the matrix Q that
Bayes' rule gives for going back, q_ji = p_ij t_i / sum over h of p_hj t_h, and t' P Q = t' for the counts t. A share
1 - alpha of the rows is left alone, as sdcMicro does; where that draws the diagonal of P between pd and 1, here
it is pd, so that the matrix is a function of the counts.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import ColumnError, PolicyNotMet
from shoal_engine.randomness import Uint64Source, normals, random_order
from shoal_engine.transforming.coded_columns import (
    CodedColumn,
    check_numbers,
    distinct_numbers,
    distinct_whole_numbers,
    encode,
    is_whole,
    replace_numbers,
    row_numbers,
)
from shoal_engine.transforming.specs import Noise, PostRandomize, RankSwap, Round, TopBottom
from shoal_engine.transforming.standardizing import center_and_deviation, sample_deviation, standardized
from shoal_kernels.masking.post_randomization import KEYSTREAM_PER_ROW, randomize
from shoal_kernels.masking.rank_swapping import pair_ranks

Matrix = npt.NDArray[np.float64]

_N_WORDS = 2.0**64
_BELOW_ONE = 1 - 2.0**-53
_ONE = 1 << 64
_BLOCK = 1 << 18
"""Rows for which words are drawn at a time."""


def top_bottom_code(column: CodedColumn, spec: TopBottom) -> CodedColumn:
    """Cut the numbers of a column off at the bounds; a null stays null.

    Integers stay so, in 64 bits, where the bounds are whole; else the result is floating-point.

    Raises
    ------
    ColumnError
        The column is not of numbers, or holds numbers that are not finite.
    """
    purpose = "top and bottom coding"
    check_numbers(column, purpose)
    whole = distinct_whole_numbers(column)
    bounds = [bound for bound in (spec.lower, spec.upper) if bound is not None]
    if whole is not None and all(is_whole(bound) for bound in bounds):
        lower, upper = (None if bound is None else int(bound) for bound in (spec.lower, spec.upper))
        return column.with_values(pa.array(np.clip(whole, lower, upper)))
    numbers = distinct_numbers(column, purpose)[int(column.domain.has_null) :]
    return column.with_values(pa.array(np.clip(numbers, spec.lower, spec.upper)))


def round_values(column: CodedColumn, spec: Round, source: Uint64Source) -> CodedColumn:
    """Round the numbers of a column; a null stays null.

    Integers stay so, in 64 bits, where the base is whole; else the result is floating-point. At random, a
    number goes up with probability remainder / base, exact to 2**-53; one word decides each row.

    Raises
    ------
    ColumnError
        The column is not of numbers, holds numbers that are not finite, or its multiples are too many.
    """
    down, base, share = _multiples(column, spec)
    n_nulls = int(column.domain.has_null)
    if not spec.random:
        # Halves go to the even multiple.
        up = (share > 0.5) | ((share == 0.5) & (np.mod(down, 2) == 1))
        return column.with_values(pa.array((down + up) * base))
    threshold = np.concatenate([np.zeros(n_nulls, np.uint64), (share * _N_WORDS).astype(np.uint64)])
    multiple = np.concatenate([np.zeros(n_nulls, down.dtype), down])[column.codes]
    up = source(column.n_rows) < threshold[column.codes]
    absent = (column.codes == 0) & column.domain.has_null
    return encode(column.name, pa.array((multiple + up) * base, mask=absent))


def _multiples(
    column: CodedColumn, spec: Round
) -> tuple[npt.NDArray[np.int64] | npt.NDArray[np.float64], int | float, npt.NDArray[np.float64]]:
    """Return the multiple at or below each distinct number, the base, and the remainder, 0 to 1 bases."""
    check_numbers(column, "rounding")
    whole = distinct_whole_numbers(column)
    if whole is not None and is_whole(spec.base):
        base = int(spec.base)
        down = whole // base
        ends = [int(down[0]) * base, (int(down[-1]) + 1) * base] if whole.size else []
        if not all(is_whole(end) for end in ends):
            msg = f"column `{column.name}` rounded to base {base} needs over 64 bits; choose a smaller base"
            raise ColumnError(msg)
        return down, base, np.minimum((whole - down * base) / base, _BELOW_ONE)
    with np.errstate(over="ignore"):
        ratio = distinct_numbers(column, "rounding")[int(column.domain.has_null) :] / float(spec.base)
    down = np.floor(ratio)
    if not np.isfinite(down).all():
        msg = f"column `{column.name}` holds more multiples of {spec.base} than a float counts; choose a larger base"
        raise ColumnError(msg)
    return down, float(spec.base), np.minimum(ratio - down, _BELOW_ONE)


def add_noise(columns: Sequence[CodedColumn], spec: Noise, source: Uint64Source) -> list[CodedColumn]:
    """Add normal noise to columns; a null stays null.

    Numbers become floating-point; dates stay dates, rounded down.

    additive: variances are a share of the columns' own, as sdcMicro's additive with noise = 100 sqrt(variance).
    correlated: the covariance is that share of the columns' covariance among complete rows, as sdcMicro's
    correlated with noise = 100 variance. With `preserve`, x becomes mean + (x - mean + noise) / sqrt(1 + variance).
    A constant column gets no noise. The noise is no differential privacy: doubles are not drawn for that.

    Raises
    ------
    ColumnError
        A column is not of numbers or dates, or holds numbers that are not finite or too far apart.

    References
    ----------
    Kim (1986), A method for limiting disclosure in microdata based on random noise and transformation,
    Proceedings of the Section on Survey Research Methods, American Statistical Association.
    """
    matrix = np.column_stack([row_numbers(column, "noise", dates=True) for column in columns])
    noise = normals(matrix.shape, source)
    present = ~np.isnan(matrix)
    if spec.method == "correlated":
        noise = noise @ _root(standardized(matrix[present.all(axis=1)]))
    result = matrix.copy()
    for j in range(len(columns)):
        rows = present[:, j]
        numbers = matrix[rows, j]
        if not numbers.size or not sample_deviation(numbers):
            continue
        added = noise[rows, j] * (sample_deviation(numbers) * np.sqrt(spec.variance))
        if spec.preserve:
            mean, _ = center_and_deviation(numbers)
            result[rows, j] = mean + (numbers - mean + added) / np.sqrt(1 + spec.variance)
        else:
            result[rows, j] = numbers + added
    return [replace_numbers(column, result[:, j]) for j, column in enumerate(columns)]


def _root(standard: Matrix) -> Matrix:
    """Return a square matrix whose square is the correlation of standardized columns."""
    correlation = standard.T @ standard / max(1, len(standard))
    # A constant column correlates with nothing.
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def post_randomize(column: CodedColumn, spec: PostRandomize, source: Uint64Source) -> CodedColumn:
    """Change values at random; a null stays null, and no value becomes null.

    Any type of values will do. Every probability is within 2**-62 of the matrix's.
    """
    n_nulls = int(column.domain.has_null)
    count = np.bincount(column.codes, minlength=column.domain.size)[n_nulls:].astype(np.int64)
    if count.size < 2:
        return column
    rows = np.flatnonzero(column.codes >= n_nulls)
    code = column.codes[rows].astype(np.int64) - n_nulls
    by_value = np.sort(code)
    thresholds = _thresholds(count, spec)
    for start in range(0, rows.size, _BLOCK):
        part = code[start : start + _BLOCK]
        randomize(source(KEYSTREAM_PER_ROW * part.size), thresholds, by_value, count, part)
    codes = column.codes.astype(np.int64)
    codes[rows] = code + n_nulls
    return column.with_codes(codes)


def _thresholds(count: npt.NDArray[np.int64], spec: PostRandomize) -> npt.NDArray[np.uint64]:
    """Return the largest words that enter the stages, that stay in the first, and that stay in the second by value."""
    alpha, pd, n, m = Fraction(spec.alpha), Fraction(spec.pd), int(count.sum()), count.size
    stay = [pd * (m - 1) * t / (pd * (m - 1) * t + (1 - pd) * (n - t)) for t in map(int, count)]
    return np.array([min(_ONE - 1, round(share * _ONE)) for share in (alpha, pd, *stay)], np.uint64)


def invariant_matrix(count: npt.NDArray[np.int64], spec: PostRandomize) -> npt.NDArray[np.float64]:
    """Return the matrix that `post_randomize` draws from: row i holds the probabilities of what value i becomes.

    Parameters
    ----------
    count : (m,) int64
        Rows of each value, at least 1.
    spec : PostRandomize

    Returns
    -------
    (m, m) float64
    """
    m = count.size
    if m < 2:
        return np.eye(m)
    first = np.full((m, m), (1 - spec.pd) / (m - 1))
    np.fill_diagonal(first, spec.pd)
    second = first.T * count
    second /= second.sum(axis=1, keepdims=True)
    return spec.alpha * (first @ second) + (1 - spec.alpha) * np.eye(m)


def swap_ranks(column: CodedColumn, spec: RankSwap, source: Uint64Source) -> CodedColumn:
    """Exchange values between rows whose ranks differ by at most a share of the rows; a null stays null.

    Every value is still there as often as before. Rows of equal values are ranked at random. Any type of
    values will do; they are ordered as a column's domain is.

    Raises
    ------
    PolicyNotMet
        The share of the rows is less than one rank.
    """
    n_nulls = int(column.domain.has_null)
    rows = np.flatnonzero(column.codes >= n_nulls)
    reach = int(spec.share * rows.size)
    if rows.size and not reach:
        msg = f"rank swapping of `{column.name}` with share = {spec.share} reaches no other row; use a larger share"
        raise PolicyNotMet(msg)
    rows = rows[random_order(rows.size, source)]
    ranked = rows[np.argsort(column.codes[rows], kind="stable")]
    partner = np.empty(rows.size, np.int64)
    pair_ranks(source(rows.size), reach, partner)
    codes = column.codes.copy()
    codes[ranked] = column.codes[ranked[partner]]
    return CodedColumn(column.name, column.domain, codes)
