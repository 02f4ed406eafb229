"""Mondrian as the paper has it, on plain lists: no packing, no sorting tricks, one recursion."""

from collections.abc import Callable, Sequence

Codes = Sequence[tuple[int, ...]]
Width = Callable[[int, int, int], float]
Holds = Callable[[Sequence[int]], bool]


def strict(codes: Codes, weight: Sequence[int], width: Width, holds: Holds) -> list[set[int]]:
    """Return the classes as sets of tuples; `holds` judges a list of tuples."""

    def cut(node: list[int]) -> list[set[int]]:
        for j in by_width(codes, node, width):
            ways = []
            for value in sorted({codes[i][j] for i in node})[:-1]:
                left = [i for i in node if codes[i][j] <= value]
                right = [i for i in node if codes[i][j] > value]
                if holds(left) and holds(right):
                    off = abs(sum(weight[i] for i in left) - sum(weight[i] for i in right))
                    ways.append((off, value, left, right))
            if ways:
                _, _, left, right = min(ways)
                return cut(left) + cut(right)
        return [set(node)]

    return cut(list(range(len(codes))))


def relaxed(codes: Codes, width: Width, holds: Holds) -> list[set[int]]:
    """Return the classes as sets of rows; equal values may go to either side."""

    def cut(node: list[int]) -> list[set[int]]:
        for j in by_width(codes, node, width) or [0]:
            ranked = sorted(node, key=lambda i: (codes[i][j], i))
            ways = []
            for place in range(1, len(node)):
                left, right = sorted(ranked[:place]), sorted(ranked[place:])
                if holds(left) and holds(right):
                    ways.append((abs(len(left) - len(right)), place, left, right))
            if ways:
                _, _, left, right = min(ways)
                return cut(left) + cut(right)
        return [set(node)]

    return cut(list(range(len(codes))))


def by_width(codes: Codes, node: Sequence[int], width: Width) -> list[int]:
    """Return the dimensions with at least two codes in the node, widest first."""
    d = len(codes[0])
    ends = [(min(codes[i][j] for i in node), max(codes[i][j] for i in node)) for j in range(d)]
    open_ = [j for j in range(d) if ends[j][0] < ends[j][1]]
    return sorted(open_, key=lambda j: (-width(j, *ends[j]), j))
