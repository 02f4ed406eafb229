"""The tight method for one block of tuples: order them, group the order optimally, improve the classes."""

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import inner, kernel, matrix, vector
from shoal_kernels.criteria.block_criteria import holds, make_bond
from shoal_kernels.criteria.privacy_models import CELLS, MODELS, Cells, Models
from shoal_kernels.partitioning.bounding_boxes import make_field
from shoal_kernels.partitioning.cutting import best_cut, find_cuts, make_bench, part, sort_by_lane
from shoal_kernels.partitioning.local_search import improve
from shoal_kernels.partitioning.optimal_partition import chain, chain_bound
from shoal_kernels.partitioning.tuple_ordering import arrange
from shoal_kernels.tables.dimensions import DIMENSIONS, Dimensions

HALVING_SAMPLE = 1024
"""Tuples that judge the cut of a node too large for one block."""

_words, _rows = matrix(types.uint64), vector(types.int64)


@inner
def heavy_last(weight: npt.NDArray[np.int64], models: Models) -> tuple[npt.NDArray[np.int64], int]:
    """Return all tuples, those that can be a class alone at the end, and how many the others are.

    A tuple of at least k rows loses nothing alone, and would only stand between its neighbors in the order.
    Where other models bind, or where the others are too few for a class, no tuple is set apart.
    """
    n = weight.shape[0]
    k = models.k[0]
    items = np.arange(n)
    light_rows = 0
    for item in range(n):
        if weight[item] < k:
            light_rows += weight[item]
    if models.kind.shape[0] > 0 or 0 < light_rows < k:
        return items, n
    light, heavy = 0, n
    for item in range(n):
        if weight[item] < k:
            items[light] = item
            light += 1
        else:
            heavy -= 1
            items[heavy] = item
    return items, light


@kernel(types.void(DIMENSIONS, _words, _rows, CELLS, MODELS, types.int64[::1], types.int64[::1]))
def halve(
    dims: Dimensions,
    words: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.int64],
    cells: Cells,
    models: Models,
    tuples: npt.NDArray[np.int64],
    middle: npt.NDArray[np.int64],
) -> None:
    """Cut a large node in two, at the value of one dimension that loses least in an even sample.

    Parameters
    ----------
    dims, words, weight : see `shoal_kernels.tables.dimensions`
    cells, models : see `shoal_kernels.criteria.privacy_models`
        Each side satisfies the models.
    tuples : (n,) int64, in and out, n > HALVING_SAMPLE
        The node; becomes the one side and then the other, each in the given order.
    middle : (1,) int64, out
        Where the second side begins; 0 where no cut was found.
    """
    n = tuples.shape[0]
    middle[0] = 0
    picked = np.empty(HALVING_SAMPLE, np.int64)
    for p in range(HALVING_SAMPLE):
        picked[p] = tuples[p * n // HALVING_SAMPLE]
    field = make_field(dims, words, weight, picked)
    bench = make_bench(dims, field, HALVING_SAMPLE, dims.kind.shape[0])
    everyone = np.arange(HALVING_SAMPLE)
    for j in range(dims.kind.shape[0]):
        sort_by_lane(field, everyone, j, HALVING_SAMPLE, bench)
    find_cuts(dims, field, bench, 0, HALVING_SAMPLE, field.weight.sum() // 16)
    whole = make_field(dims, words, weight, tuples)
    bond = make_bond(models, cells, tuples)
    order, held = np.arange(n), np.empty(n, np.int64)
    while True:
        j = best_cut(bench)
        if j < 0:
            return
        border = field.lane[bench.orders[j, bench.cut_place[j]], j]
        place = part(whole, order, 0, n, j, border, held)
        if holds(bond, whole.weight, order[:place]) and holds(bond, whole.weight, order[place:]):
            break
        bench.cut_loss[j] = np.inf
    sorted_tuples = tuples[order]
    tuples[:] = sorted_tuples
    middle[0] = place


@kernel(types.void(DIMENSIONS, _words, _rows, CELLS, MODELS, types.int64, _rows, types.int64[::1], types.int64[::1]))
def group_tightly(
    dims: Dimensions,
    words: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.int64],
    cells: Cells,
    models: Models,
    rounds: int,
    tuples: npt.NDArray[np.int64],
    class_id: npt.NDArray[np.int64],
    n_classes: npt.NDArray[np.int64],
) -> None:
    """Group the tuples of one block into classes that satisfy `models` and lose little.

    Parameters
    ----------
    dims, words, weight : see `shoal_kernels.tables.dimensions`
    cells, models : see `shoal_kernels.criteria.privacy_models`
    rounds : int
        Rounds of local improvement, at least 0.
    tuples : (n,) int64, n at least 1
        The block; as one class it satisfies `models`.
    class_id : (n,) int64, out
        Class of each of `tuples`, from 0 without gaps.
    n_classes : (1,) int64, out
    """
    n = tuples.shape[0]
    field = make_field(dims, words, weight, tuples)
    bond = make_bond(models, cells, tuples)
    items, n_light = heavy_last(field.weight, models)
    wall = np.empty(n_light + 1, np.bool_)
    arrange(dims, field, bond, items[:n_light], wall, models.kind.shape[0] > 0)
    begin = np.empty(n, np.int64)
    if models.kind.shape[0] == 0:
        count = chain(dims, field, items[:n_light], models.k[0], begin)
    else:
        count = chain_bound(dims, field, bond, items[:n_light], wall, begin)
    for p in range(n_light, n):
        begin[count] = p
        count += 1
    n_classes[0] = count
    improve(dims, field, bond, items, begin, count, rounds, class_id)
