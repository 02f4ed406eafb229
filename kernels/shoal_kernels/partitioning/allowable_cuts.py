"""The allowable cut nearest the median of one node in one dimension, under any models.

A place r among the node's tuples, sorted by code, is the cut with the tuples before it on the left. STRICT cuts
fall between different codes, RELAXED ones between any two tuples.
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints, Words
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.tables.dimensions import Dimensions, code_at

STRICT = 0
RELAXED = 1


class Workspace(NamedTuple):
    """Workspace for nodes of at most n tuples.

    Attributes
    ----------
    low, high : (d,) int64
        The node's lowest and highest code.
    breadth : (d,) float64
        The node's width; -1 where it cannot be cut or was tried.
    code : (n,) int64
        Codes of the node's tuples, from the lowest on.
    by_code : (n,) int64
        Places in the node, sorted by code.
    before : (n + 1,) int64
        Number of rows before each place of `by_code`.
    count_before : (any,) int64
    of_node, below, above, rest : (n_values,) int64
        Histograms of the node, of two left sides, and of one right side.
    """

    low: Ints
    high: Ints
    breadth: Floats
    code: Ints
    by_code: Ints
    before: Ints
    count_before: Ints
    of_node: Ints
    below: Ints
    above: Ints
    rest: Ints


@inner
def make_workspace(dims: Dimensions, models: Models, n: int) -> Workspace:
    """Return workspace for nodes of at most `n` tuples."""
    d, n_values = len(dims.kind), len(models.reference)
    return Workspace(
        np.empty(d, np.int64),
        np.empty(d, np.int64),
        np.empty(d, np.float64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n + 1, np.int64),
        np.empty(2 * n + 65, np.int64),
        np.empty(n_values, np.int64),
        np.empty(n_values, np.int64),
        np.empty(n_values, np.int64),
        np.empty(n_values, np.int64),
    )


@inner
def sort_by_code(dims: Dimensions, words: Words, weight: Ints, node: Ints, j: int, workspace: Workspace) -> None:
    """Sort the node's places by code, stably, and sum the rows before each."""
    n, low = len(node), workspace.low[j]
    span = workspace.high[j] - low + 1
    code, by_code = workspace.code[:n], workspace.by_code[:n]
    for p in range(n):
        code[p] = code_at(dims, words, j, node[p]) - low
    # Counting sort if the range of codes is of the order of n, else a merge sort; both are stable.
    if span <= 2 * n + 64:
        count_before = workspace.count_before[: span + 1]
        count_before[:] = 0
        for p in range(n):
            count_before[code[p] + 1] += 1
        for c in range(span):
            count_before[c + 1] += count_before[c]
        for p in range(n):
            by_code[count_before[code[p]]] = p
            count_before[code[p]] += 1
    else:
        by_code[:] = np.argsort(code, kind="mergesort")
    rows = 0
    for r in range(n):
        workspace.before[r] = rows
        rows += weight[node[by_code[r]]]
    workspace.before[n] = rows


@inner
def _next_place(workspace: Workspace, n: int, r: int, step: int, mode: int) -> int:
    """Return the nearest place beyond `r` at which a cut may fall, or 0."""
    r += step
    while 0 < r < n:
        if mode == RELAXED or workspace.code[workspace.by_code[r]] != workspace.code[workspace.by_code[r - 1]]:
            return r
        r += step
    return 0


@inner
def _nearest_median(workspace: Workspace, n: int, mode: int) -> int:
    """Return the place with the least difference of rows between the sides, or 0 if there is no place."""
    rows = workspace.before[n]
    best = 0
    r = _next_place(workspace, n, 0, 1, mode)
    # The difference falls and then rises along the places, so the walk ends at the first rise.
    while r > 0 and (best == 0 or abs(2 * workspace.before[r] - rows) < abs(2 * workspace.before[best] - rows)):
        best = r
        r = _next_place(workspace, n, r, 1, mode)
    return best


@inner
def _add(cells: Cells, node: Ints, by_code: Ints, first: int, last: int, sign: int, histogram: Ints) -> None:
    for r in range(first, last):
        i = node[by_code[r]]
        for cell in range(cells.start[i], cells.start[i + 1]):
            histogram[cells.value[cell]] += sign * cells.count[cell]


@inner
def _both_satisfy(models: Models, left: Ints, rows_left: int, rows: int, workspace: Workspace) -> bool:
    if rows_left < models.k[0] or rows - rows_left < models.k[0]:
        return False
    if not satisfies(models, left, rows_left):
        return False
    for v in range(len(left)):
        workspace.rest[v] = workspace.of_node[v] - left[v]
    return satisfies(models, workspace.rest, rows - rows_left)


@inner
def allowable_place(models: Models, cells: Cells, node: Ints, workspace: Workspace, mode: int) -> int:
    """Return the allowable place nearest the median, or 0.

    Two histograms of a left side walk outward from the median; the nearer place is tried first.
    """
    n = len(node)
    rows, k = workspace.before[n], models.k[0]
    lower = _nearest_median(workspace, n, mode)
    if lower == 0:
        return 0
    if len(models.kind) == 0:
        least = min(workspace.before[lower], rows - workspace.before[lower])
        return lower if least >= k else 0
    below, above = workspace.below, workspace.above
    below[:] = 0
    _add(cells, node, workspace.by_code, 0, lower, 1, below)
    if _both_satisfy(models, below, workspace.before[lower], rows, workspace):
        return lower
    # Invariant: `below` is the histogram of the left side at `lower`, `above` the one at `upper`.
    above[:] = below
    upper = _next_place(workspace, n, lower, 1, mode)
    _add(cells, node, workspace.by_code, lower, max(lower, upper), 1, above)
    beyond = _next_place(workspace, n, lower, -1, mode)
    _add(cells, node, workspace.by_code, beyond, lower, -1, below)
    lower = beyond
    while True:
        # A side with fewer than k rows only shrinks farther out: that direction is finished.
        if workspace.before[lower] < k:
            lower = 0
        if upper > 0 and rows - workspace.before[upper] < k:
            upper = 0
        if lower == 0 and upper == 0:
            return 0
        if upper == 0 or (lower > 0 and rows - 2 * workspace.before[lower] <= 2 * workspace.before[upper] - rows):
            if _both_satisfy(models, below, workspace.before[lower], rows, workspace):
                return lower
            beyond = _next_place(workspace, n, lower, -1, mode)
            _add(cells, node, workspace.by_code, beyond, lower, -1, below)
            lower = beyond
        else:
            if _both_satisfy(models, above, workspace.before[upper], rows, workspace):
                return upper
            beyond = _next_place(workspace, n, upper, 1, mode)
            _add(cells, node, workspace.by_code, upper, max(upper, beyond), 1, above)
            upper = beyond
