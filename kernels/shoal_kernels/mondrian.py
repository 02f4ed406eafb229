"""Mondrian (LeFevre, DeWitt, Ramakrishnan 2006) on packed tuples: strict and relaxed, under any models.

A node is cut in the dimension of widest normalized range at the allowable place nearest the median of its
rows: where ``abs(2 * rows on the left - rows)`` is least, the lower of two equals. A place is allowable when
both sides satisfy every model. Where a dimension has none the next by width is tried (the lower number of two
equals), and a node without any allowable cut is a class. The paper stops at a median that fails; searching
on finds every cut that its definition 3 (strict) and its relaxed partitioning allow.

Strict: equal codes stay on one side. Relaxed: the tuples are single rows, sorted by code and then by index,
and a cut may fall between any two.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import inner, kernel, matrix, vector
from shoal_kernels.dimensions import DIMENSIONS, Dimensions, code_at
from shoal_kernels.models import CELLS, MODELS, Cells, Models
from shoal_kernels.sensitive import satisfies
from shoal_kernels.widths import width

STRICT = 0
RELAXED = 1

Vector = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_MAX_WAITING = 65


class _Bench(NamedTuple):
    """Working memory for nodes of at most n tuples."""

    low: Vector
    high: Vector
    breadth: npt.NDArray[np.float64]
    code: Vector
    by_code: Vector
    before: Vector
    tally: Vector
    whole: Vector
    below: Vector
    above: Vector
    rest: Vector


@inner
def _make_bench(dims: Dimensions, models: Models, n: int) -> _Bench:
    d, n_values = len(dims.kind), len(models.reference)
    return _Bench(
        np.empty(d, np.int64),
        np.empty(d, np.int64),
        np.empty(d, np.float64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n + 1, np.int64),
        np.empty(4 * n + 65, np.int64),
        np.empty(n_values, np.int64),
        np.empty(n_values, np.int64),
        np.empty(n_values, np.int64),
        np.empty(n_values, np.int64),
    )


@inner
def _measure(dims: Dimensions, words: Words, node: Vector, mode: int, bench: _Bench) -> None:
    """Set range and breadth of each dimension; -1 where it cannot be cut."""
    for j in range(len(dims.kind)):
        low, high = dims.size[j], -1
        for i in node:
            code = code_at(dims, words, j, i)
            low, high = min(low, code), max(high, code)
        bench.low[j], bench.high[j] = low, high
        if low < high:
            bench.breadth[j] = width(dims, j, low, high)
        else:
            bench.breadth[j] = -1.0
    if mode == RELAXED and max(bench.breadth) < 0.0:
        bench.breadth[0] = 0.0


@inner
def _sort(dims: Dimensions, words: Words, weight: Vector, node: Vector, j: int, bench: _Bench) -> None:
    """Sort the node's places by code, stably, and sum the rows before each."""
    n, low = len(node), bench.low[j]
    span = bench.high[j] - low + 1
    code, by_code = bench.code[:n], bench.by_code[:n]
    for p in range(n):
        code[p] = code_at(dims, words, j, node[p]) - low
    if span <= 4 * n + 64:
        tally = bench.tally[: span + 1]
        tally[:] = 0
        for p in range(n):
            tally[code[p] + 1] += 1
        for c in range(span):
            tally[c + 1] += tally[c]
        for p in range(n):
            by_code[tally[code[p]]] = p
            tally[code[p]] += 1
    else:
        by_code[:] = np.argsort(code, kind="mergesort")
    rows = 0
    for r in range(n):
        bench.before[r] = rows
        rows += weight[node[by_code[r]]]
    bench.before[n] = rows


@inner
def _next_place(bench: _Bench, n: int, r: int, step: int, mode: int) -> int:
    """Return the nearest place beyond `r` where a cut may fall, or 0."""
    r += step
    while 0 < r < n:
        if mode == RELAXED or bench.code[bench.by_code[r]] != bench.code[bench.by_code[r - 1]]:
            return r
        r += step
    return 0


@inner
def _nearest_median(bench: _Bench, n: int, mode: int) -> int:
    """Return the place with the least difference of rows between the sides, or 0 when there is none."""
    rows = bench.before[n]
    best = 0
    r = _next_place(bench, n, 0, 1, mode)
    while r > 0 and (best == 0 or abs(2 * bench.before[r] - rows) < abs(2 * bench.before[best] - rows)):
        best = r
        r = _next_place(bench, n, r, 1, mode)
    return best


@inner
def _add(
    cells: Cells, node: Vector, by_code: Vector, first: int, last: int, sign: int, histogram: Vector
) -> None:
    for r in range(first, last):
        i = node[by_code[r]]
        for cell in range(cells.start[i], cells.start[i + 1]):
            histogram[cells.value[cell]] += sign * cells.count[cell]


@inner
def _both_hold(models: Models, left: Vector, rows_left: int, rows: int, bench: _Bench) -> bool:
    if rows_left < models.k[0] or rows - rows_left < models.k[0]:
        return False
    if not satisfies(models, left, rows_left):
        return False
    for v in range(len(left)):
        bench.rest[v] = bench.whole[v] - left[v]
    return satisfies(models, bench.rest, rows - rows_left)


