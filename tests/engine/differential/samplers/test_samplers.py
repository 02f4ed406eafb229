"""Noise as it comes out, by counting; what is shown without statistics is in `test_proposals`.

Draws are of known keys, so a test that passes once passes always. A fit is refused below a chance of 1e-7: with
some fifty of them, one key in 200,000 would fail by chance. Of ten million draws an error of the scale by a
two-hundredth is seen at every scale where one can be, which `test_fit__sees` shows; at 0.05 Laplace noise is nearly
always 0, and only the few that are not can be counted.
"""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from naive import noise as naive
from naive.given_words import Given, Short, known_stream
from shoal_engine.differential import samplers
from shoal_engine.differential.samplers.coins import Coins
from shoal_engine.differential.samplers.distributions import Gaussian, Laplace, NoiseDistribution
from shoal_engine.differential.samplers.integer_noise import (
    draw_exactly,
    draw_from,
    draw_integers,
    exact_gaussian,
    exact_laplace,
    geometric,
    integer_batches,
)
from shoal_engine.differential.samplers.proposals import proposal_of, propose
from shoal_engine.errors import NumberError
from shoal_engine.randomness import CHUNK_WORDS

N = 10_000_000
LEAST_CHANCE = 1e-7
SCALES = [Fraction(s) for s in ("0.05", "0.3", "1/3", "1", "3", "10", "10.3", "1000")]
SCALES += [Fraction(2**20), Fraction(13, 10) * 2**40]
NAMES = ("laplace", "gaussian")


def law_of(name: str, scale: Fraction) -> NoiseDistribution:
    return Laplace(scale) if name == "laplace" else Gaussian(scale**2)


def name_of(distribution: NoiseDistribution) -> tuple[str, float]:
    return (
        ("gaussian", float(distribution.sigma_squared) ** 0.5)
        if isinstance(distribution, Gaussian)
        else ("laplace", float(distribution.scale))
    )


