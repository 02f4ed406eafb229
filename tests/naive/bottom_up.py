"""Bottom-up local recoding on plain lists and dictionaries, step by step as in the kernel's docstring."""

import heapq
from collections.abc import Hashable, Sequence

from naive.tables import Model, Table
from naive.tight import loss
from shoal_kernels.partitioning.generalization_levels import HALVINGS
from shoal_kernels.tables.dimensions import ORDERED, SET

Level = tuple[list[Hashable], list[float]]


def levels_of(table: Table, j: int, tuples: Sequence[int], k: int) -> list[Level]:
    """Node and cost of each tuple, level by level, without levels that merge no tuples."""
    size, kind, weight = table.sizes[j], table.kinds[j], 1 / len(table.sizes)
    codes = [table.codes[i][j] for i in tuples]
    levels: list[Level] = [(list(codes), [0.0] * len(codes))]
    if kind == SET:
        levels.append(([0] * len(codes), [weight * min(1.0, k / size)] * len(codes)))
    elif kind == ORDERED:
        place = [code / max(1, size - 1) for code in codes]
        for halving in range(HALVINGS, 0, -1):
            nodes: list[Hashable] = [int(x * 2**halving) for x in place]
            levels.append((nodes, [weight / 2**halving] * len(codes)))
        levels.append(([0] * len(codes), [weight] * len(codes)))
    else:
        for level in range(1, max(1, (size - 1).bit_length() + 1)):
            nodes = [code >> level for code in codes]
            leaves = [sum(v >> level == node for v in range(size)) for node in nodes]
            levels.append((nodes, [weight * (n / size) if n > 1 else weight * 0.0 for n in leaves]))
    kept: list[Level] = []
    for nodes, cost in levels:
        if not kept or len(set(nodes)) != len(set(kept[-1][0])):
            kept.append((nodes, cost))
    return kept


def cells(table: Table, tuples: Sequence[int], k: int, models: Sequence[Model]) -> list[list[int]]:
    """The classes that bottom-up recoding takes, in order; places in `tuples`."""
    dimensions = [levels_of(table, j, tuples, k) for j in range(len(table.sizes))]
    rows = [table.weight[i] for i in tuples]

    def priority_of(node: tuple[int, ...]) -> float:
        priority = 0.0
        for levels, level in zip(dimensions, node, strict=True):
            total = 0.0
            for cost, weight in zip(levels[level][1], rows, strict=True):
                total += cost * weight
            priority += 0.5 * (min(levels[level][1]) + total / sum(rows))
        return priority

    free, taken = list(range(len(tuples))), []
    generated, heap, seen = [((0,) * len(dimensions), 0)], [(0.0, 0)], set[int]()
    while heap and sum(rows[p] for p in free) >= k:
        priority, v = heapq.heappop(heap)
        node, last = generated[v]
        for j in range(last, len(dimensions)) if v not in seen else ():
            if node[j] + 1 < len(dimensions[j]):
                generated.append(((*node[:j], node[j] + 1, *node[j + 1 :]), j))
                heapq.heappush(heap, (priority_of(generated[-1][0]), len(generated) - 1))
        seen.add(v)
        found: dict[tuple[Hashable, ...], list[int]] = {}
        full: list[list[int]] = []
        for p in free:
            cell = found.setdefault(tuple(l[r][0][p] for l, r in zip(dimensions, node, strict=True)), [])
            before = sum(rows[q] for q in cell)
            cell.append(p)
            if before < k <= before + rows[p]:
                full.append(cell)
        later = []
        for cell in full:
            cost = 0.0
            for levels, level in zip(dimensions, node, strict=True):
                cost += levels[level][1][cell[-1]]
            if cost > priority + 1e-12:
                later.append(cost)
            elif table.holds([tuples[p] for p in cell], k, models):
                taken.append(cell)
                free = [p for p in free if p not in cell]
        if later:
            heapq.heappush(heap, (min(later), v))
    return taken


def total_loss(table: Table, classes: Sequence[Sequence[int]]) -> float:
    """Loss of all rows."""
    return sum(sum(table.weight[i] for i in members) * loss(table, members) for members in classes)
