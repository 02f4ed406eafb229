"""Integers of a distribution, in bulk: a table decides nearly all, exact arithmetic the rest.

Exact given uniform words: each integer is met with its probability, not nearly so, and nothing is charged to
delta. The words are the cipher's, so what would hold against every observer holds against those who cannot break
AES. Beyond 2**63 an integer would wrap around, which the widest distribution reaches once in e**8192.

How much is left to exact arithmetic changes nothing but the time. Where each integer has a column, one word a
draw, it is less than one in 2**45. Where distributions are wider, two words a draw, it is as much again and one in
2**min(53, 64 - k), for cells of 2**k magnitudes: at a scale of 2**40, one in 2**29.

Draw from the discrete Laplace and Gaussian distributions one number at a time, from coins alone: slow and exact.

The quick samplers leave rare cases to these, and are tested against them.

References
----------
Canonne, Kamath, Steinke (2020), The discrete Gaussian for differential privacy, algorithms 1 to 3.
"""

from collections.abc import Iterator
from fractions import Fraction
from math import isqrt

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.samplers.coins import Coins
from shoal_engine.differential.samplers.distributions import NoiseDistribution
from shoal_engine.differential.samplers.proposals import Proposal, proposal_of
from shoal_engine.errors import NumberError
from shoal_engine.randomness import CHUNK_WORDS, DrawWords, Keystream
from shoal_engine.threads import in_threads, ranges

Integers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]


def geometric(coins: Coins, x: Fraction) -> int:
    """Return how often in a row an event of probability exp(-x) occurs, for `x` above 0.

    Algorithm 2, lines 2 to 12: the remainder of a division by the denominator's part is drawn by rejection.
    """
    numerator, denominator = x.numerator, x.denominator
    while True:
        within = coins.below(denominator)
        if coins.bernoulli_exp(Fraction(within, denominator)):
            break
    whole = 0
    while coins.bernoulli_exp(Fraction(1)):
        whole += 1
    return (within + denominator * whole) // numerator


def exact_laplace(coins: Coins, scale: Fraction) -> int:
    """Return z with probability in proportion to exp(-|z| / scale); algorithm 2."""
    while True:
        negative = coins.digits(1)
        magnitude = geometric(coins, 1 / scale)
        if magnitude or not negative:
            return -magnitude if negative else magnitude


