"""People of a population counted the slow way: every person is held against every row's labels."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

Row = tuple[Any, ...]


def stands_for(label: Any, value: Any, *, generalizes_nulls: bool) -> bool:
    """Return whether a label without ambiguity (integers, words without punctuation, masked text) fits a value."""
    if label is None or value is None:
        mixed = isinstance(label, str) and (label == "*" or "null" in label.strip("{}").split(", "))
        return label is value or (value is None and generalizes_nulls and mixed)
    text = str(value)
    if label.startswith("["):
        low, high = label[1:-1].split(", ")
        return int(low) <= int(value) <= int(high)
    if label.startswith("{"):
        return text in label[1:-1].split(", ")
    if "*" in label:
        return len(label) == 1 or (len(label) == len(text) and text.startswith(label.rstrip("*")))
    return label == text


def people_of_classes(
    released: Sequence[Row], population: Sequence[Row], *, generalizes_nulls: bool
) -> dict[Row, tuple[int, int]]:
    """Return rows and people of each class."""
    return {
        labels: (
            n,
            sum(
                all(stands_for(a, b, generalizes_nulls=generalizes_nulls) for a, b in zip(labels, person, strict=True))
                for person in population
            ),
        )
        for labels, n in Counter(released).items()
    }


def presence(sample: Sequence[Row], population: Sequence[Row], generalized: Callable[[Row], Row]) -> list[float]:
    """Return the chance of each class of the population to be in the sample, all values generalized alike."""
    rows, people = Counter(map(generalized, sample)), Counter(map(generalized, population))
    return [rows[key] / n for key, n in people.items()]


def fewest_people(sample: Sequence[Row], population: Sequence[Row], generalized: Callable[[Row], Row]) -> int:
    """Return the people of the class of the sample that has fewest."""
    people = Counter(map(generalized, population))
    return min(people[generalized(row)] for row in sample)
