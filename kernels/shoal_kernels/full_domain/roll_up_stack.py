"""The classes of nodes on the way to a node of a lattice: rolled up with their sensitive cells, and judged."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import inner
from shoal_kernels.criteria.class_check import satisfies
from shoal_kernels.criteria.privacy_models import PRESENCE_LEAST, WEIGHED, Models
from shoal_kernels.full_domain.lattice import Ints, Lattice, Words, roll_up
from shoal_kernels.full_domain.node_costs import Flags, Floats

Places = npt.NDArray[np.uint32]


class Stack(NamedTuple):
    """Classes of several nodes, one list behind the other.

    Attributes
    ----------
    words : (n_words, any) uint64
    rows : (any,) int64
    begin, end : (any,) int64
        Where the sensitive cells of each class lie.
    value, count : (any,) int64
        Cells: sensitive value and its rows.
    list_begin, list_size : (d + 1,) int64
        The list of each prefix of quasi-identifiers; the first is that of the tuples.
    cell_end : (d + 1,) int64
        Where the cells of each list end.
    """

    words: Words
    rows: Ints
    begin: Ints
    end: Ints
    value: Ints
    count: Ints  # pyright: ignore[reportIncompatibleMethodOverride] - no one counts in it
    list_begin: Ints
    list_size: Ints
    cell_end: Ints


class Scratch(NamedTuple):
    """Memory that every node uses anew, for n tuples, n_cells cells, n_values values and d quasi-identifiers.

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
    tip : (d,) int64
    """

    class_of: Places
    by_class: Places
    slots: Places
    holds: Flags
    area: Floats
    first: Ints
    histogram: Ints
    value: Ints
    count: Ints  # pyright: ignore[reportIncompatibleMethodOverride] - no one counts in it
    column: Floats
    tip: Ints


_I64, _F64, _U32 = types.int64[::1], types.float64[::1], types.uint32[::1]
STACK = types.NamedTuple([types.uint64[:, ::1], _I64, _I64, _I64, _I64, _I64, _I64, _I64, _I64], Stack)
SCRATCH = types.NamedTuple([_U32, _U32, _U32, types.uint8[::1], _F64, _I64, _I64, _I64, _I64, _F64, _I64], Scratch)


@inner
def _join_cells(stack: Stack, scratch: Scratch, source: int, n: int, target: int, m: int, cells_from: int) -> int:
    """Join the cells of n classes into those of the m classes that they became; return where they end."""
    first = scratch.first
    first[: m + 1] = 0
    for i in range(n):
        first[scratch.class_of[i] + 1] += 1
    for c in range(m):
        first[c + 1] += first[c]
    for i in range(n):
        c = scratch.class_of[i]
        scratch.by_class[first[c]] = i
        first[c] += 1
    histogram, at, place = scratch.histogram, 0, 0
    for c in range(m):
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
        # No class before this one needs its own entry any more: class c has no member before place c.
        stack.begin[target + c], stack.end[target + c] = cells_from + begin, cells_from + at
    stack.value[cells_from : cells_from + at] = scratch.value[:at]
    stack.count[cells_from : cells_from + at] = scratch.count[:at]
    return cells_from + at


@inner
def judge(models: Models, stack: Stack, scratch: Scratch, begin: int, n: int, limit: int) -> int:
    """Decide for each of n classes whether it satisfies the models; return the rows of those that do not.

    Stops as soon as they exceed `limit`. Classes of people without rows have none to leave out; where everybody has
    to fit a class they count as one row. Where a WEIGHED model binds a value, the class weighs what that value counts;
    what is suppressed is told in rows.
    """
    suppressed, bare, least, weighed = 0, len(models.kind) == 0, 0, np.int64(-1)
    for j in range(len(models.kind)):
        if models.kind[j] == PRESENCE_LEAST:
            least = 1
        if models.kind[j] == WEIGHED:
            weighed = models.first[j]
    k, histogram = models.k[0], scratch.histogram
    for c in range(n):
        i = begin + c
        rows = stack.rows[i]
        good = rows >= k or weighed >= 0
        if good and not bare:
            for cell in range(stack.begin[i], stack.end[i]):
                histogram[stack.value[cell]] = stack.count[cell]
            good = satisfies(models, histogram, rows if weighed < 0 else histogram[weighed])
            for cell in range(stack.begin[i], stack.end[i]):
                histogram[stack.value[cell]] = 0
        scratch.holds[c] = good
        if not good:
            suppressed += max(rows, least)
            if suppressed > limit:
                break
    return suppressed


@inner
def climb(
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
    if target == source:
        to, cells_to = begin, (stack.cell_end[source - 1] if source > 0 else 0)
    m = roll_up(lattice, level, first, last, stack.words, stack.rows, begin, n, to, scratch.class_of, scratch.slots)
    if len(models.kind) > 0:
        cells_to = _join_cells(stack, scratch, begin, n, to, m, cells_to)
    stack.list_begin[target], stack.list_size[target], stack.cell_end[target] = to, m, cells_to
