"""What a class's sensitive values measure, in exact fractions wherever the definition allows."""

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction


def entropy_reaches(counts: Sequence[int], limit: Fraction) -> bool:
    """n^n >= limit^n * prod(c^c), in integers."""
    n = sum(counts)
    product = math.prod(c**c for c in counts if c)
    return n**n * limit.denominator**n >= limit.numerator**n * product


def recursive_holds(counts: Sequence[int], c: Fraction, l: int) -> bool:
    ranked = sorted((x for x in counts if x), reverse=True)
    return bool(ranked) and ranked[0] < c * sum(ranked[l - 1 :])


def distance_equal(counts: Sequence[int], reference: Sequence[Fraction]) -> Fraction:
    n = sum(counts)
    return sum((abs(Fraction(p, n) - q) for p, q in zip(counts, reference, strict=True)), Fraction(0)) / 2


def distance_ordered(counts: Sequence[int], reference: Sequence[Fraction]) -> Fraction:
    n, m = sum(counts), len(counts)
    extras = [Fraction(p, n) - q for p, q in zip(counts, reference, strict=True)]
    total = sum((abs(sum(extras[: i + 1], Fraction(0))) for i in range(m)), Fraction(0))
    return total / max(1, m - 1)


def distance_tree(counts: Sequence[int], reference: Sequence[Fraction], levels: Sequence[Sequence[int]]) -> Fraction:
    """Li et al. 2007, section 4.2, as written: the cost of every inner node from its children's extras."""
    n, height = sum(counts), len(levels) - 1
    if height == 0:
        return Fraction(0)
    extras = [Fraction(p, n) - q for p, q in zip(counts, reference, strict=True)]
    total = Fraction(0)
    for h in range(1, height + 1):
        for node in set(levels[h]):
            members = [v for v in range(len(counts)) if levels[h][v] == node]
            children = {levels[h - 1][v] for v in members}
            moved = [sum((extras[v] for v in members if levels[h - 1][v] == c), Fraction(0)) for c in children]
            positive = sum((x for x in moved if x > 0), Fraction(0))
            negative = -sum((x for x in moved if x < 0), Fraction(0))
            total += Fraction(h, height) * min(positive, negative)
    return total


def histogram(values: Sequence[int], n_values: int) -> list[int]:
    seen = Counter(values)
    return [seen[v] for v in range(n_values)]


def grassberger_values(counts: Sequence[int]) -> float:
    """exp of psi(n / 2 + 1 / 2) - sum of the same over counts, of even halves; no more than the values there are."""

    def stand_in(count: int) -> Fraction:  # without -gamma - ln 2, which cancels
        return sum((Fraction(2, 2 * i - 1) for i in range(1, count // 2 + 1)), Fraction(0))

    n = sum(counts)
    entropy = stand_in(n) - sum((Fraction(c, n) * stand_in(c) for c in counts), Fraction(0))
    return min(math.exp(entropy), sum(c > 0 for c in counts))


def ratios(counts: Sequence[int], reference: Sequence[Fraction]) -> list[Fraction]:
    """q / p of every value of the table."""
    n = sum(counts)
    return [Fraction(c, n) / p for c, p in zip(counts, reference, strict=True) if p]


def delta(counts: Sequence[int], reference: Sequence[Fraction], *, strict: bool) -> float:
    found = ratios(counts, reference)
    if strict and 0 in found:
        return math.inf
    return max(abs(math.log(r)) for r in found if r)


def beta(counts: Sequence[int], reference: Sequence[Fraction]) -> Fraction:
    return max(r - 1 for r in ratios(counts, reference))


def beta_enhanced(counts: Sequence[int], reference: Sequence[Fraction]) -> float:
    shares = [p for p in reference if p]
    gains = [(r - 1, -math.log(p)) for r, p in zip(ratios(counts, reference), shares, strict=True) if r > 1]
    return math.inf if any(gain > surprise for gain, surprise in gains) else float(beta(counts, reference))


def alpha(counts: Sequence[int]) -> Fraction:
    return Fraction(max(counts), sum(counts))
