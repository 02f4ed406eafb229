import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from naive import tight as naive
from naive.tables import Table, tables
from shoal_kernels._types import Matrix, OutVector, Vector, kernel
from shoal_kernels.partitioning.bounding_boxes import make_points
from shoal_kernels.partitioning.optimal_partition import optimal_partition
from shoal_kernels.tables.dimensions import Dimensions


@kernel
def _optimal_partition(
    dims: Dimensions,
    words: Matrix[np.uint64],
    weight: Vector[np.int64],
    items: Vector[np.int64],
    k: int,
    begin: OutVector[np.int64],
) -> int:
    return optimal_partition(dims, make_points(dims, words, weight, np.arange(len(items))), items, k, begin)


@given(tables(), st.integers(1, 12), st.randoms())
@settings(deadline=None, max_examples=60)
def test_optimal_partition__is_optimal_for_the_order(table: Table, k: int, random: st.randoms) -> None:
    assume(sum(table.weight) >= k)
    n = len(table.codes)
    order = list(range(n))
    random.shuffle(order)
    dims = table.dimensions()
    begin = np.empty(n, np.int64)
    weight = np.array(table.weight, np.int64)
    count = _optimal_partition(dims, table.words(dims), weight, np.array(order, np.int64), k, begin)

    def rows(run: range) -> int:
        return sum(table.weight[order[p]] for p in run)

    def cost(run: range) -> float:
        return rows(run) * naive.loss(table, [order[p] for p in run])

    ends = [*begin[1:count].tolist(), n]
    runs = [range(first, last) for first, last in zip(begin[:count].tolist(), ends, strict=True)]
    assert begin[0] == 0
    assert all(rows(run) >= k for run in runs)
    best = naive.least_loss_of_runs(n, lambda run: rows(run) >= k, cost)
    assert abs(sum(map(cost, runs)) - best) < 1e-4
