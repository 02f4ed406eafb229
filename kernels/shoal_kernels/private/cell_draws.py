"""Rejection sampling of integers from a wide distribution: a cell from an alias table, a uniform place within it.

A cell is 2**k consecutive magnitudes. Its share in the table is as if each of them were as likely as the least,
so a place is kept with probability exp(-x), where x is how much less likely it is. That probability is computed
with a bounded error; a draw within the bound is left open for exact arithmetic. Each draw has two words: one for
the table, and one whose high bits decide and whose low k bits are the place.
"""

from typing import Final

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import OutVector, Vector, kernel
from shoal_kernels.private.alias_tables import look_up

LARGEST_EXPONENT: Final = 0.125
"""`x` may not be larger; `MARGIN` holds up to here."""

MARGIN: Final = 2.0**-48
"""More than the error of `_kept_probability`, and of 1 - x.

The series alternates with falling terms, so what is left out is below x**10 / 10! <= 2**-51.7. `x` has a relative
error below 2**-50 and so shifts the probability by less than 2**-53. Each step rounds three values of at most one, and
passes on at most an eighth of the error that it is given: less than 2**-50 in all.
"""


@inlined
def _kept_probability(x: float) -> float:
    """Return exp(-x) within `MARGIN`, for x from 0 to `LARGEST_EXPONENT`."""
    s = 1.0
    for n in range(9, 0, -1):
        s = 1.0 - x * s / n
    return s


@inlined
def _verdict(word: np.uint64, decide_bits: np.uint64, place_bits: np.uint64, x: float) -> int:
    """Return 1 if the high bits keep the draw, -1 if they reject it, 0 if they do not decide.

    They are an integer u: a uniform real number is between u and u + 1, over 2**decide_bits.
    """
    u = np.float64(np.int64(word >> place_bits))
    scale = np.float64(np.int64(1) << np.int64(decide_bits))
    # Nearly always u is below 1 - x, which is below exp(-x): no series is needed.
    if u + 1.0 <= (1.0 - x - MARGIN) * scale:
        return 1
    probability = _kept_probability(x)
    if u + 1.0 <= (probability - MARGIN) * scale:
        return 1
    return -1 if u >= (probability + MARGIN) * scale else 0


@kernel
def draw_from_cells(
    keystream: Vector[np.uint64],
    entry: Vector[np.uint64],
    bits: tuple[int, int, int, int],
    gaussian: bool,  # noqa: FBT001 - a kernel takes no keywords
    rate: float,
    drawn: OutVector[np.int64],
    row: OutVector[np.int64],
) -> tuple[int, int]:
    """Draw from a wide discrete Laplace or Gaussian distribution.

    Parameters
    ----------
    keystream : (2 * n,) uint64
        Two for each draw.
    entry : (2**b,) uint64
        Outcome ``2 * h + s``: the magnitudes from ``h * 2**k + s`` on, negative where s = 1.
        The last outcome stands for all that the table leaves open.
    bits : (threshold_bits, decide_bits, place_bits, k)
        Bits of the first word below the column; of the second word, the high bits that decide and all bits below
        them. k is at most place_bits.
    gaussian : bool
        True for Gaussian, False for Laplace.
    rate : float
        Laplace: 1 / scale, where rate * 2**k is at most `LARGEST_EXPONENT`. Gaussian: 1 / (2 * sigma**2), where
        rate * 4**k * 2**b is.
    drawn : (n,) int64, out
        Meaningless where a draw is rejected or open.
    row : (n,) int64, out
        Draws that were rejected, ascending, from the front; open ones, descending, from the back.

    Returns
    -------
    n_rejected, n_open : int
    """
    threshold_bits, decide_bits, place_bits = np.uint64(bits[0]), np.uint64(bits[1]), np.uint64(bits[2])
    k = bits[3]
    last = np.uint64(len(entry) - 1)
    column_bits = np.uint64(0)
    while last >> column_bits:
        column_bits += np.uint64(1)
    low = (np.uint64(1) << threshold_bits) - np.uint64(1)
    within = (np.uint64(1) << np.uint64(k)) - np.uint64(1)
    n_rejected, n_open, n = 0, 0, len(drawn)
    for i in range(n):
        outcome = look_up(keystream[2 * i], entry, column_bits, threshold_bits, low)
        word = keystream[2 * i + 1]
        negative = np.int64(outcome & np.uint64(1))
        place, first = np.int64(word & within), np.int64(outcome >> np.uint64(1)) << k
        drawn[i] = (first | place) ^ -negative  # -(first + 1 + place) on the negative side
        x = np.float64(place)
        if gaussian:
            x *= np.float64(2 * (first + negative) + place)
        verdict = _verdict(word, decide_bits, place_bits, x * rate)
        if verdict == 1 and outcome != last:
            continue
        if verdict == 0 or outcome == last:
            n_open += 1
            row[n - n_open] = i
        else:
            row[n_rejected] = i
            n_rejected += 1
    return n_rejected, n_open