def exact_gaussian(coins: Coins, sigma_squared: Fraction) -> int:
    """Return z with probability in proportion to exp(-z**2 / (2 * sigma_squared)); algorithm 3."""
    t = isqrt(sigma_squared.numerator // sigma_squared.denominator) + 1
    while True:
        z = exact_laplace(coins, Fraction(t))
        if coins.bernoulli_exp((abs(z) - sigma_squared / t) ** 2 / (2 * sigma_squared)):
            return z


def draw_integers(distribution: NoiseDistribution, stream: Keystream, n: int, *, n_threads: int = 1) -> Integers:
    """Draw `n` integers of a distribution; they take one draw of the stream, whatever the threads.

    Raises
    ------
    NumberError
        `n` is negative.
    """
    return draw_from(proposal_of(distribution), stream.next_draw(), 0, n, n_threads=n_threads)


def integer_batches(
    distribution: NoiseDistribution, stream: Keystream, n: int, *, batch: int, n_threads: int = 1
) -> Iterator[Integers]:
    """Give the same integers as `draw_integers`, at most `batch` at a time."""
    proposal, words = proposal_of(distribution), stream.next_draw()
    for first in range(0, n, batch):
        yield draw_from(proposal, words, first, min(batch, n - first), n_threads=n_threads)


def draw_from(proposal: Proposal, words: DrawWords, first: int, n: int, *, n_threads: int = 1) -> Integers:
    """Return `n` of the integers that a table makes of the words of a draw, from number `first` on.

    Raises
    ------
    NumberError
        `n` is negative.
    """
    if n < 0:
        msg = f"{n} draws were asked for; ask for 0 or more"
        raise NumberError(msg)
    drawn = np.empty(n, np.int64)
    chunk = CHUNK_WORDS // proposal.words_a_draw

    def fill(part: tuple[int, int]) -> None:
        _draw_range(proposal, words, first + part[0], drawn[slice(*part)], chunk)

    # Not more parts than chunks: rejected draws are drawn again for a whole part at once.
    in_threads(fill, ranges(n, min(n_threads, -(-n // chunk))), n_threads)
    return drawn


def _draw_range(proposal: Proposal, words: DrawWords, first: int, drawn: Integers, chunk: int) -> None:
    """Draw the integers from number `first` on."""
    a_draw = proposal.words_a_draw
    buffer = np.empty(a_draw * min(chunk, len(drawn)), np.uint64)
    again: list[Rows] = []
    for begin in range(0, len(drawn), chunk):
        part = drawn[begin : begin + chunk]
        used = buffer[: a_draw * len(part)]
        words.fill(a_draw * (first + begin), used)
        rejected, is_open = _look_up(proposal, used, part)
        used[:] = 0
        _settle(proposal, words, is_open + begin, first, 0, drawn)
        if len(rejected):
            again.append(rejected + begin)
    if again:
        _draw_again(proposal, words, np.concatenate(again), first, drawn)


def _draw_again(proposal: Proposal, words: DrawWords, rows: Rows, first: int, drawn: Integers) -> None:
    """Draw those that were not kept once more, with words of their own, until all are."""
    attempt = 0
    while len(rows):
        attempt += 1
        fresh = words.blocks(rows + first, attempt=attempt)
        part = np.empty(len(rows), np.int64)
        rejected, is_open = _look_up(proposal, fresh.reshape(-1), part)
        fresh[:] = 0
        drawn[rows] = part
        _settle(proposal, words, rows[is_open], first, attempt, drawn)
        rows = rows[rejected]


def _look_up(proposal: Proposal, words: npt.NDArray[np.uint64], drawn: Integers) -> tuple[Rows, Rows]:
    """Set the integers that the table decides; return the rows that are rejected and those that are open."""
    if proposal.words_a_draw == 1:
        from shoal_kernels.private.alias_tables import draw_from_table

        row = np.empty(len(drawn), np.int64)
        n_open = draw_from_table(words, proposal.entry, proposal.threshold_bits, drawn, row)
        return row[:0], row[:n_open]
    from shoal_kernels.private.cell_draws import draw_from_cells

    row = np.empty(len(drawn), np.int64)
    place_bits = proposal.place_bits
    bits = (proposal.threshold_bits, proposal.word_bits - place_bits, place_bits, proposal.cell_bits)
    distribution = proposal.distribution
    n_rejected, n_open = draw_from_cells(
        words, proposal.entry, bits, distribution.gaussian, float(distribution.rate), drawn, row
    )
    return row[:n_rejected], row[len(row) - n_open :]


def _settle(proposal: Proposal, words: DrawWords, rows: Rows, first: int, attempt: int, drawn: Integers) -> None:
    """Set the integers that the table left open at an attempt."""
    for row in rows.tolist():
        drawn[row] = draw_exactly(proposal, words, first + row, attempt)


def draw_exactly(proposal: Proposal, words: DrawWords, number: int, attempt: int) -> int:
    """Return one integer, from the attempt on at which its outcome or its keeping is open.

    Reads the words that the table read, and goes on with more digits where they do not decide.
    """
    while True:
        found = _try_exactly(proposal, words, number, attempt)
        if found is not None:
            return (found + (1 << 63)) % (1 << 64) - (1 << 63)
        attempt += 1


def _try_exactly(proposal: Proposal, words: DrawWords, number: int, attempt: int) -> int | None:
    """Return the integer that an attempt gives, None where it is rejected."""
    word, second = _words_of(proposal, words, number, attempt)
    coins = Coins.at(words, number, attempt=attempt)
    outcome = _outcome(proposal, word)
    last = len(proposal.share) - 1
    if outcome == last:
        outcome = proposal.open_outcome(coins)
    start, distribution, known = (
        proposal.start(outcome),
        proposal.distribution,
        proposal.word_bits - proposal.place_bits,
    )
    if outcome >= last:
        beyond = geometric(coins, distribution.slope(start))
        along, value, known = distribution.slope(start) * beyond, 0, 0
    else:
        beyond = second & ((1 << proposal.cell_bits) - 1)
        along, value = 0, second >> proposal.place_bits
    if beyond:
        x = distribution.exponent(start + beyond) - distribution.exponent(start) - along
        if x and not coins.below_exp(x, value=value, known=known):
            return None
    magnitude = start + beyond
    return -magnitude if outcome & 1 else magnitude


def _words_of(proposal: Proposal, words: DrawWords, number: int, attempt: int) -> tuple[int, int]:
    """Return the words of one number at an attempt; the second is 0 where a draw has one."""
    if attempt:
        found = words.blocks(np.array([number]), attempt=attempt)[0]
        return int(found[0]), int(found[1]) if proposal.words_a_draw == 2 else 0
    pair = np.empty(2, np.uint64)
    if proposal.words_a_draw == 2:
        words.fill(2 * number, pair)
        return int(pair[0]), int(pair[1])
    words.fill(number, pair[:1])
    return int(pair[0]), 0


def _outcome(proposal: Proposal, word: int) -> int:
    """Return the outcome of a word, as the kernel does."""
    column = word >> proposal.threshold_bits
    entry = int(proposal.entry[column])
    below = word & ((1 << proposal.threshold_bits) - 1)
    return column if below < entry >> proposal.column_bits else entry & ((1 << proposal.column_bits) - 1)
