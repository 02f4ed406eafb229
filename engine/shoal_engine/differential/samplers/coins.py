"""Single exact choices, from as many binary digits as each takes: slow, and right for any rational number.

Every probability is met exactly, given uniform digits; nothing is charged to delta.
"""

from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Final

from shoal_engine.errors import NumberError
from shoal_engine.randomness import DrawWords, Keystream

Bounds = Callable[[int], tuple[int, int]]
"""Of a real number from 0 to 1: for a number of bits, integers around it times 2**bits."""

_SPARE_DIGITS: Final = 8
"""Beyond those of the answer: `x` is at most as many as the answer has bits, so rounding it costs four of them."""
BITS: Final = 128
"""Digits that a source gives at a time."""


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


class Coins:
    """Exact coins and dice.

    Parameters
    ----------
    more : callable
        Gives the `depth`-th 128 uniform binary digits, as an integer; `depth` counts from 1.

    Examples
    --------
    >>> coins = Coins.of(Keystream.secure())
    >>> coins.below(6) in range(6), coins.bernoulli(Fraction(1)), coins.bernoulli_exp(Fraction(0))
    (True, True, True)
    """

    def __init__(self, more: Callable[[int], int]) -> None:
        self._more = more
        self._depth = 0
        self._held, self._n_held = 0, 0

    @classmethod
    def of(cls, stream: Keystream) -> "Coins":
        """Return coins that the next draw of a stream decides."""
        return cls.at(stream.next_draw(), 0)

    @classmethod
    def at(cls, words: DrawWords, block: int, *, attempt: int = 0) -> "Coins":
        """Return the coins that belong to one number of a draw."""
        return cls(lambda depth: words.digits(block, attempt=attempt, depth=depth))

    def digits(self, bits: int) -> int:
        """Return the next `bits` binary digits, as an integer."""
        while self._n_held < bits:
            self._depth += 1
            self._held = self._held << BITS | self._more(self._depth)
            self._n_held += BITS
        self._n_held -= bits
        found = self._held >> self._n_held
        self._held &= (1 << self._n_held) - 1
        return found

    def below(self, n: int) -> int:
        """Return an integer from 0 to ``n - 1``, each equally likely; `n` may be of any size.

        Raises
        ------
        NumberError
            `n` is below 1.
        """
        if n < 1:
            msg = f"an integer below {n} was asked for; the bound must be at least 1"
            raise NumberError(msg)
        bits = (n - 1).bit_length()
        while True:
            found = self.digits(bits)
            if found < n:
                return found

    def bernoulli(self, p: Fraction) -> bool:
        """Return true with probability `p`, from 0 to 1."""
        return self.below(p.denominator) < p.numerator

    def bernoulli_exp(self, x: Fraction) -> bool:
        """Return true with probability exp(-x), for `x` at least 0.

        References
        ----------
        Canonne, Kamath, Steinke (2020), The discrete Gaussian for differential privacy, algorithm 1.
        """
        while x > 1:
            if not self._bernoulli_exp_within_one(Fraction(1)):
                return False
            x -= 1
        return self._bernoulli_exp_within_one(x)

    def _bernoulli_exp_within_one(self, x: Fraction) -> bool:
        k = 1
        while self.bernoulli(x / k):
            k += 1
        return k % 2 == 1

    def below_real(self, bounds: Bounds, *, value: int = 0, known: int = 0) -> bool:
        """Return whether a uniform real number lies below another, to whatever digit that takes.

        Parameters
        ----------
        bounds : callable
            Bounds of the other number; their distance times 2**-bits must vanish as bits grow.
        value, known : int
            The first `known` digits of the uniform number, where they are drawn already.
        """
        while True:
            low, high = bounds(known)
            if value + 1 <= low:
                return True
            if value >= high:
                return False
            value, known = value << BITS | self.digits(BITS), known + BITS

    def below_exp(self, x: Fraction, *, value: int = 0, known: int = 0) -> bool:
        """Return whether a partly drawn uniform number is below exp(-x)."""
        return self.below_real(lambda bits: exp_bounds(x, bits), value=value, known=known)
