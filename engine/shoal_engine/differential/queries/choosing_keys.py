"""Which keys may be named: partition selection by the truncated geometric rule.

Desfontaines, Voss, Gipson 2022, "Differentially private partition selection", theorem 1: of all rules that are
(epsilon, delta)-private for a group that one unit more or less may join, none keeps any group with a higher chance.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.samplers.choices import coins_below
from shoal_engine.differential.samplers.exponentials import exp_bounds
from shoal_engine.differential.words import WordStream

Ints = npt.NDArray[np.int64]

_SPARE_BITS = 64


@dataclass(frozen=True, slots=True)
class TruncatedGeometric:
    """Keeps a group of n units with chance p(n), as high as privacy allows.

    p(0) = 0 and p(n) = min(exp(epsilon) p(n - 1) + delta, 1 - exp(-epsilon) (1 - p(n - 1) - delta), 1).

    Attributes
    ----------
    epsilon, delta : Fraction
        Above 0; of one group.
    """

    epsilon: Fraction
    delta: Fraction

    def chances(self, bits: int, most: int) -> list[tuple[int, int]]:
        """Return integers around p(n) * 2**bits, for n from 0 to `most` or to the first that is kept for certain."""
        # Errors grow with the chances, from delta to 1.
        spare = bits + _SPARE_BITS + (1 / self.delta).__ceil__().bit_length()
        one = 1 << spare
        down, up = exp_bounds(self.epsilon, spare)
        above, below = self.delta.numerator << spare, self.delta.denominator
        delta = above // below, _up(above, below)
        low = high = 0
        found = [(0, 0)]
        for _ in range(most):
            # Dividing by exp(-epsilon) is multiplying by exp(epsilon), rounded outwards either way.
            grown = (low << spare) // up + delta[0], _up(high << spare, down) + delta[1]
            closed = (
                one - _up(up * max(0, one - low - delta[0]), one),
                one - down * max(0, one - high - delta[1]) // one,
            )
            low, high = min(grown[0], closed[0], one), min(grown[1], closed[1], one)
            found.append((low >> (spare - bits), _up(high, 1 << (spare - bits))))
            if low >= one:
                break
        return found

    def keep(self, n: Ints, stream: WordStream) -> npt.NDArray[np.bool_]:
        """Return which groups of some units are kept, each with its own exact chance; one draw for each size."""
        kept = np.zeros(n.size, np.bool_)
        table = self.chances(64, int(n.max(initial=0)))
        certain = len(table) - 1 if table[-1][0] == 1 << 64 else int(n.max(initial=0)) + 1
        kept[n >= certain] = True
        for size in range(1, certain):
            own = np.flatnonzero(n == size)
            # One draw for each size, whether or not any group has it, so that which are drawn tells nothing.
            kept[own] = coins_below(
                lambda bits, size=size: self.chances(bits, size)[size], stream.next_draw(), own.size
            )
        return kept


def _up(above: int, below: int) -> int:
    return -(-above // below)
