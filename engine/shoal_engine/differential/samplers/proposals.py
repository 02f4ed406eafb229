"""Draw from a distribution: an alias table over cells of magnitudes, and the cases that it leaves open.

Outcome ``2 * h + s`` is cell h on the side of the sign s: the magnitudes from ``start = h * 2**k + s``, 2**k of
them, all taken to be as likely as `start`; a place within the cell is then kept with the right probability. With
``k = 0`` a cell is one integer and there is nothing to keep. Two more outcomes are the tails beyond the cells.

Each outcome's share of the words is rounded down, so no word stands for a wrong outcome; the words left over,
once in 2**45 or less, are shared out exactly among all outcomes by as many more digits as that takes.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.samplers.coins import Coins, exp_bounds
from shoal_engine.differential.samplers.distributions import NoiseDistribution

WORD_BITS: Final = 64
LEAST_COLUMN_BITS: Final = 4
MOST_COLUMN_BITS: Final = 16
"""Half a MiB, which the second-level cache holds; wider distributions are drawn by cells."""
CELL_COLUMN_BITS: Final = 12
TABLES_KEPT: Final = 16
"""16 MiB at most."""
LEAST_PLACE_BITS: Final = 11
"""So that the bits that decide, those above, are a number that float64 holds exactly."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Bounds of the outcomes' weights, in order, the two tails last: in integers."""

    low: list[int]
    high: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """An alias table for a distribution.

    Attributes
    ----------
    distribution : NoiseDistribution
    column_bits : int
        Binary logarithm of the table's entries.
    cell_bits : int
        Binary logarithm of a cell's magnitudes, k.
    word_bits : int
        64; the tests have shorter words, so that they can try all of them.
    share : (2**column_bits,) uint64
        Words for each outcome; the last are those left open.
    entry : (2**column_bits,) uint64
        See `shoal_kernels.private.alias_tables`.
    """

    distribution: NoiseDistribution
    column_bits: int
    cell_bits: int
    word_bits: int
    share: npt.NDArray[np.uint64] = field(repr=False)
    entry: npt.NDArray[np.uint64] = field(repr=False)

    @property
    def threshold_bits(self) -> int:
        """Return the bits of a word below those that name a column."""
        return self.word_bits - self.column_bits

    @property
    def place_bits(self) -> int:
        """Return the bits of the second word that do not decide; the lowest of them are the place."""
        return max(self.cell_bits, LEAST_PLACE_BITS)

    @property
    def words_a_draw(self) -> int:
        """Return 2 where a cell has places to choose from, else 1."""
        return 2 if self.cell_bits else 1

    def start(self, outcome: int) -> int:
        """Return the least magnitude of an outcome; a tail's magnitudes have no end."""
        return ((outcome >> 1) << self.cell_bits) + (outcome & 1)

    def open_outcome(self, coins: Coins) -> int:
        """Return the outcome of a word that the table leaves open; ``n - 1`` and `n` are the tails.

        Outcome j has the probability that exceeds its share of the words. A uniform
        number is held against the sums of these, with ever more digits of both until it is clear between which
        two it lies.
        """
        *given, n_open = self.share.tolist()
        given.append(0)
        known = self.word_bits + 128
        value = coins.digits(known)
        while True:
            found = weights(self.distribution, self.column_bits, self.cell_bits, known)
            total_low, total_high = sum(found.low), sum(found.high)
            # All that is compared is in units of total / 2**(word_bits + known).
            least, most = value * n_open * total_low, (value + 1) * n_open * total_high
            low, high, words = 0, 0, 0
            for outcome, its_words in enumerate(given):
                low, high, words = low + found.low[outcome], high + found.high[outcome], words + its_words
                if most <= ((low << self.word_bits) - words * total_high) << known:
                    return outcome
                if least < ((high << self.word_bits) - words * total_low) << known:
                    break
            else:
                return len(given)
            value, known = value << 128 | coins.digits(128), known + 128


