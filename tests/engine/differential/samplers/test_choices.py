"""Coins and dice: where a word decides, where it cannot, and that all probabilities are met."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import noise as naive
from naive.given_words import Given, known_stream
from shoal_engine.differential import samplers
from shoal_engine.differential.samplers.choices import coins_below, integers_below
from shoal_engine.differential.samplers.coins import Coins, exp_bounds
from shoal_engine.errors import NumberError

WORDS = 1 << 64
TOP = (1 << 128) - 1


def fraction_bounds(p: Fraction, bits: int) -> tuple[int, int]:
    return (p.numerator << bits) // p.denominator, -((-p.numerator << bits) // p.denominator)


@given(st.fractions(0, 1), st.lists(st.integers(0, WORDS - 1), max_size=9))
def test_coins_below__a_word_decides(p: Fraction, words: list[int]) -> None:
    edge = p.numerator * WORDS // p.denominator
    words = [w for w in [*words, 0, edge - 1, edge + 1, WORDS - 1] if 0 <= w < WORDS and w != edge]
    drawn = coins_below(lambda bits: fraction_bounds(p, bits), Given(np.array(words, np.uint64)), len(words))
    assert drawn.tolist() == [Fraction(w, WORDS) < p for w in words]


@pytest.mark.parametrize("p", [Fraction(1, 3), Fraction(2, 7), Fraction(WORDS - 1, WORDS + 1)])
def test_coins_below__more_digits_decide(p: Fraction) -> None:
    """The one word that cannot: the next 128 digits just below those of `p`, and just above."""
    edge = p.numerator * WORDS // p.denominator
    digits = (p.numerator << 192) // p.denominator % (1 << 128)
    for off, below in ((-1, True), (1, False)):
        words = Given(np.array([edge], np.uint64), lambda _block, _depth, off=off: digits + off)
        assert coins_below(lambda bits: fraction_bounds(p, bits), words, 1).tolist() == [below]


@pytest.mark.parametrize("x", [Fraction(1, 10**30), Fraction(1, 3), Fraction(1), Fraction(40), Fraction(100)])
def test_bernoulli_exp__words_around_the_edge(x: Fraction) -> None:
    edge = exp_bounds(x, 64)[0]
    words = [w for w in range(edge - 4, edge + 5) if 0 <= w < WORDS]
    for digit in (0, TOP):
        given_words = Given(np.array(words, np.uint64), lambda _block, _depth, digit=digit: digit)
        drawn = coins_below(lambda bits: exp_bounds(x, bits), given_words, len(words))
        with mpmath.workdps(naive.DIGITS):
            expected = [w + mpmath.mpf(digit) / 2**128 < naive.exp_minus(x) * WORDS for w in words]
        assert drawn.tolist() == expected


@given(st.integers(1, 1 << 63), st.lists(st.integers(0, WORDS - 1), max_size=9))
def test_integers_below__words_that_are_taken(bound: int, words: list[int]) -> None:
    taken = WORDS - WORDS % bound
    words = [w for w in [*words, 0, bound - 1, taken - 1] if w < taken]
    assert integers_below(bound, Given(np.array(words, np.uint64)), len(words)).tolist() == [w % bound for w in words]


def test_integers_below__the_highest_words_are_drawn_again() -> None:
    bound = (1 << 62) + 1
    drawn = samplers.uniform_below(known_stream(1), bound, 100_000)
    # Of the words, a quarter are too high; without a second draw the low half would be favored by a third.
    assert abs((drawn < bound // 2).mean() - 0.5) < 6 * 0.5 / len(drawn) ** 0.5


@pytest.mark.parametrize("bound", [1, 2, 6, 1000])
def test_uniform_below__is_even(bound: int) -> None:
    n = 1_000_000
    count = np.bincount(samplers.uniform_below(known_stream(2), bound, n), minlength=bound)
    assert len(count) == bound
    assert np.all(np.abs(count - n / bound) <= 6 * (n / bound) ** 0.5)


@pytest.mark.parametrize("p", [Fraction(0), Fraction(1, 1000), Fraction(1, 3), Fraction(1)])
def test_bernoulli__share(p: Fraction) -> None:
    n = 1_000_000
    drawn = samplers.bernoulli(known_stream(3), p, n)
    assert abs(drawn.mean() - float(p)) <= 6 * float(p * (1 - p) / n) ** 0.5


@pytest.mark.parametrize("x", [Fraction(0), Fraction(1, 7), Fraction(1), Fraction(9, 2)])
def test_bernoulli_exp__share(x: Fraction) -> None:
    n, p = 1_000_000, float(np.exp(-float(x)))
    assert abs(samplers.bernoulli_exp(known_stream(4), x, n).mean() - p) <= 6 * (p * (1 - p) / n) ** 0.5
    coins = Coins.of(known_stream(5))
    few = 20_000
    for ours in (coins.bernoulli_exp, coins.below_exp):
        share = sum(ours(x) for _ in range(few)) / few
        assert abs(share - p) <= 6 * (p * (1 - p) / few) ** 0.5


def test_coins__every_byte_tried() -> None:
    """`below` and `bernoulli` as functions of their digits."""
    firsts = [Coins(lambda _depth, byte=byte: byte << 120) for byte in range(128)]
    assert [coins.below(128) for coins in firsts] == [byte // 2 for byte in range(128)]
    firsts = [Coins(lambda _depth, byte=byte: byte << 125) for byte in range(5)]
    assert [coins.below(5) for coins in firsts] == list(range(5))
    assert sum(Coins(lambda _depth, byte=byte: byte << 125).bernoulli(Fraction(3, 8)) for byte in range(8)) == 3


def test_coins__digits_are_read_once() -> None:
    coins = Coins(lambda depth: depth)
    assert [coins.digits(64) for _ in range(4)] == [0, 1, 0, 2]
    assert coins.digits(256) == 3 << 128 | 4


@pytest.mark.parametrize("bound", [0, -1, (1 << 63) + 1])
def test_uniform_below__refuses(bound: int) -> None:
    with pytest.raises(NumberError, match="bound"):
        samplers.uniform_below(known_stream(), bound, 1)


def test_choices__refuse_what_is_no_probability() -> None:
    with pytest.raises(NumberError, match="from 0 to 1"):
        samplers.bernoulli(known_stream(), Fraction(4, 3), 1)
    with pytest.raises(NumberError, match="from 0 on"):
        samplers.bernoulli_exp(known_stream(), Fraction(-1), 1)
    with pytest.raises(NumberError, match="at least 1"):
        Coins.of(known_stream()).below(0)
