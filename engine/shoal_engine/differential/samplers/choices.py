"""Coins and dice in bulk, for rational probabilities, exp(-x), and any number of sides up to 2**63.

Exact given uniform words, as `integer_noise` is. One word decides all coins but one or two in 2**64; of dice,
``2**64 % bound`` words in 2**64 are drawn again.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.samplers.coins import Bounds, Coins, exp_bounds
from shoal_engine.errors import NumberError
from shoal_engine.randomness import CHUNK_WORDS, DrawWords, Keystream

Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

WORD_BITS: Final = 64
MOST_SIDES: Final = 1 << 63


def bernoulli(stream: Keystream, p: Fraction, n: int) -> Booleans:
    """Return `n` booleans, each true with probability `p`; they take one draw of the stream.

    Raises
    ------
    NumberError
        `p` is not from 0 to 1, or `n` is negative.

    Examples
    --------
    >>> bernoulli(Keystream.secure(), Fraction(1), 3).tolist()
    [True, True, True]
    """
    if not 0 <= p <= 1:
        msg = "a probability must be from 0 to 1"
        raise NumberError(msg)

    def bounds(bits: int) -> tuple[int, int]:
        return (p.numerator << bits) // p.denominator, -((-p.numerator << bits) // p.denominator)

    return coins_below(bounds, stream.next_draw(), n)


def bernoulli_exp(stream: Keystream, x: Fraction, n: int) -> Booleans:
    """Return `n` booleans, each true with probability exp(-x); they take one draw of the stream.

    Raises
    ------
    NumberError
        `x` or `n` is negative.

    Examples
    --------
    >>> bernoulli_exp(Keystream.secure(), Fraction(0), 2).tolist()
    [True, True]
    """
    if x < 0:
        msg = "exp(-x) is a probability only for x from 0 on"
        raise NumberError(msg)
    return coins_below(lambda bits: exp_bounds(x, bits), stream.next_draw(), n)


def uniform_below(stream: Keystream, bound: int, n: int) -> Integers:
    """Return `n` integers from 0 to ``bound - 1``, each equally likely; they take one draw of the stream.

    Raises
    ------
    NumberError
        `bound` is not from 1 to 2**63, or `n` is negative.

    Examples
    --------
    >>> uniform_below(Keystream.secure(), 1, 3).tolist()
    [0, 0, 0]
    """
    if not 1 <= bound <= MOST_SIDES:
        msg = f"an integer below {bound} was asked for; the bound must be from 1 to 2**63"
        raise NumberError(msg)
    return integers_below(bound, stream.next_draw(), n)


def coins_below(bounds: Bounds, words: DrawWords, n: int) -> Booleans:
    """Return which of a draw's first `n` uniform numbers lie below a real one, lazily compared digit by digit."""
    low, high = bounds(WORD_BITS)
    found = np.empty(_checked(n), np.bool_)

    def decide(begin: int, word: npt.NDArray[np.uint64]) -> None:
        part = found[begin : begin + len(word)]
        if not high or low == 1 << WORD_BITS:
            part[:] = low > 0
            return
        # A word w stands for the numbers from w to w + 1, over 2**64.
        np.less(word, np.uint64(low), out=part)
        undecided = (word >= np.uint64(low)) & (word <= np.uint64(high - 1))
        for row in np.flatnonzero(undecided).tolist():
            coins = Coins.at(words, begin + row)
            part[row] = coins.below_real(bounds, value=int(word[row]), known=WORD_BITS)

    _each_chunk(words, n, decide)
    return found


def integers_below(bound: int, words: DrawWords, n: int) -> Integers:
    """Return the remainders of a draw's first `n` words modulo `bound`; the highest words are drawn again."""
    spare = (1 << WORD_BITS) % bound
    last = np.uint64((1 << WORD_BITS) - spare - 1)
    found = np.empty(_checked(n), np.int64)
    again: list[npt.NDArray[np.int64]] = []

    def decide(begin: int, word: npt.NDArray[np.uint64]) -> None:
        found[begin : begin + len(word)] = word % np.uint64(bound)
        if spare:
            again.append(np.flatnonzero(word > last) + begin)

    _each_chunk(words, n, decide)
    rows = np.concatenate(again) if again else np.empty(0, np.int64)
    attempt = 0
    while len(rows):
        attempt += 1
        fresh = words.blocks(rows, attempt=attempt)
        word = fresh[:, 0]
        found[rows] = word % np.uint64(bound)
        rows = rows[word > last]
        fresh[:] = 0
    return found


def _checked(n: int) -> int:
    if n < 0:
        msg = f"{n} draws were asked for; ask for 0 or more"
        raise NumberError(msg)
    return n


def _each_chunk(words: DrawWords, n: int, decide: Callable[[int, npt.NDArray[np.uint64]], None]) -> None:
    """Hand the first `n` words of a draw to a function, some at a time, and zero them."""
    buffer = np.empty(min(n, CHUNK_WORDS), np.uint64)
    for begin in range(0, n, CHUNK_WORDS):
        part = buffer[: min(CHUNK_WORDS, n - begin)]
        words.fill(begin, part)
        decide(begin, part)
        part[:] = 0
