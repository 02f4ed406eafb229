"""Bounds of exp(-x) for an exact x, as narrow as asked."""

from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Final

_SPARE_DIGITS: Final = 8
"""Beyond those of the answer: `x` is at most as many as the answer has bits, so rounding it costs four of them."""


def exp_bounds(x: Fraction, bits: int) -> tuple[int, int]:
    """Return integers around ``exp(-x) * 2**bits``.

    The standard library's exponential is correctly rounded; the argument is rounded to either side first.

    Parameters
    ----------
    x : Fraction
        At least 0.
    bits : int
        Up to a few thousand.

    Returns
    -------
    low, high : int
        ``low <= exp(-x) * 2**bits <= high``, and ``high - low <= 2``.

    Examples
    --------
    >>> exp_bounds(Fraction(1), 10)  # 1024 / e = 376.7
    (376, 377)
    """
    if x == 0:
        return 1 << bits, 1 << bits
    if x >= bits:
        return 0, 1
    digits = bits * 30103 // 100000 + _SPARE_DIGITS
    numerator, denominator = Decimal(x.numerator), Decimal(x.denominator)
    down = Context(prec=digits, rounding=ROUND_FLOOR, Emin=MIN_EMIN, Emax=MAX_EMAX)
    up = Context(prec=digits, rounding=ROUND_CEILING, Emin=MIN_EMIN, Emax=MAX_EMAX)
    above, below = up.divide(numerator, denominator), down.divide(numerator, denominator)
    low = Fraction(down.next_minus(down.exp(above.copy_negate()))) * (1 << bits)
    high = Fraction(up.next_plus(up.exp(below.copy_negate()))) * (1 << bits)
    return low.numerator // low.denominator, min(1 << bits, -(-high.numerator // high.denominator))
