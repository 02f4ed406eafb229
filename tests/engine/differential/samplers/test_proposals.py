"""The tables that noise is drawn from, against many digits; what they leave open, against every digit that counts."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from naive import noise as naive
from naive.given_words import Given
from shoal_engine.differential.samplers.coins import Coins, exp_bounds
from shoal_engine.differential.samplers.distributions import Gaussian, Laplace, NoiseDistribution
from shoal_engine.differential.samplers.integer_noise import draw_from
from shoal_engine.differential.samplers.proposals import Proposal, proposal_of, propose, weights

SCALES = [Fraction(s) for s in ("0.05", "0.3", "1/3", "1", "3", "10", "10.3", "1000")]
WIDE = [Fraction(2**20), Fraction(13, 10) * 2**40]
DISTRIBUTIONS = [distribution for scale in SCALES + WIDE for distribution in (Laplace(scale), Gaussian(scale**2))]
SMALL = [Laplace(Fraction("10.3")), Gaussian(Fraction("10.3") ** 2), Laplace(Fraction(1, 3)), Gaussian(Fraction(1, 9))]


def mass(distribution: NoiseDistribution, z: int) -> object:
    return (
        naive.laplace_mass(distribution.scale, z)
        if isinstance(distribution, Laplace)
        else naive.gaussian_mass(distribution.sigma_squared, z)
    )


@pytest.mark.parametrize("x", [Fraction(0), Fraction(1, 3), Fraction(1, 2**60), Fraction(7, 2), Fraction(400)])
@pytest.mark.parametrize("bits", [10, 64, 320])
def test_exp_bounds__hold_and_are_narrow(x: Fraction, bits: int) -> None:
    low, high = exp_bounds(x, bits)
    with mpmath.workdps(naive.DIGITS):
        assert low <= naive.exp_minus(x) * 2**bits <= high
    assert high - low <= 2


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_weights__to_300_bits(distribution: NoiseDistribution) -> None:
    """Each weight to 2**-300, against another library's exponential."""
    proposal, bits = proposal_of(distribution), 304
    found = weights(distribution, proposal.column_bits, proposal.cell_bits, bits)
    n = 1 << proposal.column_bits
    with mpmath.workdps(naive.DIGITS):
        # All of a small table; of a large one, those where errors have added up.
        for outcome in {*range(0, n - 1, max(1, n // 64)), *range(n - 16, n - 1)}:
            expected = naive.exp_minus(distribution.exponent(proposal.start(outcome))) * 2**bits
            assert found.low[outcome] <= expected <= found.high[outcome]
            assert found.high[outcome] - found.low[outcome] <= 2
        for outcome in (n - 1, n):
            start = proposal.start(outcome)
            along = naive.exp_minus(distribution.slope(start))
            tail = naive.exp_minus(distribution.exponent(start)) / (1 - along) / 2**proposal.cell_bits * 2**bits
            assert found.low[outcome] <= tail <= found.high[outcome]
            assert found.high[outcome] - found.low[outcome] <= 2


@pytest.mark.parametrize(
    "distribution", [distribution for scale in SCALES for distribution in (Laplace(scale), Gaussian(scale**2))]
)
def test_propose__no_outcome_has_more_words_than_its_probability(distribution: NoiseDistribution) -> None:
    """Single magnitudes: what the table gives away at once is each integer's mass, less what is open."""
    proposal = proposal_of(distribution)
    assert proposal.cell_bits == 0
    n_words, n = 1 << 64, 1 << proposal.column_bits
    share = proposal.share.tolist()
    assert sum(share) == n_words
    with mpmath.workdps(naive.DIGITS):
        for outcome in range(0, n - 1, max(1, n // 64)):
            start = proposal.start(outcome)
            missing = mass(distribution, -start if outcome % 2 else start) * n_words - share[outcome]
            # Words are rounded down; a Gaussian tail's rejections take a share that is far smaller.
            assert -1e-3 < missing < 2
            if not distribution.gaussian:
                assert missing >= 0


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_propose__little_is_open(distribution: NoiseDistribution) -> None:
    assert proposal_of(distribution).share[-1] < 1 << (64 - 45)


def test_propose__every_16_bit_word_tried() -> None:
    """The bulk sampler is a function of its words: every one of them, and the mass that the table was built with."""
    for distribution in SMALL:
        proposal = propose(distribution, 8, 0, word_bits=16)
        digits = dict[int, int]()

        def digit(block: int, depth: int, digits: dict[int, int] = digits) -> int:
            digits[block] = depth
            return 0

        drawn = draw_from(proposal, Given(np.arange(1 << 16), digit), 0, 1 << 16)
        at_once = np.ones(1 << 16, np.bool_)
        at_once[list(digits)] = False
        assert len(digits) == proposal.share[-1]
        outcome = np.where(drawn < 0, -2 * drawn - 1, 2 * drawn)[at_once]
        assert np.bincount(outcome, minlength=256).tolist() == [*proposal.share[:-1].tolist(), 0]
        with mpmath.workdps(naive.DIGITS):
            for found, words in enumerate(proposal.share[:-1].tolist()):
                start = proposal.start(found)
                missing = mass(distribution, -start if found % 2 else start) * (1 << 16) - words
                assert -1e-9 < missing < 1 + 1e-9


def edges(proposal: Proposal) -> list[object]:
    """Return where, from 0 to 1, the outcomes of open words end, to many digits."""
    distribution, n = proposal.distribution, len(proposal.share)
    weight = [naive.exp_minus(distribution.exponent(proposal.start(outcome))) for outcome in range(n + 1)]
    for outcome in (n - 1, n):
        weight[outcome] /= 1 - naive.exp_minus(distribution.slope(proposal.start(outcome)))
        weight[outcome] /= 2**proposal.cell_bits
    total, n_words, share = sum(weight), 1 << proposal.word_bits, [*proposal.share[:-1].tolist(), 0, 0]
    left = [w / total * n_words - given for w, given in zip(weight, share, strict=True)]
    ends = list[object]()
    sum_left = mpmath.mpf(0)
    for residual in left:
        sum_left += residual
        ends.append(sum_left / int(proposal.share[-1]))
    return ends


@pytest.mark.parametrize("distribution", SMALL)
@pytest.mark.parametrize(("column_bits", "word_bits"), [(4, 64), (5, 16), (6, 7)])
def test_open_outcome__ends_where_it_should(distribution: NoiseDistribution, column_bits: int, word_bits: int) -> None:
    """Just below the end of an outcome's range, within 2**-300 of it, and just above."""
    proposal = propose(distribution, column_bits, 0, word_bits=word_bits)
    with mpmath.workdps(naive.DIGITS):
        ends, more = edges(proposal), 400
        assert abs(ends[-1] - 1) < mpmath.mpf(2) ** -400
        for outcome, end in enumerate(ends[:-1]):
            if outcome and end - ends[outcome - 1] < mpmath.mpf(2) ** -200:
                continue
            for side in (-1, 1):
                value = int(mpmath.floor((end + side * mpmath.mpf(2) ** -300) * 2**more))
                chosen = proposal.open_outcome(Coins(lambda depth, value=value: of_digits(value, more, depth)))
                assert chosen == outcome if side < 0 else chosen > outcome


def of_digits(value: int, known: int, depth: int) -> int:
    """Return 128 digits of a number whose first `known` are given; zeros follow."""
    return (value << 1024 >> (known + 1024 - 128 * depth)) % (1 << 128)
