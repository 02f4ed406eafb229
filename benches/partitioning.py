"""Classes and their loss without the rest of the pipeline."""

import numpy as np
import numpy.typing as npt
import polars as pl

import shoal
from shoal.io.observing import observe
from shoal_engine.anonymity.criteria.binding import BoundTable, bind
from shoal_engine.anonymity.methods.partitioning import partition
from shoal_engine.anonymity.policy.methods import Method
from shoal_engine.anonymity.release.recoding import recode


def table_of(frame: pl.DataFrame, policy: shoal.Policy, *, n_threads: int = 1) -> BoundTable:
    """Return the distinct tuples of a frame."""
    return bind(observe(frame.lazy(), policy, carry=False, n_threads=n_threads).finish())


def classes(table: BoundTable, method: Method, *, n_threads: int = 1) -> npt.NDArray[np.int64]:
    """Return the class of each tuple."""
    return partition(
        table.space.arrays,
        table.grouped.words,
        table.grouped.weight,
        table.cells,
        table.models,
        apart=table.space.apart,
        apart_names=[table.space.names[j] for j in table.space.apart],
        method=method,
        max_suppressed=0,
        n_threads=n_threads,
    )


def ncp(table: BoundTable, class_of_tuple: npt.NDArray[np.int64]) -> float:
    """Return the information loss of some classes: mean over rows and quasi-identifiers."""
    grouped = table.grouped
    recoding = recode(table.space.dimensions, table.space.arrays, grouped.words, grouped.weight, class_of_tuple)
    rows = np.bincount(class_of_tuple, weights=grouped.weight)
    return float((recoding.loss_of_class.mean(axis=0) * rows).sum() / rows.sum())
