"""Meeting promises about all classes at once by methods that know only what one class needs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.binding import BoundTable
from shoal_engine.anonymity.policy.table_models import TableModel, sizes_hold
from shoal_kernels._jit import freeze

Made = TypeVar("Made")


def with_k(table: BoundTable, k: int) -> BoundTable:
    """Return the table with models that ask for `k` rows, or units, of each class."""
    if int(table.models.k[0]) == k * table.grid:
        return table
    return replace(table, models=freeze(table.models._replace(k=np.array([k * table.grid], np.int64))))


def least_k_that_holds(
    models: Sequence[TableModel],
    least: int,
    sufficient: int,
    attempt: Callable[[int], Made],
    *,
    rows: Callable[[Made], npt.NDArray[np.int64]],
) -> Made:
    """Return what was made with a small k and holds every model of the class sizes.

    Larger classes lose more, so k is raised no farther than needed: it is sought by halving between `least` and
    `sufficient`, where the models hold by themselves. They need not hold ever better as k grows, so what is found
    holds, and might not be the least.

    Parameters
    ----------
    models : sequence of TableModel
    least, sufficient : int
        What every class needs in any case, and the k from which on every model holds.
    attempt : callable of k
        Makes classes of at least k rows; raises PolicyNotMet where no classes exist.
    rows : callable of what was made
        The rows, or units, of each of its classes.
    """
    made = attempt(least)
    if sizes_hold(models, rows(made)):
        return made
    made, failing, holding = attempt(sufficient), least, sufficient
    while holding - failing > 1:
        k = (failing + holding) // 2
        other = attempt(k)
        if sizes_hold(models, rows(other)):
            made, holding = other, k
        else:
            failing = k
    return made
