"""A workload that is answered on the raw table once, and on other tables in comparison."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.usefulness.conditions import conditions_of
from shoal.usefulness.estimate import expected_mean, expected_rows
from shoal.usefulness.tables import ReadTable
from shoal.usefulness.workload import LEAST_SHARE, Query, Workload
from shoal_engine.errors import ColumnError
from shoal_engine.utility.answer_errors import relative_errors

Floats = npt.NDArray[np.float64]


class Comparison:
    """The answers of the raw table to a workload, and the errors of other tables.

    Parameters
    ----------
    asked : Workload
    raw : ReadTable
        The table as it was.

    Raises
    ------
    ColumnError
        The workload averages a column that holds no numbers.
    """

    def __init__(self, asked: Workload, raw: ReadTable) -> None:
        self._queries = [(one, conditions_of(one.where)) for one in asked.queries]
        self._true = self._answers(raw)
        self._least = np.array([_least(raw.rows, one) for one in asked.queries])

    def errors(self, table: ReadTable) -> Floats:
        """Return the relative error of each question on a table."""
        return relative_errors(self._answers(table), self._true, least=self._least)

    def _answers(self, table: ReadTable) -> Floats:
        return np.array([_answer(table, one, parts) for one, parts in self._queries])


def _answer(read: ReadTable, query: Query, conditions: Mapping[str, pl.Expr]) -> float:
    """Return the answer to a question; the mean of no row is 0, which is as wrong as a mean can be."""
    if query.mean is None:
        return expected_rows(read, conditions)
    return float(np.nan_to_num(expected_mean(read, conditions, query.mean)))


def _least(raw: pl.DataFrame, query: Query) -> float:
    """Return the answer below which errors are divided by it."""
    if query.mean is None:
        return LEAST_SHARE * raw.height
    column = raw.get_column(query.mean)
    if not column.dtype.is_numeric() and column.dtype != pl.Boolean:
        msg = f"the workload averages {query.mean!r}, which has type {column.dtype}; name a column of numbers"
        raise ColumnError(msg)
    size = column.cast(pl.Float64).fill_nan(None).abs().mean()
    return max(float(size) / 1000, np.finfo(np.float64).tiny) if isinstance(size, int | float) else 1.0
