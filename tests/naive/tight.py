"""Loss of classes and optimal grouping of an order, on plain lists."""

from collections.abc import Callable, Sequence

from naive.tables import Table
from shoal_kernels.tables.dimensions import SET


def loss(table: Table, tuples: Sequence[int]) -> float:
    """Mean over dimensions of what a row of the class loses."""
    total = 0.0
    for j, kind in enumerate(table.kinds):
        codes = {table.codes[i][j] for i in tuples}
        if len(codes) > 1:
            total += len(codes) / table.sizes[j] if kind == SET else table.width(j, min(codes), max(codes))
    return total / len(table.kinds)


def least_loss_of_runs(n: int, holds: Callable[[range], bool], cost: Callable[[range], float]) -> float:
    """Try every cut of 0..n-1 into runs that hold; infinite where no cut holds."""

    memo = [0.0]
    for end in range(1, n + 1):
        runs = [range(begin, end) for begin in range(end)]
        memo.append(min((memo[r.start] + cost(r) for r in runs if holds(r)), default=float("inf")))
    return memo[n]
