"""Units of classes counted row by row: members, what their values weigh, and values that distinct units hold."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

Row = tuple[Hashable, Hashable, Any]
"""The class of a row, its unit, and its sensitive value."""


def members(rows: Sequence[Row]) -> dict[Hashable, set[Hashable]]:
    found: dict[Hashable, set[Hashable]] = defaultdict(set)
    for class_, unit, _ in rows:
        found[class_].add(unit)
    return dict(found)


def carried(rows: Sequence[Row]) -> dict[Hashable, int]:
    """For each class the most values that distinct units hold, one each: augmenting paths, one by one."""
    holders: dict[Hashable, dict[Any, set[Hashable]]] = defaultdict(lambda: defaultdict(set))
    for class_, unit, value in rows:
        holders[class_][value].add(unit)
    return {class_: _matched(values) for class_, values in holders.items()}


def _matched(holders: Mapping[Any, set[Hashable]]) -> int:
    partner: dict[Hashable, Any] = {}

    def find(value: Any, tried: set[Hashable]) -> bool:
        for unit in holders[value]:
            if unit not in tried:
                tried.add(unit)
                if unit not in partner or find(partner[unit], tried):
                    partner[unit] = value
                    return True
        return False

    return sum(find(value, set()) for value in holders)


def weighed(rows: Sequence[Row], values: Sequence[Any]) -> tuple[dict[Hashable, list[int]], list[Fraction]]:
    """What each value weighs in each class, in integers, and its share of all classes together."""
    n = Counter((class_, unit) for class_, unit, _ in rows)
    grid = lcm(*n.values())
    counts: dict[Hashable, list[int]] = defaultdict(lambda: [0] * len(values))
    for class_, unit, value in rows:
        counts[class_][values.index(value)] += grid // n[class_, unit]
    whole = [sum(count[v] for count in counts.values()) for v in range(len(values))]
    return dict(counts), [Fraction(one, sum(whole)) for one in whole]
