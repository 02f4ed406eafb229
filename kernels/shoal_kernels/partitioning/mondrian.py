"""Mondrian (LeFevre, DeWitt, Ramakrishnan 2006) on packed tuples: strict and relaxed, under any models.

A node is cut in the dimension of widest normalized range at the allowable place nearest the median of its
rows: where ``abs(2 * rows on the left - rows)`` is least, the lower of two equals. A place is allowable if
both sides satisfy every model. If a dimension has none, the next by width is tried (the lower number of two
equals). A node without any allowable cut is a class. The paper cuts at the median and stops if that
fails; a column whose median is its lowest code can still be cut here.

Strict: equal codes stay on one side. Relaxed: the tuples are single rows, sorted by code and then by index,
and a cut may fall between any two.
"""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Ints, Matrix, OutMatrix, OutVector, Vector, Words, kernel
from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.partitioning.allowable_cuts import RELAXED, Workspace, allowable_place, make_workspace, sort_by_code
from shoal_kernels.partitioning.mondrian_widths import width
from shoal_kernels.tables.dimensions import Dimensions, code_at

_MAX_WAITING = 65


@inner
def _measure(dims: Dimensions, words: Words, node: Ints, mode: int, workspace: Workspace) -> None:
    """Set range and breadth of each dimension; breadth is -1 if it cannot be cut."""
    for j in range(len(dims.kind)):
        low, high = dims.size[j], -1
        for i in node:
            code = code_at(dims, words, j, i)
            low, high = min(low, code), max(high, code)
        workspace.low[j], workspace.high[j] = low, high
        if low < high:
            workspace.breadth[j] = width(dims, j, low, high)
        else:
            workspace.breadth[j] = -1.0
    # Relaxed nodes of equal tuples can still be cut between any two rows, in any dimension.
    if mode == RELAXED and max(workspace.breadth) < 0.0:
        workspace.breadth[0] = 0.0


@inner
def _split(node: Ints, place: int, workspace: Workspace) -> None:
    """Move the tuples before `place` to the front of the node; both sides stay sorted by index."""
    n = len(node)
    # `code` and then `by_code` are no longer needed and serve as scratch.
    side = workspace.code
    for r in range(n):
        side[workspace.by_code[r]] = r >= place
    behind = 0
    front = 0
    for p in range(n):
        i = node[p]
        if side[p] == 0:
            node[front] = i
            front += 1
        else:
            workspace.by_code[behind] = i
            behind += 1
    for p in range(behind):
        node[front + p] = workspace.by_code[p]


@inner
def _cut(
    dims: Dimensions,
    models: Models,
    words: Words,
    weight: Ints,
    cells: Cells,
    node: Ints,
    mode: int,
    workspace: Workspace,
) -> int:
    """Cut a node; return the number of tuples on the left, 0 if no cut is allowable."""
    # Two sides of at least k rows need at least 2k.
    rows = 0
    for i in node:
        rows += weight[i]
    if rows < 2 * models.k[0]:
        return 0
    _measure(dims, words, node, mode, workspace)
    # Histogram of the whole node: that of a right side is this one minus that of the left side.
    workspace.of_node[:] = 0
    for i in node:
        for cell in range(cells.start[i], cells.start[i + 1]):
            workspace.of_node[cells.value[cell]] += cells.count[cell]
    # Dimensions are tried from the widest down; a tried one gets breadth -1.
    while True:
        widest = 0
        for j in range(1, len(workspace.breadth)):
            if workspace.breadth[j] > workspace.breadth[widest]:
                widest = j
        if workspace.breadth[widest] < 0.0:
            return 0
        workspace.breadth[widest] = -1.0
        sort_by_code(dims, words, weight, node, widest, workspace)
        place = allowable_place(models, cells, node, workspace, mode)
        if place > 0:
            _split(node, place, workspace)
            return place


@kernel
def cut_tuples(
    dims: Dimensions,
    models: Models,
    words: Matrix[np.uint64],
    weight: Vector[np.int64],
    cells: Cells,
    node: Vector[np.int64],
    mode: int,
    max_uncut: int,
    order: OutVector[np.int64],
    is_start: OutVector[np.uint8],
    pending: OutMatrix[np.int64],
) -> None:
    """Cut one node to the end.

    Parameters
    ----------
    dims, models, words, weight, cells
        The table's tuples; in RELAXED mode single rows, each of weight 1.
    node : (2,) int64
        First place and place after the last in `order`.
    mode : STRICT or RELAXED
    max_uncut : int
        Nodes of at most this number of tuples are left uncut in `pending`.
    order : (n,) int64, in and out
        Indices of tuples, ascending within the node; within each class afterwards.
    is_start : (n,) uint8, out
        1 is written where a class begins.
    pending : (any, 2) int64, out
        Nodes left uncut; rows after the last hold 0 in the second column.
    """
    workspace = make_workspace(dims, models, node[1] - node[0])
    waiting = np.empty((_MAX_WAITING, 2), np.int64)
    waiting[0] = node
    n_waiting, n_pending = 1, 0
    pending[:, 1] = 0
    while n_waiting > 0:
        n_waiting -= 1
        start, stop = waiting[n_waiting]
        n_left = 1
        while n_left > 0:
            # Nodes up to the bound are returned uncut, so that the caller can cut them in other threads.
            if stop - start <= max_uncut:
                pending[n_pending] = start, stop
                n_pending += 1
                break
            n_left = _cut(dims, models, words, weight, cells, order[start:stop], mode, workspace)
            middle = start + n_left
            # Continue with the smaller side and push the larger: the stack holds at most log2(n) nodes.
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