@pytest.mark.parametrize("scale", SCALES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_draw_integers__fit(name: str, scale: Fraction) -> None:
    drawn = draw_integers(law_of(name, scale), known_stream(1), N)
    assert naive.fit(name, float(scale), drawn) > LEAST_CHANCE
    spread = float(scale) * (2**0.5 if name == "laplace" else 1)
    if scale >= 1:
        assert abs(drawn.mean()) < 6 * spread / N**0.5


@pytest.mark.parametrize(("name", "scale"), [("laplace", "1100"), ("gaussian", "4100"), ("gaussian", "1000")])
def test_draw_integers__fit_of_every_integer(name: str, scale: str) -> None:
    """The narrowest distributions that are drawn by cells, so that what is kept within a cell is seen."""
    drawn = draw_integers(law_of(name, Fraction(scale)), known_stream(13), N)
    assert naive.fit(name, float(scale), drawn, each=True) > LEAST_CHANCE


@pytest.mark.parametrize("scale", SCALES[-2:], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_draw_integers__low_bits_are_even(name: str, scale: Fraction) -> None:
    """In a distribution that is far wider, any eight of the low bits are uniform."""
    drawn = draw_integers(law_of(name, scale), known_stream(14), 2_000_000)
    for shift in (0, 4) if scale == 2**20 else (0, 4, 12, 20, 28):
        count = np.bincount(drawn >> shift & 255, minlength=256)
        assert stats.chisquare(count).pvalue > LEAST_CHANCE


@pytest.mark.parametrize("scale", ["0.3", "1", "1000", "1429365116108.8"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("off", ["1.005", "0.995"])
def test_fit__sees(name: str, scale: str, off: str) -> None:
    """The test above can fail: noise whose scale is off by a two-hundredth."""
    drawn = draw_integers(law_of(name, Fraction(scale) * Fraction(off)), known_stream(2), N)
    assert naive.fit(name, float(scale), drawn) < LEAST_CHANCE


@pytest.mark.parametrize(
    ("distribution", "column_bits", "cell_bits", "word_bits", "n"),
    [
        # Tails are met often, and everything else rarely at once: few columns.
        (Laplace(Fraction(3)), 3, 0, 64, 6_000),
        (Gaussian(Fraction(9)), 3, 0, 64, 6_000),
        (Laplace(Fraction(100)), 5, 3, 64, 6_000),
        (Gaussian(Fraction(100**2)), 6, 2, 64, 6_000),
        # What is rounded off is met often: short words.
        (Laplace(Fraction("2.3")), 5, 0, 5, 5_000),
        (Gaussian(Fraction(9)), 5, 0, 6, 5_000),
        (Laplace(Fraction(100)), 6, 3, 14, 6_000),
        (Gaussian(Fraction(100**2)), 7, 3, 14, 6_000),
    ],
)
def test_draw_from__what_a_table_leaves_open(
    distribution: NoiseDistribution, column_bits: int, cell_bits: int, word_bits: int, n: int
) -> None:
    proposal = propose(distribution, column_bits, cell_bits, word_bits=word_bits)
    drawn = draw_from(proposal, Short(known_stream(3).next_draw(), word_bits), 0, n)
    assert naive.fit(*name_of(distribution), drawn) > LEAST_CHANCE


@pytest.mark.parametrize(
    "distribution", [Laplace(Fraction(7)), Gaussian(Fraction(49)), Laplace(Fraction(9**9))], ids=str
)
def test_draw_exactly__is_what_the_kernels_draw(distribution: NoiseDistribution) -> None:
    """The slow path from the words alone; of a wide distribution it goes through the same rejections."""
    proposal, words = proposal_of(distribution), known_stream(4).next_draw()
    drawn = draw_from(proposal, words, 0, 2000)
    assert drawn.tolist() == [draw_exactly(proposal, words, number, 0) for number in range(2000)]


@pytest.mark.parametrize("scale", ["0.3", "1/3", "3", "10.3"])
def test_exact_laws__fit(scale: str) -> None:
    """The oracle itself."""
    coins, exact = Coins.of(known_stream(5)), Fraction(scale)
    drawn = np.array([exact_laplace(coins, exact) for _ in range(4_000)])
    assert naive.fit("laplace", float(exact), drawn) > LEAST_CHANCE
    drawn = np.array([exact_gaussian(coins, exact**2) for _ in range(4_000)])
    assert naive.fit("gaussian", float(exact), drawn) > LEAST_CHANCE
    drawn = np.array([geometric(coins, 1 / exact) for _ in range(4_000)])
    q = np.exp(-float(1 / exact))
    assert abs(drawn.mean() - q / (1 - q)) < 6 * (q / len(drawn)) ** 0.5 / (1 - q)


@pytest.mark.parametrize("scale", ["3", "10.3", "1000", "1429365116108.8"])
def test_draw_integers__bits_are_independent(scale: str) -> None:
    """Of G = z or ~z, whichever is at least 0: bit i is 1 with probability 1 / (1 + exp(2**i / scale)), by itself."""
    drawn = draw_integers(Laplace(Fraction(scale)), known_stream(6), 300_000)
    magnitude = np.where(drawn < 0, ~drawn, drawn)
    rate = 1 / float(Fraction(scale))
    bits = [drawn < 0]
    chances = [np.exp(-rate) / (1 + np.exp(-rate))]
    for i in range(int(np.log2(float(Fraction(scale)))) + 2):
        bits.append(magnitude >> i & 1 == 1)
        chances.append(1 / (1 + np.exp(rate * 2**i)))
    spread = (len(drawn)) ** -0.5
    centered = [(bit - p) / (p * (1 - p)) ** 0.5 for bit, p in zip(bits, chances, strict=True)]
    together = np.array(centered) @ np.array(centered).T / len(drawn)
    for i, bit in enumerate(centered):
        assert abs(bit.mean()) < 6 * spread
        # Nor do they follow from those of the draw before.
        assert abs((bit[1:] * bit[:-1]).mean()) < 8 * spread
        assert np.all(np.abs(np.delete(together[i], i)) < 8 * spread)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", ["1", "1000", "1048576"])
def test_draw_integers__tails(name: str, scale: str) -> None:
    """How many lie far out, as far as ten million reach, on either side."""
    drawn = draw_integers(law_of(name, Fraction(scale)), known_stream(7), N)
    for multiple in (3, 4, 5) if name == "gaussian" else (3, 6, 9, 12, 15):
        edge = np.array([multiple * int(scale)])
        chance = float(naive.chances_below(name, float(scale), 1 - edge)[0])
        for found in (int((drawn <= -edge).sum()), int((drawn >= edge).sum())):
            assert stats.binom.cdf(found, N, chance) > LEAST_CHANCE
            assert stats.binom.sf(found - 1, N, chance) > LEAST_CHANCE


@pytest.mark.parametrize("distribution", [Laplace(Fraction(10)), Gaussian(Fraction(10**12))], ids=str)
def test_draw_integers__threads_and_batches_change_nothing(distribution: NoiseDistribution) -> None:
    n = 3 * CHUNK_WORDS + 11
    at_once = draw_integers(distribution, known_stream(8), n)
    assert np.array_equal(draw_integers(distribution, known_stream(8), n, n_threads=3), at_once)
    for batch in (n, 4999, CHUNK_WORDS):
        parts = list(integer_batches(distribution, known_stream(8), n, batch=batch, n_threads=2))
        assert np.array_equal(np.concatenate(parts), at_once)


def test_draw_exactly__wraps_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never met: a tail so long that it leaves int64."""
    monkeypatch.setattr("shoal_engine.differential.samplers.integer_noise.geometric", lambda coins, x: 1 << 63)
    proposal = propose(Laplace(Fraction(3)), 4, 0, word_bits=8)
    drawn = draw_from(proposal, Given(np.arange(1 << 8), lambda block, depth: (1 << 128) - 1), 0, 1 << 8)
    start = proposal.start(len(proposal.share))
    assert drawn.min() == -(1 << 63) + start


def test_draw_integers__two_draws_differ() -> None:
    stream = known_stream(9)
    first, second = (draw_integers(Laplace(Fraction(100)), stream, 100) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    "distribution", [Laplace(Fraction(10)), Gaussian(Fraction(100)), Laplace(Fraction(10**12))], ids=str
)
def test_draw_integers__words_are_zeroed(distribution: NoiseDistribution, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, seen = known_stream(10).next_draw(), list[np.ndarray]()
    fill, blocks = draw.fill, draw.blocks

    def filled(first: int, words: np.ndarray) -> None:
        fill(first, words)
        assert words.any()
        seen.append(words)

    def given(block: np.ndarray, *, attempt: int) -> np.ndarray:
        seen.append(blocks(block, attempt=attempt))
        return seen[-1]

    monkeypatch.setattr(draw, "fill", filled)
    monkeypatch.setattr(draw, "blocks", given)
    draw_from(proposal_of(distribution), draw, 0, 5000)
    assert seen
    assert not any(words.any() for words in seen)


def test_float_attack__finds_nothing() -> None:
    """What 0 plus noise can be, 1 plus noise can be; of noise in floating numbers that is not so (Mironov 2012)."""
    for distribution in (Laplace(Fraction(1)), Gaussian(Fraction(1)), Laplace(Fraction(10))):
        # Each integer within reach has words of its own, so no neighbor's value is missing among them; what lies
        # beyond comes from the open words, and may be any integer.
        assert all(proposal_of(distribution).share[: distribution.reach])
    # The attack itself: 1 plus a number is a multiple of 2**-53 wherever it falls near 0.
    floats = np.random.default_rng(1).laplace(0, 1, 10_000)
    near = floats[np.abs(floats) < 0.5] * 2.0**53
    impossible_from_one = (near != np.rint(near)).mean()
    assert impossible_from_one > 0.2
    integers = np.unique(draw_integers(Laplace(Fraction(1)), known_stream(11), 100_000))
    assert np.all(np.diff(integers[np.abs(integers) < 8]) == 1)


@pytest.mark.parametrize("scale", [Fraction(0), Fraction(-1), Fraction(2**50 + 1)])
def test_samplers__refuse_scales(scale: Fraction) -> None:
    with pytest.raises(NumberError, match="2\\*\\*50"):
        samplers.discrete_laplace(known_stream(), scale, 1)
    with pytest.raises(NumberError, match="2\\*\\*50"):
        samplers.discrete_gaussian(known_stream(), scale * abs(scale), 1)


def test_samplers__none_and_fewer() -> None:
    assert samplers.discrete_laplace(known_stream(), Fraction(1), 0).tolist() == []
    for call in (
        lambda: samplers.discrete_gaussian(known_stream(), Fraction(1), -1),
        lambda: samplers.bernoulli(known_stream(), Fraction(1, 2), -1),
        lambda: samplers.uniform_below(known_stream(), 2, -1),
    ):
        with pytest.raises(NumberError, match="-1 draws"):
            call()


@pytest.mark.parametrize("scale", ["1e-300", "1/1000000", "999999999999/1000000000000"])
def test_samplers__any_rational(scale: str) -> None:
    drawn = samplers.discrete_laplace(known_stream(12), Fraction(scale), 1000)
    assert naive.fit("laplace", max(float(Fraction(scale)), 1e-3), drawn) > LEAST_CHANCE
