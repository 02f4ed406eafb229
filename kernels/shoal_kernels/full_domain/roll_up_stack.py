"""Classes of all prefixes of a lattice node, rolled up with their sensitive cells and checked."""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Ints, OutMatrix, OutVector
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.criteria.privacy_models import PRESENCE_LEAST, WEIGHED, Models
from shoal_kernels.full_domain.lattice import Lattice, roll_up


class Stack(NamedTuple):
    """Classes of several nodes, one list after the other.

    Attributes
    ----------
    words : (n_words, any) uint64
    rows : (any,) int64
    begin, end : (any,) int64
        First and last place of the sensitive cells of each class.
    value, count : (any,) int64
        Cells: sensitive value and its rows.
    list_begin, list_size : (d + 1,) int64
        The list of each prefix of quasi-identifiers; the first is that of the tuples.
    cell_end : (d + 1,) int64
        End of the cells of each list.
    """

    words: OutMatrix[np.uint64]
    rows: OutVector[np.int64]
    begin: OutVector[np.int64]
    end: OutVector[np.int64]
    value: OutVector[np.int64]
    count: OutVector[np.int64]  # pyright: ignore[reportIncompatibleMethodOverride] - hides tuple.count
    list_begin: OutVector[np.int64]
    list_size: OutVector[np.int64]
    cell_end: OutVector[np.int64]


class Scratch(NamedTuple):
    """Scratch memory of one node, for n tuples, n_cells cells, n_values values and d quasi-identifiers.

    Attributes
    ----------
    class_of, by_class : (n,) uint32
    slots : (a power of two, at least 2 n,) uint32
    holds : (n,) uint8
    area : (n,) float64
    first : (n + 1,) int64
    histogram : (n_values,) int64, all 0
    value, count : (n_cells,) int64
    column : (d,) float64
    top : (d,) int64
    """

    class_of: OutVector[np.uint32]
    by_class: OutVector[np.uint32]
    slots: OutVector[np.uint32]
    holds: OutVector[np.uint8]
    area: OutVector[np.float64]
    first: OutVector[np.int64]
    histogram: OutVector[np.int64]
    value: OutVector[np.int64]
    count: OutVector[np.int64]  # pyright: ignore[reportIncompatibleMethodOverride] - hides tuple.count
    column: OutVector[np.float64]
    top: OutVector[np.int64]


@inner
def _join_cells(stack: Stack, scratch: Scratch, source: int, n: int, target: int, m: int, cells_from: int) -> int:
    """Merge the cells of n classes into those of the m classes that they became; return their end."""
    first = scratch.first
    first[: m + 1] = 0
    for i in range(n):
        first[scratch.class_of[i] + 1] += 1
    for c in range(m):
        first[c + 1] += first[c]
    # Counting sort by merged class; afterwards first[c] is the end of class c.
    for i in range(n):
        c = scratch.class_of[i]
        scratch.by_class[first[c]] = i
        first[c] += 1
    histogram, at, place = scratch.histogram, 0, 0
    for c in range(m):
        # One shared histogram: only the values that occur are listed, and they are cleared again below.
        begin = at
        while place < first[c]:
            i = source + np.int64(scratch.by_class[place])
            for cell in range(stack.begin[i], stack.end[i]):
                v = stack.value[cell]
                if histogram[v] == 0:
                    scratch.value[at] = v
                    at += 1
                histogram[v] += stack.count[cell]
            place += 1
        for cell in range(begin, at):
            scratch.count[cell] = histogram[scratch.value[cell]]
            histogram[scratch.value[cell]] = 0
        # Safe in place: source class c belongs to a merged class up to c, so its entry was read before.
        stack.begin[target + c], stack.end[target + c] = cells_from + begin, cells_from + at
    stack.value[cells_from : cells_from + at] = scratch.value[:at]
    stack.count[cells_from : cells_from + at] = scratch.count[:at]
    return cells_from + at


@inner
def count_suppressed(models: Models, stack: Stack, scratch: Scratch, begin: int, n: int, limit: int) -> int:
    """Check each of n classes against the models; return the number of rows of those that fail.

    Stops as soon as they exceed `limit`. Classes of people without rows have no row to suppress; under a
    PRESENCE_LEAST model they count as one row. Under a WEIGHED model the size of a class is the count of that
    model's value; the result is in rows all the same.
    """
    suppressed, bare, least, weighed = 0, len(models.kind) == 0, 0, np.int64(-1)
    for j in range(len(models.kind)):
        if models.kind[j] == PRESENCE_LEAST:
            least = 1
        if models.kind[j] == WEIGHED:
            weighed = models.first[j]
    k, histogram = models.k[0], scratch.histogram
    # Fewer than k rows fail without a look at the sensitive values.
    for c in range(n):
        i = begin + c
        rows = stack.rows[i]
        satisfied = rows >= k or weighed >= 0
        if satisfied and not bare:
            for cell in range(stack.begin[i], stack.end[i]):
                histogram[stack.value[cell]] = stack.count[cell]
            satisfied = satisfies(models, histogram, rows if weighed < 0 else histogram[weighed])
            for cell in range(stack.begin[i], stack.end[i]):
                histogram[stack.value[cell]] = 0
        scratch.holds[c] = satisfied
        if not satisfied:
            suppressed += max(rows, least)
            if suppressed > limit:
                break
    return suppressed


@inner
def roll_up_list(
    lattice: Lattice,
    models: Models,
    stack: Stack,
    scratch: Scratch,
    level: Ints,
    first: int,
    last: int,
    source: int,
    target: int,
) -> None:
    """Roll list `source` up into list `target`: quasi-identifiers `first` to `last` - 1 move to their levels."""
    begin, n = stack.list_begin[source], stack.list_size[source]
    to, cells_to = begin + n, stack.cell_end[source]
    # In place, the list and its cells are overwritten; else they are appended after the source's.
    if target == source:
        to, cells_to = begin, (stack.cell_end[source - 1] if source > 0 else 0)
    m = roll_up(lattice, level, first, last, stack.words, stack.rows, begin, n, to, scratch.class_of, scratch.slots)
    if len(models.kind) > 0:
        cells_to = _join_cells(stack, scratch, begin, n, to, m, cells_to)
    stack.list_begin[target], stack.list_size[target], stack.cell_end[target] = to, m, cells_to