def weights(distribution: NoiseDistribution, column_bits: int, cell_bits: int, bits: int) -> Weights:
    """Return how likely the outcomes are, as against magnitude 0, and per magnitude of a cell."""
    # Errors grow with the square of the steps, of which a table of single magnitudes takes the most.
    spare = 2 * column_bits + 4
    n = 1 << (column_bits - 1)
    if cell_bits:
        sides = [_steps(distribution, side, 1 << cell_bits, n, bits + spare) for side in (0, 1)]
    else:
        steps = _steps(distribution, 0, 1, n + 1, bits + spare)
        sides = [steps[:-1], steps[1:]]
    low = [w >> spare for w in chain.from_iterable(zip(*sides, strict=True))]
    high = [w + 2 for w in low]
    for outcome in (2 * n - 1, 2 * n):
        start = ((outcome >> 1) << cell_bits) + (outcome & 1)
        tail = _tail(distribution, start, cell_bits, bits)
        low[outcome:], high[outcome:] = [tail[0]], [tail[1]]
    return Weights(low, high)


def _steps(distribution: NoiseDistribution, start: int, step: int, n: int, bits: int) -> list[int]:
    """Return exp(-exponent) at `n` magnitudes a step apart, rounded down by less than ``4 * n**2`` units.

    Each is the one before times a ratio, and each ratio is the one before times a constant, as an exponent of
    second degree has it. Of factors below one, errors add up: the ratio's are below 3 units a step.
    """
    first, second, third = (distribution.exponent(start + j * step) for j in range(3))
    weight = exp_bounds(first, bits)[0]
    ratio = exp_bounds(second - first, bits)[0]
    change = exp_bounds(third - 2 * second + first, bits)[0]
    found: list[int] = []
    for _ in range(n):
        found.append(weight)
        weight = weight * ratio >> bits
        ratio = ratio * change >> bits
    return found


def _tail(distribution: NoiseDistribution, start: int, cell_bits: int, bits: int) -> tuple[int, int]:
    """Return bounds of what all magnitudes from `start` on weigh if the exponent went on along its slope."""
    # A ratio close to 1 is known less well as against its distance from 1.
    bits_within = bits + 2 * WORD_BITS
    one = 1 << bits_within
    low, high = exp_bounds(distribution.exponent(start), bits_within)
    ratio_low, ratio_high = exp_bounds(distribution.slope(start), bits_within)
    low, high = (low << bits_within) // (one - ratio_low), -((-high << bits_within) // (one - ratio_high))
    scale = cell_bits + 2 * WORD_BITS
    return low >> scale, (high >> scale) + 1


def propose(
    distribution: NoiseDistribution, column_bits: int, cell_bits: int, *, word_bits: int = WORD_BITS
) -> Proposal:
    """Build the table of a distribution.

    Every share is at most the outcome's probability times the number of words, whatever was rounded.
    """
    from shoal_kernels.private.alias_tables import build_alias_table

    n_words = 1 << word_bits
    found = weights(distribution, column_bits, cell_bits, word_bits + 64)
    total = sum(found.high)
    # The two tails are open whatever they weigh.
    share = [low * n_words // total for low in found.low[:-2]]
    share.append(n_words - sum(share))
    words, entry = np.array(share, np.uint64), np.empty(1 << column_bits, np.uint64)
    build_alias_table(words, word_bits - column_bits, entry)
    words.flags.writeable = entry.flags.writeable = False
    return Proposal(distribution, column_bits, cell_bits, word_bits, words, entry)


@lru_cache(TABLES_KEPT)
def proposal_of(distribution: NoiseDistribution) -> Proposal:
    """Return the table of a distribution; the last few are kept."""
    column_bits = max(LEAST_COLUMN_BITS, distribution.reach.bit_length() + 1)
    if column_bits <= MOST_COLUMN_BITS:
        return propose(distribution, column_bits, 0)
    return propose(distribution, CELL_COLUMN_BITS, distribution.cell_bits)
