import functools
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import noise as naive
from shoal_engine.differential.samplers.coins import exp_bounds
from shoal_engine.differential.samplers.distributions import Gaussian, Laplace, NoiseDistribution
from shoal_engine.differential.samplers.proposals import CELL_COLUMN_BITS, Proposal, propose
from shoal_kernels.private.cell_draws import LARGEST_EXPONENT, MARGIN, draw_from_cells

DISTRIBUTIONS = [
    *(Laplace(scale) for scale in (Fraction(1025), Fraction(30_000), Fraction(13, 10) * 2**40, Fraction(2**50))),
    *(Gaussian(sigma**2) for sigma in (Fraction(4097), Fraction(30_000), Fraction(13, 10) * 2**40, Fraction(2**50))),
]


def drawn_from(proposal: Proposal, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the integers that (n, 2) words give, and whether each is kept (1), rejected (-1) or open (0)."""
    place_bits = proposal.place_bits
    bits = (proposal.threshold_bits, proposal.word_bits - place_bits, place_bits, proposal.cell_bits)
    n, distribution = len(words), proposal.distribution
    drawn, row = np.empty(n, np.int64), np.empty(n, np.int64)
    n_rejected, n_open = draw_from_cells(
        words.reshape(-1), proposal.entry, bits, distribution.gaussian, float(distribution.rate), drawn, row
    )
    told = np.ones(n, np.int64)
    told[row[:n_rejected]] = -1
    told[row[n - n_open :]] = 0
    return drawn, told


@given(st.sampled_from(DISTRIBUTIONS), st.lists(st.tuples(*[st.integers(0, 2**64 - 1)] * 2), max_size=10))
@settings(deadline=None)
def test_draw_from_cells__equals_naive(distribution: NoiseDistribution, pairs: list[tuple[int, int]]) -> None:
    proposal = propose(distribution, CELL_COLUMN_BITS, distribution.cell_bits)
    # The highest second words are where keeping is close.
    pairs += [(first, 2**64 - 1 - (second >> 6)) for first, second in pairs]
    place_bits = proposal.place_bits
    bits = (proposal.threshold_bits, 64 - place_bits, place_bits, proposal.cell_bits)
    entry = proposal.entry.tolist()
    expected = [naive.from_cells(pair, entry, bits, distribution.exponent, MARGIN) for pair in pairs]
    drawn, told = drawn_from(proposal, np.array(pairs, np.uint64).reshape(-1, 2))
    assert told.tolist() == [verdict for _, verdict in expected]
    assert drawn[told == 1].tolist() == [z for z, verdict in expected if verdict == 1]


@pytest.mark.parametrize(
    ("distribution", "cell_bits"), [(Laplace(Fraction(70, 3)), 1), (Gaussian(Fraction(300) ** 2), 2)]
)
def test_draw_from_cells__every_word_tried(distribution: NoiseDistribution, cell_bits: int) -> None:
    """Words of 16 bits: every one for the cell, and for each of the places every one that decides."""
    proposal = propose(distribution, 8, cell_bits, word_bits=16)
    words = np.empty((1 << 16, 2), np.uint64)
    words[:, 0] = np.arange(1 << 16)
    bounds = functools.cache(partial(_chance, proposal))
    for place in range(1 << cell_bits):
        for u in range(1 << (16 - proposal.place_bits)):
            words[:, 1] = u << proposal.place_bits | place
            drawn, told = drawn_from(proposal, words)
            start = np.abs(drawn) - place
            outcome = np.where(drawn < 0, 2 * ((start - 1) >> cell_bits) + 1, 2 * (start >> cell_bits))
            if not place:
                # Zero has no sign: the negative side's least magnitude is 1.
                assert np.all(start[drawn < 0] >= 1)
            assert np.bincount(outcome, minlength=1 << 8).tolist() == proposal.share.tolist()
            verdicts = [
                (both // 3, both % 3 - 1) for both in np.flatnonzero(np.bincount(3 * outcome + told + 1)).tolist()
            ]
            assert len(verdicts) == len(np.unique(outcome))
            for of_outcome, verdict in verdicts:
                _check_verdict(proposal, bounds(of_outcome, place), u, verdict)


def _chance(proposal: Proposal, outcome: int, place: int) -> tuple[int, int] | None:
    """Return bounds of the chance by which a place is kept, times 2**100; None where the outcome is open."""
    if outcome == len(proposal.share) - 1:
        return None
    start, distribution = proposal.start(outcome), proposal.distribution
    return exp_bounds(distribution.exponent(start + place) - distribution.exponent(start), 100)


def _check_verdict(proposal: Proposal, chance: tuple[int, int] | None, u: int, verdict: int) -> None:
    """Hold a verdict against exact bounds of the chance."""
    unit = 1 << (100 - 16 + proposal.place_bits)
    low, high = chance or (0, 1 << 100)
    assert verdict == (1 if (u + 1) * unit < low else -1 if u * unit > high else 0)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_draw_from_cells__exponents_are_within_the_proof(distribution: NoiseDistribution) -> None:
    proposal = propose(distribution, CELL_COLUMN_BITS, distribution.cell_bits)
    last = proposal.start(len(proposal.share) - 2)
    along = distribution.exponent(last + (1 << distribution.cell_bits) - 1) - distribution.exponent(last)
    assert along <= LARGEST_EXPONENT
