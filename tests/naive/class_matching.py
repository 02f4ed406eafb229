"""Slow, obvious linkage on classes: every person against every class, label by label as sets of values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

Label = frozenset[int]


@dataclass
class Found:
    """What is found of one person."""

    classes: list[int] = field(default_factory=list)
    rows: int = 0
    total: float = 0.0
    best: float = 0.0
    even: float = 0.0
    weighted: float = 0.0
    left: dict[int, int] = field(default_factory=dict)
    weights: dict[int, float] = field(default_factory=dict)
    most: dict[int, float] = field(default_factory=dict)
    own: float = 0.0


def look_up(
    classes: Sequence[Sequence[Label]],
    size: Sequence[int],
    values: Sequence[dict[int, int]],
    n_values: Sequence[int],
    person: Sequence[int | None],
    mismatches: int,
    own: int | None,
) -> Found:
    """Look one person up; a label that disagrees counts as one of all values of its column."""
    found = Found()
    weight_of: dict[int, float] = {}
    known = [j for j, value in enumerate(person) if value is not None]
    for c, labels in enumerate(classes):
        fails = [j for j in known if person[j] not in labels[j]]
        if len(fails) > mismatches:
            continue
        weight = prod(1 / (n_values[j] if j in fails else max(1, len(labels[j]))) for j in known)
        weight_of[c] = weight
        found.classes.append(c)
        found.rows += size[c]
        found.total += size[c] * weight
        for value, count in values[c].items():
            found.left[value] = found.left.get(value, 0) + count
            found.weights[value] = found.weights.get(value, 0.0) + count * weight
            found.most[value] = max(found.most.get(value, 0.0), weight)
    if weight_of:
        found.best = max(weight_of.values()) / found.total
    if own in weight_of:
        found.own = weight_of[own]
        found.even, found.weighted = 1 / found.rows, weight_of[own] / found.total
    return found


def common(first: dict[int, int], second: dict[int, int]) -> int:
    """Count people who may be in both: of each value as many as rows in either."""
    return sum(min(rows, second.get(value, 0)) for value, rows in first.items())


def common_by_weight(first: Found, second: Found, own_value: int | None) -> tuple[float, float]:
    """Return the probability of the likeliest row that may be in both, and of the own one."""
    both = {v: min(weight, second.weights[v]) for v, weight in first.weights.items() if v in second.weights}
    total = sum(both.values())

    def chance(value: int, one: float, two: float) -> float:
        return both[value] / total * max(one / first.weights[value], two / second.weights[value])

    claimed = max((chance(v, first.most[v], second.most[v]) for v in both), default=0.0)
    right = chance(own_value, first.own, second.own) if first.own and second.own and own_value in both else 0.0
    return claimed, right
