"""Peeling on plain lists and dictionaries: rungs, cells and turns as the kernel's docstring tells them."""

import heapq
from collections.abc import Hashable, Sequence

from naive.tables import Model, Table
from naive.tight import loss
from shoal_kernels.partitioning.generalization_levels import HALVINGS
from shoal_kernels.tables.dimensions import ORDERED, SET

Rung = tuple[list[Hashable], list[float]]


def rungs(table: Table, j: int, tuples: Sequence[int], k: int) -> list[Rung]:
    """Node and cost of each tuple, rung by rung; rungs that change nothing are left out."""
    size, kind, weight = table.sizes[j], table.kinds[j], 1 / len(table.sizes)
    codes = [table.codes[i][j] for i in tuples]
    ladder: list[Rung] = [(list(codes), [0.0] * len(codes))]
    if kind == SET:
        ladder.append(([0] * len(codes), [weight * min(1.0, k / size)] * len(codes)))
    elif kind == ORDERED:
        place = [code / max(1, size - 1) for code in codes]
        for halving in range(HALVINGS, 0, -1):
            nodes: list[Hashable] = [int(x * 2**halving) for x in place]
            ladder.append((nodes, [weight / 2**halving] * len(codes)))
        ladder.append(([0] * len(codes), [weight] * len(codes)))
    else:
        for level in range(1, max(1, (size - 1).bit_length() + 1)):
            nodes = [code >> level for code in codes]
            leaves = [sum(v >> level == node for v in range(size)) for node in nodes]
            ladder.append((nodes, [weight * (n / size) if n > 1 else weight * 0.0 for n in leaves]))
    kept: list[Rung] = []
    for nodes, cost in ladder:
        if not kept or len(set(nodes)) != len(set(kept[-1][0])):
            kept.append((nodes, cost))
    return kept


def cells(table: Table, tuples: Sequence[int], k: int, models: Sequence[Model]) -> list[list[int]]:
    """The classes that peeling takes, in order; places in `tuples`."""
    ladders = [rungs(table, j, tuples, k) for j in range(len(table.sizes))]
    rows = [table.weight[i] for i in tuples]

    def turn(vector: tuple[int, ...]) -> float:
        due = 0.0
        for ladder, rung in zip(ladders, vector, strict=True):
            total = 0.0
            for cost, weight in zip(ladder[rung][1], rows, strict=True):
                total += cost * weight
            due += 0.5 * (min(ladder[rung][1]) + total / sum(rows))
        return due

    free, taken = list(range(len(tuples))), []
    known, heap, seen = [((0,) * len(ladders), 0)], [(0.0, 0)], set[int]()
    while heap and sum(rows[p] for p in free) >= k:
        due, v = heapq.heappop(heap)
        vector, last = known[v]
        for j in range(last, len(ladders)) if v not in seen else ():
            if vector[j] + 1 < len(ladders[j]):
                known.append(((*vector[:j], vector[j] + 1, *vector[j + 1 :]), j))
                heapq.heappush(heap, (turn(known[-1][0]), len(known) - 1))
        seen.add(v)
        found: dict[tuple[Hashable, ...], list[int]] = {}
        full: list[list[int]] = []
        for p in free:
            cell = found.setdefault(tuple(l[r][0][p] for l, r in zip(ladders, vector, strict=True)), [])
            before = sum(rows[q] for q in cell)
            cell.append(p)
            if before < k <= before + rows[p]:
                full.append(cell)
        later = []
        for cell in full:
            cost = 0.0
            for ladder, rung in zip(ladders, vector, strict=True):
                cost += ladder[rung][1][cell[-1]]
            if cost > due + 1e-12:
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
