"""The truncated geometric rule: keeps a group with the highest probability that privacy allows, in closed form.

Time does not depend on how many units a group has: each is decided by one word and a probability in floating numbers,
but for one word in about 2**30 that lies too near to it, which exact arithmetic decides, by as many steps for any size.
"""

import functools
import math
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, localcontext
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.samplers.coins import Coins, exp_bounds
from shoal_engine.randomness import Keystream

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Ends = tuple[int, int]

_WORD_BITS = 64
_SPARE_BITS = 64
_MARGIN = 2.0**-30
_LARGEST = 1000
_LEAST_FLOAT = 1e-200
"""Below such an epsilon or delta floating numbers tell nothing, and every group is decided exactly."""


@dataclass(frozen=True, slots=True)
class TruncatedGeometric:
    """Keeps a group of n units with probability p(n), as high as privacy allows.

    p(0) = 0 and p(n) = min(exp(epsilon) p(n - 1) + delta, 1 - exp(-epsilon) (1 - p(n - 1) - delta), 1).

    Attributes
    ----------
    epsilon, delta : Fraction
        Above 0; of one group.

    Notes
    -----
    Closed form (Desfontaines, Voss, Gipson 2022, theorem 1): with x = exp(epsilon) the first term is the least as long
    as p(n - 1) <= (1 - delta) / (x + 1). Let c be the last such n. Then

        p(n) = delta (x**n - 1) / (x - 1)                                                        for n <= c,
        p(c + m) = min(1, 1 - x**-m (1 - p(c)) + delta (1 - x**-m) / (x - 1))                    beyond.

    Equality at the crossing would make x algebraic, which it is not (Lindemann), so comparing to more and more digits
    finds c.

    Examples
    --------
    >>> rule = TruncatedGeometric(Fraction(1, 2), Fraction(1, 50))
    >>> [round(rule.probability(n), 3) for n in (0, 1, 2, 6, 12)]
    [0.0, 0.02, 0.053, 0.588, 1.0]
    """

    epsilon: Fraction
    delta: Fraction

    def bounds(self, n: int, bits: int) -> Ends:
        """Return integers around p(n) * 2**bits, at most 1 apart."""
        if n == 0:
            return 0, 0
        crossing = _crossing(self)
        spare = self.spare(bits)
        if n <= crossing:
            found = self.grown(n, spare)
        else:
            grown = self.grown(crossing, spare)
            found = self._closed(grown, n - crossing, spare)
        shift = spare - bits
        return found[0] >> shift, _up(found[1], 1 << shift)

    def probability(self, n: int) -> float:
        """Return p(n), nearly."""
        return self.bounds(n, _WORD_BITS)[1] / (1 << _WORD_BITS)

    def least_kept(self, probability: Fraction) -> int:
        """Return the least n that is kept with at least this probability, nearly."""
        low, high = 0, 1
        while self.probability(high) < probability:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.probability(middle) >= probability else (middle, high)
        return high

    def keep(self, n: Ints, stream: Keystream) -> npt.NDArray[np.bool_]:
        """Return which groups of some units are kept, each with its own exact probability; they take one draw."""
        words = stream.next_draw()
        word = np.empty(n.size, np.uint64)
        words.fill(0, word)
        likely = self._by_floats(n)
        # A word w stands for the numbers from w to w + 1, over 2**64; rounding it is far below the margin.
        place = word.astype(np.float64) * 2.0**-_WORD_BITS
        kept = place < likely - _MARGIN
        for row in np.flatnonzero(np.isnan(likely) | (np.abs(place - likely) <= _MARGIN)).tolist():
            units = int(n[row])
            kept[row] = Coins.at(words, row).below_real(
                functools.partial(self.bounds, units), value=int(word[row]), known=_WORD_BITS
            )
        word[:] = 0
        return kept

    def _by_floats(self, n: Ints) -> Floats:
        """Return p(n) with an error below the margin, 2 or -1 for certain outcomes, NaN where floats cannot decide.

        exp of up to 2**10 of a rounded product errs by 2**-40, relatively, and so does every term; a subtraction is
        of numbers of at most 1, but the quotient delta / (x - 1), of which at most 1 + p(c) times x**m is used.
        """
        # Beyond _LARGEST every group of two units is kept but for less than the margin.
        epsilon, delta = float(min(self.epsilon, _LARGEST)), float(self.delta)
        if min(epsilon, delta) < _LEAST_FLOAT:
            return np.where(n == 0, -1.0, np.nan)
        crossing = _crossing(self)
        size = np.minimum(n, crossing).astype(np.float64)
        grown = np.exp(_log_expm1(size * epsilon) - _log_expm1(np.array(epsilon)) + math.log(delta))
        more = np.maximum(n - crossing, 0).astype(np.float64) * epsilon
        shrunk = -np.expm1(-more)
        gained = shrunk * np.exp(math.log(delta) - _log_expm1(np.array(epsilon)))
        found = np.where(n <= crossing, grown, grown + shrunk * (1 - grown) + gained)
        # Where it is clearly beyond 1 the minimum is 1, and no number is drawn above it.
        return np.where(n == 0, -1.0, np.where(found > 1 + _MARGIN, 2.0, found))

    def spare(self, bits: int) -> int:
        """Return the bits to compute with, so that the answer's are right to one: powers of x reach 1 / delta."""
        small = (1 / self.delta).__ceil__().bit_length() + (1 / self.epsilon).__ceil__().bit_length()
        # Where epsilon is large, so is x; no larger than 1 / delta where more than p(1) = delta takes it.
        large = 2 * min(math.ceil(self.epsilon), (1 / self.delta).__ceil__().bit_length() + 1)
        return bits + _SPARE_BITS + 3 * small + large

    def _rate(self, spare: int) -> Ends:
        """Return integers around delta / (x - 1), that is delta y / (1 - y) with y = 1 / x."""
        one = 1 << spare
        low, high = exp_bounds(self.epsilon, spare)
        above, below = self.delta.numerator, self.delta.denominator
        return (low * above << spare) // ((one - low) * below), _up(high * above << spare, max(1, one - high) * below)

    def grown(self, n: int, spare: int) -> Ends:
        """Return integers around delta (x**n - 1) / (x - 1)."""
        one = 1 << spare
        if n == 1:
            above = self.delta.numerator << spare
            return above // self.delta.denominator, _up(above, self.delta.denominator)
        low, high = exp_bounds(self.epsilon * n, spare)
        rate = self._rate(spare)
        return min(one, rate[0] * (one - high) // high), min(one, _up(rate[1] * (one - low), max(low, 1)))

    def _closed(self, grown: Ends, m: int, spare: int) -> Ends:
        """Return integers around the probability m steps beyond the crossing, where it is `grown`."""
        one = 1 << spare
        low, high = exp_bounds(self.epsilon * m, spare)
        rate = self._rate(spare)
        least = one - _up(high * (one - grown[0]), one) + rate[0] * (one - high) // one
        most = one - low * (one - grown[1]) // one + _up(rate[1] * (one - low), one)
        return min(one, max(0, least)), min(one, most)


@functools.lru_cache(maxsize=256)
def _crossing(rule: TruncatedGeometric) -> int:
    """Return c: one more than the largest n with p(n) <= (1 - delta) / (x + 1), where p grows as x**n does."""
    low = high = max(0, _crossing_guess(rule))
    step = 1
    while not _grows(rule, low):
        low, step = max(0, low - step), 2 * step
    while _grows(rule, high):
        high, step = high + step, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _grows(rule, middle) else (low, middle)
    return low + 1


def _crossing_guess(rule: TruncatedGeometric) -> int:
    """Return about the largest n with x**n <= (x - 1 + 2 delta) / (delta (x + 1)); where to begin to look for it."""
    digits = [len(str((1 / one).__ceil__())) for one in (rule.epsilon, rule.delta)]
    if rule.epsilon > 4 * digits[1]:
        return 0
    context = Context(prec=2 * sum(digits) + 40, Emin=MIN_EMIN, Emax=MAX_EMAX)
    epsilon, delta = (context.divide(one.numerator, one.denominator) for one in (rule.epsilon, rule.delta))
    with localcontext(context):
        x = epsilon.exp()
        return int(((x - 1 + 2 * delta) / (delta * (x + 1))).ln() / epsilon)


def _grows(rule: TruncatedGeometric, n: int) -> bool:
    """Return whether delta (x**n - 1) / (x - 1) <= (1 - delta) / (x + 1), to as many digits as it takes."""
    if n == 0:
        return True
    if rule.epsilon > (1 / rule.delta).__ceil__().bit_length():
        # x is above 2**epsilon and so above 1 / delta, which p(1) = delta exceeds.
        return False
    bits = _WORD_BITS
    while True:
        spare = rule.spare(bits)
        one = 1 << spare
        found = rule.grown(n, spare)
        low, high = exp_bounds(rule.epsilon, spare)
        above, below = (rule.delta.denominator - rule.delta.numerator), rule.delta.denominator
        # (1 - delta) y / (1 + y) with y = 1 / x.
        least, most = (low * above << spare) // ((one + low) * below), _up(high * above << spare, (one + high) * below)
        if found[1] <= least:
            return True
        if found[0] > most:
            return False
        bits *= 2


def _log_expm1(x: Floats) -> Floats:
    """Return log(exp(x) - 1)."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(x > 1, x + np.log1p(-np.exp(-np.maximum(x, 1))), np.log(np.expm1(np.minimum(x, 1))))


def _up(above: int, below: int) -> int:
    return -(-above // below)
