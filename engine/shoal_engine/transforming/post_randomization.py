"""PRAM, the post-randomization method, with matrices that leave expected frequencies as they are.

Gouweleeuw, Kooiman, Willenborg, de Wolf 1998, "Post randomisation for statistical disclosure control: theory and
implementation", Journal of Official Statistics 14(4), section 4: a matrix P is followed by the matrix Q that
Bayes' rule gives for going back, q_ji = p_ij t_i / sum over h of p_hj t_h, and t' P Q = t' for the counts t. A share
1 - alpha of the rows is left alone, as sdcMicro does; where that draws the diagonal of P between pd and 1, here
it is pd, so that the matrix is a function of the counts.
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from shoal_engine.randomness.secure_source import Uint64Source
from shoal_engine.transforming.coded_columns import CodedColumn
from shoal_engine.transforming.specs import PostRandomize
from shoal_kernels.masking.post_randomization import KEYSTREAM_PER_ROW, randomize

_WORD = 1 << 64
_BLOCK = 1 << 18
"""Rows for which words are drawn at a time."""


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
    return np.array([min(_WORD - 1, round(share * _WORD)) for share in (alpha, pd, *stay)], np.uint64)


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
