"""Full-domain generalization over plain rows: every node grouped again, every cost by its definition."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Row = tuple[str, ...]
Trees = Sequence[dict[str, tuple[str, ...]]]
"""For each column, the path of each leaf of the hierarchy: itself, its parent, ..., the root."""


@dataclass(frozen=True)
class Node:
    levels: tuple[int, ...]
    released: list[list[int]]
    suppressed: list[list[int]]

    @property
    def n_suppressed(self) -> int:
        return sum(map(len, self.suppressed))


def nodes(rows: Sequence[Row], trees: Trees, holds: Callable[[list[int]], bool]) -> list[Node]:
    """Return every node, the last column's level fastest; `holds` judges the numbers of a class's rows."""
    heights = [len(next(iter(tree.values()))) for tree in trees]
    found = []
    for levels in itertools.product(*map(range, heights)):
        classes: dict[Row, list[int]] = {}
        for i, row in enumerate(rows):
            classes.setdefault(labels(row, trees, levels), []).append(i)
        good = [members for members in classes.values() if holds(members)]
        bad = [members for members in classes.values() if not holds(members)]
        found.append(Node(levels, good, bad))
    return found


def labels(row: Row, trees: Trees, levels: tuple[int, ...]) -> Row:
    return tuple(tree[value][level] for value, tree, level in zip(row, trees, levels, strict=True))


def leaves(trees: Trees, j: int, value: str, level: int) -> int:
    return sum(path[level] == trees[j][value][level] for path in trees[j].values())


def loss(rows: Sequence[Row], trees: Trees, node: Node) -> float:
    product = 1.0
    for j, level in enumerate(node.levels):
        all_leaves = len(trees[j])
        shares = [leaves(trees, j, rows[i][j], level) / all_leaves for c in node.released for i in c]
        mean = (sum(shares) + node.n_suppressed) / len(rows)
        product *= 1 + ((mean - 1 / all_leaves) / (1 - 1 / all_leaves) if all_leaves > 1 else 0.0)
    return product ** (1 / len(trees)) - 1


def precision(rows: Sequence[Row], trees: Trees, node: Node) -> float:
    heights = [len(next(iter(tree.values()))) - 1 for tree in trees]
    kept = len(rows) - node.n_suppressed
    cells = sum(kept * level / height if height else 0.0 for level, height in zip(node.levels, heights, strict=True))
    return (cells + node.n_suppressed * len(trees)) / (len(rows) * len(trees))


def entropy(rows: Sequence[Row], trees: Trees, node: Node) -> float:
    bits = 0.0
    for j, level in enumerate(node.levels):
        values = Counter(row[j] for row in rows)
        labelled = Counter(trees[j][row[j]][level] for row in rows)
        bits -= sum(math.log2(values[row[j]] / labelled[trees[j][row[j]][level]]) for row in rows)
    return bits


def entropy_suppressed(rows: Sequence[Row], trees: Trees, node: Node) -> float:
    bits = entropy(rows, trees, node)
    gone = [rows[i] for c in node.suppressed for i in c]
    for j, level in enumerate(node.levels):
        labelled = Counter(trees[j][row[j]][level] for row in gone)
        bits -= sum(math.log2(labelled[trees[j][row[j]][level]] / len(gone)) for row in gone)
    return bits


def average_class_size(rows: Sequence[Row], trees: Trees, node: Node) -> float:
    return len(rows) / (len(node.released) + bool(node.suppressed))


def discernibility(rows: Sequence[Row], trees: Trees, node: Node) -> float:
    return sum(len(c) ** 2 for c in node.released) + node.n_suppressed * len(rows)


def discernibility_even(rows: Sequence[Row], trees: Trees, node: Node) -> float:
    return sum(len(c) ** 2 for c in node.released + node.suppressed)


def _area(rows: Sequence[Row], trees: Trees, levels: tuple[int, ...], i: int) -> int:
    return math.prod(leaves(trees, j, rows[i][j], level) for j, level in enumerate(levels))


def ambiguity(rows: Sequence[Row], trees: Trees, node: Node) -> float:
    everything = math.prod(map(len, trees))
    released = sum(_area(rows, trees, node.levels, i) for c in node.released for i in c)
    return (released + everything * node.n_suppressed) / len(rows)


def divergence(rows: Sequence[Row], trees: Trees, node: Node) -> float:
    n, tuples = len(rows), Counter(rows)
    spread: dict[Row, float] = {}
    for c in node.released:
        for i in c:
            spread[rows[i]] = len(c) / n / _area(rows, trees, node.levels, i)
    for c in node.suppressed:
        for i in c:
            spread[rows[i]] = node.n_suppressed / n / math.prod(map(len, trees))
    return sum(count / n * math.log(count / n / spread[row]) for row, count in tuples.items())


COSTS: dict[str, Callable[[Sequence[Row], Trees, Node], float]] = {
    "loss": loss,
    "average-class-size": average_class_size,
    "discernibility": discernibility,
    "discernibility-even": discernibility_even,
    "entropy": entropy,
    "entropy-suppressed": entropy_suppressed,
    "precision": precision,
    "ambiguity": ambiguity,
    "divergence": divergence,
}
