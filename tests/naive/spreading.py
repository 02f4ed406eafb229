"""Rows of a generalized column spread over the values of its labels, class by class, in exact fractions."""

from collections.abc import Sequence
from fractions import Fraction

Label = tuple[Sequence[int], Sequence[int]]
"""Values that a label allows, and those that are known to occur."""


def spread_class(rows: int, label: Label, share: Sequence[Fraction]) -> dict[int, Fraction]:
    """Return the rows expected of each value of one class."""
    allowed, known = label
    found = {value: Fraction(0) for value in allowed}
    for value in known:
        found[value] += min(Fraction(1), Fraction(rows, len(known)))
    rest = max(0, rows - len(known))
    total = sum(share[value] for value in allowed)
    for value in allowed:
        found[value] += rest * share[value] / total
    return found


def shares(classes: Sequence[tuple[int, Label]], n_values: int, rounds: int) -> list[Fraction]:
    share = [Fraction(1, n_values)] * n_values
    n_rows = sum(rows for rows, _ in classes)
    for _ in range(rounds):
        total = [Fraction(0)] * n_values
        for rows, label in classes:
            for value, expected in spread_class(rows, label, share).items():
                total[value] += expected
        share = [one / n_rows for one in total]
    return share
