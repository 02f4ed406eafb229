"""Ratios of one class's shares of values to the table's: delta-disclosure and beta-likeness.

``q`` is a value's share of the class, ``p`` its share of the table. Bounds on q / p become bounds on counts,
``q <= bound * p`` as ``count <= bound * p * n_rows``: no division, and no logarithm but where likeness asks for it.
"""

import math

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints

_ROUNDING = 16 * 2.0**-52
"""Share and bound are rounded and so are two products: this many times over."""


@inner
def delta_below(histogram: Ints, reference: Floats, n_rows: int, limit: float, strict: bool) -> bool:  # noqa: FBT001
    """Return whether abs(ln(q / p)) < `limit` for all values of the class, or of the table if `strict`.

    A class that rounding cannot distinguish from the limit is refused: the paper demands less than delta.
    """
    above = math.exp(limit) * n_rows * (1 - _ROUNDING)
    below = math.exp(-limit) * n_rows * (1 + _ROUNDING)
    for v in range(len(histogram)):
        count, share = histogram[v], reference[v]
        if count > 0:
            if not below * share < count < above * share:
                return False
        elif strict and share > 0:
            return False
    return True


@inner
def beta_at_most(histogram: Ints, reference: Floats, n_rows: int, limit: float) -> bool:
    """Return whether (q - p) / p is at most `limit` for every value; rounding never refuses a class on the limit."""
    most = (1 + limit) * n_rows * (1 + _ROUNDING)
    within = True
    for v in range(len(histogram)):
        within &= histogram[v] <= most * reference[v]
    return within


@inner
def beta_enhanced_at_most(histogram: Ints, reference: Floats, n_rows: int, limit: float) -> bool:
    """Return whether (q - p) / p is also at most -ln p.

    That bound is irrational, so nothing but a value that every row holds lies on it; that one gains nothing.
    """
    most = (1 + limit) * n_rows * (1 + _ROUNDING)
    for v in range(len(histogram)):
        count, share = histogram[v], reference[v]
        if count > most * share:
            return False
        if count > n_rows * share and count > (1 - math.log(share)) * n_rows * share:
            return False
    return True
