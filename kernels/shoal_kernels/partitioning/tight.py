"""The tight method for one block of tuples: order them, group the order optimally, improve the classes."""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Ints, Matrix, OutVector, Vector, kernel
from shoal_kernels.criteria.block_criteria import make_criteria, meets_criteria
from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.partitioning.bounding_boxes import make_points
from shoal_kernels.partitioning.cutting import best_cut, find_cuts, make_workspace, partition_stably, sort_by_column
from shoal_kernels.partitioning.local_search import improve_classes
from shoal_kernels.partitioning.optimal_partition import optimal_partition, partition_meeting
from shoal_kernels.partitioning.tuple_ordering import order_tuples
from shoal_kernels.tables.dimensions import Dimensions

BLOCK_SAMPLE = 1024
"""Number of tuples from which the cut of a node too large for one block is chosen."""


@inner
def put_heavy_last(weight: Ints, models: Models) -> tuple[Ints, int]:
    """Return all tuples, heavy ones last, and the number of the others.

    A heavy tuple has at least k rows: as a class of its own it loses nothing, and in the order it would only
    separate its neighbors. With other models, or if the light tuples have fewer than k rows, none is heavy.
    """
    n = weight.shape[0]
    k = models.k[0]
    items = np.arange(n)
    # Fewer than k light rows, but not none, would be left without a class.
    light_rows = 0
    for item in range(n):
        if weight[item] < k:
            light_rows += weight[item]
    if models.kind.shape[0] > 0 or 0 < light_rows < k:
        return items, n
    n_light, heavy_from = 0, n
    for item in range(n):
        if weight[item] < k:
            items[n_light] = item
            n_light += 1
        else:
            heavy_from -= 1
            items[heavy_from] = item
    return items, n_light


@kernel
def cut_block(
    dims: Dimensions,
    words: Matrix[np.uint64],
    weight: Vector[np.int64],
    cells: Cells,
    models: Models,
    tuples: OutVector[np.int64],
    middle: OutVector[np.int64],
) -> None:
    """Cut a large node in two, at the value of one dimension with the least loss in an even sample.

    Parameters
    ----------
    dims, words, weight : see `shoal_kernels.tables.dimensions`
    cells, models : see `shoal_kernels.criteria.privacy_models`
        Each side satisfies the models.
    tuples : (n,) int64, in and out, n > HALVING_SAMPLE
        The node; becomes one side and then the other, each in the given order.
    middle : (1,) int64, out
        Where the second side begins; 0 if no cut was found.
    """
    n = tuples.shape[0]
    middle[0] = 0
    sample = np.empty(BLOCK_SAMPLE, np.int64)
    # Evenly spaced tuples of the sorted table: deterministic, and representative of the leading dimensions.
    for p in range(BLOCK_SAMPLE):
        sample[p] = tuples[p * n // BLOCK_SAMPLE]
    points = make_points(dims, words, weight, sample)
    workspace = make_workspace(dims, points, BLOCK_SAMPLE, dims.kind.shape[0])
    everything = np.arange(BLOCK_SAMPLE)
    for j in range(dims.kind.shape[0]):
        sort_by_column(points, everything, j, BLOCK_SAMPLE, workspace)
    # At least a sixteenth of the sampled rows on each side keeps blocks from shrinking tuple by tuple.
    find_cuts(dims, points, workspace, 0, BLOCK_SAMPLE, points.weight.sum() // 16)
    # The sample chooses the cut; whether both sides satisfy the models is checked on all tuples.
    whole = make_points(dims, words, weight, tuples)
    criteria = make_criteria(models, cells, tuples)
    order, scratch = np.arange(n), np.empty(n, np.int64)
    while True:
        j = best_cut(workspace)
        if j < 0:
            return
        threshold = points.coordinates[workspace.orders[j, workspace.cut_place[j]], j]
        place = partition_stably(whole, order, 0, n, j, threshold, scratch)
        if meets_criteria(criteria, whole.weight, order[:place]) and meets_criteria(
            criteria, whole.weight, order[place:]
        ):
            break
        workspace.cut_loss[j] = np.inf
    # `order` holds places in `tuples`; permuting through it keeps each side in the given order.
    sorted_tuples = tuples[order]
    tuples[:] = sorted_tuples
    middle[0] = place


@kernel
def tight_classes(
    dims: Dimensions,
    words: Matrix[np.uint64],
    weight: Vector[np.int64],
    cells: Cells,
    models: Models,
    rounds: int,
    tuples: Vector[np.int64],
    order: OutVector[np.int64],
    n_ordered: OutVector[np.int64],
    class_id: OutVector[np.int64],
    n_classes: OutVector[np.int64],
) -> None:
    """Partition the tuples of one block into classes that satisfy `models`, with little loss.

    Parameters
    ----------
    dims, words, weight : see `shoal_kernels.tables.dimensions`
    cells, models : see `shoal_kernels.criteria.privacy_models`
    rounds : int
        Rounds of local improvement, at least 0.
    tuples : (n,) int64, n at least 1
        The block; as one class it satisfies `models`.
    order : (n,) int64, in and out
        Places in `tuples`, those with fewer than k rows in the order of the tuples and the others behind them.
    n_ordered : (1,) int64, in and out
        How many in `order` have fewer than k rows, -1 before any order. With k alone the order depends on k only by
        which tuples these are, so it may be given as it was written for another k.
    class_id : (n,) int64, out
        Class of each of `tuples`, from 0 without gaps.
    n_classes : (1,) int64, out
    """
    n = tuples.shape[0]
    points = make_points(dims, words, weight, tuples)
    criteria = make_criteria(models, cells, tuples)
    items, n_light = put_heavy_last(points.weight, models)
    boundary = np.empty(n_light + 1, np.bool_)
    if models.kind.shape[0] == 0 and n_ordered[0] == n_light:
        # The tuples with fewer than k rows are the same for two k if they are as many.
        items[:] = order
    else:
        order_tuples(dims, points, criteria, items[:n_light], boundary, models.kind.shape[0] > 0)
        order[:] = items
        n_ordered[0] = n_light
    begin = np.empty(n, np.int64)
    # With k alone the partition of the order is optimal; other models are not monotone, and it is heuristic.
    if models.kind.shape[0] == 0:
        count = optimal_partition(dims, points, items[:n_light], models.k[0], begin)
    else:
        count = partition_meeting(dims, points, criteria, items[:n_light], boundary, begin)
    # Each heavy tuple is a class of its own, after those of the order.
    for p in range(n_light, n):
        begin[count] = p
        count += 1
    n_classes[0] = count
    improve_classes(dims, points, criteria, items, begin, count, rounds, class_id)