@inner
def _allowable_place(models: Models, cells: Cells, node: Vector, bench: _Bench, mode: int) -> int:
    """Return the allowable place nearest the median, or 0.

    Two histograms of a left side walk outward from the median; the nearer place is tried first.
    """
    n = len(node)
    rows, k = bench.before[n], models.k[0]
    lower = _nearest_median(bench, n, mode)
    if lower == 0:
        return 0
    if len(models.kind) == 0:
        least = min(bench.before[lower], rows - bench.before[lower])
        return lower if least >= k else 0
    below, above = bench.below, bench.above
    below[:] = 0
    _add(cells, node, bench.by_code, 0, lower, 1, below)
    if _both_hold(models, below, bench.before[lower], rows, bench):
        return lower
    above[:] = below
    upper = _next_place(bench, n, lower, 1, mode)
    _add(cells, node, bench.by_code, lower, max(lower, upper), 1, above)
    beyond = _next_place(bench, n, lower, -1, mode)
    _add(cells, node, bench.by_code, beyond, lower, -1, below)
    lower = beyond
    while True:
        if bench.before[lower] < k:
            lower = 0
        if upper > 0 and rows - bench.before[upper] < k:
            upper = 0
        if lower == 0 and upper == 0:
            return 0
        if upper == 0 or (lower > 0 and rows - 2 * bench.before[lower] <= 2 * bench.before[upper] - rows):
            if _both_hold(models, below, bench.before[lower], rows, bench):
                return lower
            beyond = _next_place(bench, n, lower, -1, mode)
            _add(cells, node, bench.by_code, beyond, lower, -1, below)
            lower = beyond
        else:
            if _both_hold(models, above, bench.before[upper], rows, bench):
                return upper
            beyond = _next_place(bench, n, upper, 1, mode)
            _add(cells, node, bench.by_code, upper, max(upper, beyond), 1, above)
            upper = beyond


@inner
def _split(node: Vector, place: int, bench: _Bench) -> None:
    """Move the tuples before `place` to the front of the node; both sides keep their order of index."""
    n = len(node)
    side = bench.code
    for r in range(n):
        side[bench.by_code[r]] = r >= place
    behind = 0
    front = 0
    for p in range(n):
        i = node[p]
        if side[p] == 0:
            node[front] = i
            front += 1
        else:
            bench.by_code[behind] = i
            behind += 1
    for p in range(behind):
        node[front + p] = bench.by_code[p]


@inner
def _cut(
    dims: Dimensions,
    models: Models,
    words: Words,
    weight: Vector,
    cells: Cells,
    node: Vector,
    mode: int,
    bench: _Bench,
) -> int:
    """Cut a node; return its tuples on the left, 0 where no cut is allowable."""
    rows = 0
    for i in node:
        rows += weight[i]
    if rows < 2 * models.k[0]:
        return 0
    _measure(dims, words, node, mode, bench)
    bench.whole[:] = 0
    for i in node:
        for cell in range(cells.start[i], cells.start[i + 1]):
            bench.whole[cells.value[cell]] += cells.count[cell]
    while True:
        widest = 0
        for j in range(1, len(bench.breadth)):
            if bench.breadth[j] > bench.breadth[widest]:
                widest = j
        if bench.breadth[widest] < 0.0:
            return 0
        bench.breadth[widest] = -1.0
        _sort(dims, words, weight, node, widest, bench)
        place = _allowable_place(models, cells, node, bench, mode)
        if place > 0:
            _split(node, place, bench)
            return place


_INT, _VECTOR = types.int64, vector(types.int64)


@kernel(
    types.void(
        DIMENSIONS,
        MODELS,
        matrix(types.uint64),
        _VECTOR,
        CELLS,
        _VECTOR,
        _INT,
        _INT,
        types.int64[::1],
        types.uint8[::1],
        types.int64[:, ::1],
    )
)
def grow_tuples(
    dims: Dimensions,
    models: Models,
    words: Words,
    weight: Vector,
    cells: Cells,
    node: Vector,
    mode: int,
    emit: int,
    order: Vector,
    is_start: npt.NDArray[np.uint8],
    pending: npt.NDArray[np.int64],
) -> None:
    """Cut one node to the end.

    Parameters
    ----------
    dims, models, words, weight, cells
        The table's tuples; in RELAXED mode single rows, each of weight 1.
    node : (2,) int64
        First place and place after the last in `order`.
    mode : STRICT or RELAXED
    emit : int
        Nodes of at most so many tuples are left uncut in `pending`.
    order : (n,) int64, in and out
        Indices of tuples, ascending within the node; within each class afterwards.
    is_start : (n,) uint8, out
        1 is written where a class begins.
    pending : (any, 2) int64, out
        Nodes left uncut; rows after the last hold 0 in the second column.
    """
    bench = _make_bench(dims, models, node[1] - node[0])
    waiting = np.empty((_MAX_WAITING, 2), np.int64)
    waiting[0] = node
    n_waiting, n_pending = 1, 0
    pending[:, 1] = 0
    while n_waiting > 0:
        n_waiting -= 1
        start, stop = waiting[n_waiting]
        n_left = 1
        while n_left > 0:
            if stop - start <= emit:
                pending[n_pending] = start, stop
                n_pending += 1
                break
            n_left = _cut(dims, models, words, weight, cells, order[start:stop], mode, bench)
            middle = start + n_left
            if n_left == 0:
                is_start[start] = 1
            elif n_left <= stop - middle:
                waiting[n_waiting] = middle, stop
                stop = middle
                n_waiting += 1
            else:
                waiting[n_waiting] = start, middle
                start = middle
                n_waiting += 1
