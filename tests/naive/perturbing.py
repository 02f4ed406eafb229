"""Slow, obvious post-randomization and rank swapping, from words that are given."""

from collections.abc import Sequence
from fractions import Fraction

WORD = 2**64


def randomize(
    words: Sequence[Sequence[int]], codes: Sequence[int], table: Sequence[int], alpha: Fraction, pd: Fraction
) -> list[int]:
    """Send each row through the two stages, probabilities as fractions; `table` holds the values of all rows."""
    values = sorted(set(table))
    result = []
    for (enter, keep_first, other, keep_second, row), code in zip(words, codes, strict=True):
        value = code
        if Fraction(enter, WORD) < alpha:
            if Fraction(keep_first, WORD) >= pd:
                others = [v for v in values if v != value]
                value = others[other * len(others) // WORD]
            leak = (1 - pd) / (len(values) - 1)
            here = sum(v == value for v in table)
            back = pd * here / (pd * here + leak * (len(table) - here))
            if Fraction(keep_second, WORD) >= back:
                rows = sorted(v for v in table if v != value)
                value = rows[row * len(rows) // WORD]
        result.append(value)
    return result


def pair_ranks(words: Sequence[int], reach: int) -> list[int]:
    """Pair each free rank with one of the free ranks within reach above it; the choice is as the words fall."""
    n = len(words)
    partner = list(range(n))
    free: list[int] = []
    for rank in range(n):
        # The list holds every rank up to the reach once; who leaves is replaced by the last.
        first = 0 if rank == 0 else min(n, rank + reach)
        free += range(first, min(n, rank + reach + 1))
        if partner[rank] != rank:
            continue
        _leave(free, rank)
        if free:
            chosen = free[words[rank] * len(free) // WORD]
            _leave(free, chosen)
            partner[rank], partner[chosen] = chosen, rank
    return partner


def _leave(free: list[int], rank: int) -> None:
    place = free.index(rank)
    free[place] = free[-1]
    free.pop()
