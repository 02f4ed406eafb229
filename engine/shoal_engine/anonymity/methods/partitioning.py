"""From distinct tuples to equivalence classes: which method cuts, and what must never share a class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.methods.suppression import SUPPRESSED, with_released_shares
from shoal_engine.anonymity.methods.tuple_orders import Orders
from shoal_engine.anonymity.policy.methods import CutMethod
from shoal_engine.anonymity.table.table import subset_of
from shoal_engine.errors import PolicyNotMet
from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.tables.dimensions import Dimensions


def partition(
    dims: Dimensions,
    words: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.int64],
    cells: Cells,
    models: Models,
    *,
    apart: npt.NDArray[np.int64],
    apart_names: Sequence[str],
    method: CutMethod,
    max_suppressed: int,
    n_threads: int,
    rows: npt.NDArray[np.int64] | None = None,
    grid: int = 1,
    orders: Orders | None = None,
) -> npt.NDArray[np.int64]:
    """Give every tuple its class.

    Parameters
    ----------
    dims, words, weight, cells, models
        The table's distinct tuples, sorted; see `shoal_kernels.tables.dimensions` and
        `shoal_kernels.criteria.privacy_models`.
    apart : (any,) int64
        Dimensions whose null (code 0) never shares a class with a value.
    apart_names : sequence of str
        Their columns, for messages.
    method : "tight" | "mondrian" | "mondrian-relaxed"
    max_suppressed : int
        Rows that may be left out.
    n_threads : int
    rows : (n,) int64, optional
        Rows of each tuple, where `weight` counts units.
    grid : int
        What one unit weighs.
    orders : Orders, optional
        Of this table with another k; does not change the result.

    Returns
    -------
    (n,) int64
        Class of each tuple, numbered from 0 without gaps; `SUPPRESSED` where left out.

    Raises
    ------
    PolicyNotMet
        The table, or the rows with nulls kept apart, cannot meet the models as one class.
    """
    parts, released = _parts_that_hold(_segments(dims, words, apart), words, weight, cells, models)
    rows = weight if rows is None else rows
    if rows.sum() - sum(int(rows[tuples].sum()) for tuples in parts) > max_suppressed:
        raise not_met(weight, cells, models, apart_names, grid=grid)
    if len(parts) == 1 and parts[0].size == weight.size:
        del parts
        return _cut(method, dims, words, weight, cells, released, n_threads, grid, orders)
    class_of_tuple = np.full(weight.size, SUPPRESSED, np.int64)
    n_classes = 0
    for tuples in parts:
        own = None if orders is None else orders.of_part(tuples)
        classes = _cut(method, dims, *subset_of(words, weight, cells, tuples), released, n_threads, grid, own)
        class_of_tuple[tuples] = classes + n_classes
        n_classes += int(classes.max()) + 1
    return class_of_tuple


def _parts_that_hold(
    segments: list[npt.NDArray[np.int64]],
    words: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.int64],
    cells: Cells,
    models: Models,
) -> tuple[list[npt.NDArray[np.int64]], Models]:
    """Return the segments that meet the models as one class, and the models as the rows of these alone bind.

    A segment left out changes the distribution that closeness compares with, so the smallest that fails goes
    first, and the rest is asked again.
    """
    of_table = models
    while True:
        parts = [subset_of(words, weight, cells, tuples) for tuples in segments]
        failing = [i for i, (_, rows, values) in enumerate(parts) if not _holds(rows, values, models)]
        if not failing:
            return segments, models
        smallest = min(failing, key=lambda i: int(parts[i][1].sum()))
        segments = [*segments[:smallest], *segments[smallest + 1 :]]
        class_of_tuple = np.full(weight.size, SUPPRESSED, np.int64)
        for tuples in segments:
            class_of_tuple[tuples] = 0
        models = with_released_shares(cells, of_table, class_of_tuple)


def _cut(
    method: str,
    dims: Dimensions,
    words: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.int64],
    cells: Cells,
    models: Models,
    n_threads: int,
    grid: int,
    orders: Orders | None,
) -> npt.NDArray[np.int64]:
    """Run the method; only the one that is asked for is compiled."""
    if method == "mondrian":
        from shoal_engine.anonymity.methods.mondrian import mondrian

        return mondrian(dims, words, weight, cells, models, n_threads=n_threads)
    if method == "mondrian-relaxed":
        from shoal_engine.anonymity.methods.mondrian import mondrian_relaxed

        return mondrian_relaxed(dims, words, cells, models, weight=weight, n_threads=n_threads)
    from shoal_engine.anonymity.methods.tight import tight

    return tight(dims, words, weight, cells, models, grid=grid, n_threads=n_threads, orders=orders)


def _segments(
    dims: Dimensions, words: npt.NDArray[np.uint64], apart: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.int64]]:
    """Split the tuples by which of the `apart` dimensions are null; each part stays sorted."""
    n = words.shape[1]
    if not apart.size:
        return [np.arange(n)]
    pattern = np.zeros(n, np.int64)
    for j in apart:
        code = (words[dims.word[j]] >> np.uint64(dims.shift[j])) & dims.mask[j]
        pattern = 2 * pattern + (code == 0)
    return [np.flatnonzero(pattern == value) for value in np.unique(pattern)]


def segment_numbers(
    dims: Dimensions, words: npt.NDArray[np.uint64], apart: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the number of the segment of each tuple, (n,) int64; no class reaches across segments."""
    number = np.empty(words.shape[1], np.int64)
    for segment, tuples in enumerate(_segments(dims, words, apart)):
        number[tuples] = segment
    return number


def _holds(weight: npt.NDArray[np.int64], cells: Cells, models: Models) -> bool:
    """Return whether all tuples together, as one class, satisfy the models."""
    from shoal_engine.anonymity.criteria.measures import satisfied

    one_class = np.zeros(weight.size, np.int64)
    return satisfied(weight, cells, models, one_class, 1)


def not_met(
    weight: npt.NDArray[np.int64], cells: Cells, models: Models, apart_names: Sequence[str], *, grid: int = 1
) -> PolicyNotMet:
    """Return which model the whole table misses, and the nearest it can meet; `grid` is what one unit weighs."""
    from shoal_engine.anonymity.criteria.measures import nearest

    rows, k = int(weight.sum()) // grid, int(models.k[0]) // grid
    if not _holds(weight, cells, models):
        can: dict[str, Any] = nearest(weight, cells, models, grid=grid)
        told = ", ".join(f"{name} = {value}" for name, value in can.items())
        msg = f"the whole table as one class does not meet the policy (k = {k}); the nearest that it can: {told}"
        return PolicyNotMet(msg, nearest=can)
    if not apart_names:
        msg = (
            f"the whole table as one class meets the policy (k = {k}), and no finer release that the method looked at "
            "does within the rows that may be left out; raise `suppress`, or declare hierarchies up to one root"
        )
        return PolicyNotMet(msg)
    columns = ", ".join(repr(name) for name in apart_names)
    msg = (
        f"rows with null in {columns} are kept apart and cannot meet the policy by themselves "
        f"(of {rows} {'rows' if grid == 1 else 'units'}, k = {k}); "
        'declare `nulls = "generalize"` for these columns or raise `suppress`'
    )
    return PolicyNotMet(msg, nearest={"nulls": "generalize"})
