"""The cut of a node of tuples whose two sides lose least.

Each cut takes the dimension and value for which the rows of the two sides, each side generalized to its own
bounding box, lose least; Mondrian (LeFevre, DeWitt, Ramakrishnan 2006) cuts the widest range at its median
instead.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inner, lean
from shoal_kernels.criteria.block_criteria import Bond, holds
from shoal_kernels.partitioning.bounding_boxes import Box, Field, box_loss, clear, make_box, mark, widen
from shoal_kernels.tables.dimensions import Dimensions

SAMPLE = 256
"""Tuples that judge the cut of a larger node."""
RUN = 24
"""Tuples sorted by insertion before they are merged."""


class Bench(NamedTuple):
    """Working memory for one node of at most n tuples.

    Attributes
    ----------
    orders : (n_orders, n) int64
        The node's tuples, once for each dimension, sorted by its lane; more orders where they are asked for.
    key : (n,) float32
        What the order at hand is sorted by.
    spare : (n,) int64
    spare_key : (n,) float32
    prefix : (n,) float64
        Loss of the tuples before each place; negative where no cut is possible.
    side : (n_field,) uint8
    cut_loss : (n_orders,) float64
        Loss of the best cut in each dimension, infinite where there is none.
    cut_place : (n_orders,) int64
    box : Box
    """

    orders: npt.NDArray[np.int64]
    key: npt.NDArray[np.float32]
    spare: npt.NDArray[np.int64]
    spare_key: npt.NDArray[np.float32]
    prefix: npt.NDArray[np.float64]
    side: npt.NDArray[np.uint8]
    cut_loss: npt.NDArray[np.float64]
    cut_place: npt.NDArray[np.int64]
    box: Box


@inner
def make_bench(dims: Dimensions, field: Field, n: int, n_orders: int) -> Bench:
    """Return working memory for nodes of at most `n` tuples of `field`, read in `n_orders` orders."""
    return Bench(
        np.empty((n_orders, n), np.int64),
        np.empty(n, np.float32),
        np.empty(n, np.int64),
        np.empty(n, np.float32),
        np.empty(n, np.float64),
        np.zeros(field.weight.shape[0], np.uint8),
        np.full(n_orders, np.inf),
        np.empty(n_orders, np.int64),
        make_box(dims),
    )


@lean
def sort_by_lane(field: Field, items: npt.NDArray[np.int64], j: int, n: int, bench: Bench) -> None:
    """Write the first `n` of `items` into order `j`, sorted by lane `j`; equal lanes keep their order."""
    lane, key, target = field.lane, bench.key, bench.orders[j]
    for p in range(n):
        target[p] = items[p]
        key[p] = lane[items[p], j]
    sort_order(bench, j, n)


@lean
def sort_order(bench: Bench, row: int, n: int) -> None:
    """Sort the first `n` tuples of an order by `key`, and `key` with them; equal keys keep their order."""
    items, key, spare, spare_key = bench.orders[row], bench.key, bench.spare, bench.spare_key
    for first in range(0, n, RUN):
        for p in range(first + 1, min(first + RUN, n)):
            x, item, q = key[p], items[p], p
            while q > first and key[q - 1] > x:
                key[q], items[q] = key[q - 1], items[q - 1]
                q -= 1
            key[q], items[q] = x, item
    width = RUN
    while width < n:
        for first in range(0, n - width, 2 * width):
            middle, last = first + width, min(first + 2 * width, n)
            for p in range(first, middle):
                spare_key[p], spare[p] = key[p], items[p]
            left, right, place = first, middle, first
            while left < middle:
                if right < last and key[right] < spare_key[left]:
                    key[place], items[place] = key[right], items[right]
                    right += 1
                else:
                    key[place], items[place] = spare_key[left], spare[left]
                    left += 1
                place += 1
        width *= 2


@lean
def find_cuts(dims: Dimensions, field: Field, bench: Bench, a: int, b: int, least: int) -> None:
    """Find the cut that loses least in each dimension, for the node at `a` up to `b` of each row of `orders`.

    Each side keeps at least `least` rows.
    """
    lane, key = field.lane, bench.key
    for j in range(dims.kind.shape[0]):
        items = bench.orders[j]
        if lane[items[a], j] == lane[items[b - 1], j]:
            bench.cut_loss[j] = np.inf
            continue
        for p in range(a, b):
            key[p] = lane[items[p], j]
        find_cut(dims, field, bench, j, a, b, least)


@lean
def find_cut(dims: Dimensions, field: Field, bench: Bench, row: int, a: int, b: int, least: int) -> None:
    """Find the cut that loses least between unequal keys of one order, for the node at `a` up to `b`."""
    plain, cap, lane, weight, sets = field.plain, field.cap, field.lane, field.weight, field.sets
    low, high, bits = bench.box.low, bench.box.high, bench.box.bits
    prefix, key, items = bench.prefix, bench.key, bench.orders[row]
    rows = 0
    for p in range(a, b):
        rows += weight[items[p]]
    best, best_place = np.inf, -1
    clear(low, high, bits)
    before = 0
    for p in range(a, b):
        item = items[p]
        prefix[p] = -1.0
        if p > a and key[p] != key[p - 1] and before >= least and rows - before >= least:
            prefix[p] = before * box_loss(dims, plain, cap, low, high, bits)
        widen(lane, item, low, high)
        mark(sets, lane, item, bits)
        before += weight[item]
    clear(low, high, bits)
    after = 0
    for p in range(b - 1, a, -1):
        item = items[p]
        widen(lane, item, low, high)
        mark(sets, lane, item, bits)
        after += weight[item]
        if prefix[p] >= 0.0:
            loss = prefix[p] + after * box_loss(dims, plain, cap, low, high, bits)
            if loss < best:
                best, best_place = loss, p
    bench.cut_loss[row], bench.cut_place[row] = best, best_place


@lean
def best_cut(bench: Bench) -> int:
    """Return the dimension of the best cut found, -1 where there is none left."""
    best, best_j = np.inf, -1
    for j in range(bench.cut_loss.shape[0]):
        if bench.cut_loss[j] < best:
            best, best_j = bench.cut_loss[j], j
    return best_j


@lean
def split_rows(bench: Bench, j: int, place: int, a: int, b: int, flip: int) -> None:
    """Part every row of `orders` at `place` of row `j`; the second part comes first where `flip` is 1."""
    for p in range(a, b):
        bench.side[bench.orders[j, p]] = (1 if p >= place else 0) ^ flip
    for other in range(bench.orders.shape[0]):
        items = bench.orders[other]
        left, right = a, 0
        for p in range(a, b):
            item = items[p]
            goes_right = bench.side[item]
            items[left] = item
            bench.spare[right] = item
            left += 1 - goes_right
            right += goes_right
        for q in range(right):
            items[left + q] = bench.spare[q]


@lean
def part(
    field: Field,
    items: npt.NDArray[np.int64],
    a: int,
    b: int,
    j: int,
    border: np.float32,
    held: npt.NDArray[np.int64],
) -> int:
    """Part items `a` up to `b` at lane value `border`, in stable order; return where the second part begins."""
    left, right = a, 0
    for p in range(a, b):
        item = items[p]
        goes_right = 1 if field.lane[item, j] >= border else 0
        items[left] = item
        held[right] = item
        left += 1 - goes_right
        right += goes_right
    for q in range(right):
        items[left + q] = held[q]
    return left


@inner
def best_bound_cut(bond: Bond, weight: npt.NDArray[np.int64], bench: Bench, a: int, b: int) -> int:
    """Return the dimension of the best cut found whose sides both satisfy the models, -1 where there is none."""
    while True:
        j = best_cut(bench)
        if j < 0:
            return j
        items, place = bench.orders[j], bench.cut_place[j]
        if holds(bond, weight, items[a:place]) and holds(bond, weight, items[place:b]):
            return j
        bench.cut_loss[j] = np.inf
