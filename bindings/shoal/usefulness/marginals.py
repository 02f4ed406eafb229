"""Marginals of pairs of columns, of a release and of the raw table, over bins that the raw table sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.usefulness.tables import ReadTable
from shoal_engine.utility.answer_errors import total_variation

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS = 16
"""Bins of a column at most, not counting that of null."""
_CUTS = np.arange(1, BINS) / BINS


@dataclass(frozen=True, slots=True, eq=False)
class Binning:
    """Bins of a column: quantiles of numbers and dates, the most frequent of other values; null is bin 0.

    Attributes
    ----------
    edges : (n_edges,) float64, or None
        Lower ends of the bins after the first.
    named : sequence of str
        Values that have a bin each, where there are no edges; all others share one.
    """

    edges: Floats | None
    named: Sequence[str] = ()

    @property
    def size(self) -> int:
        """Return the number of bins."""
        return 2 + (len(self.named) if self.edges is None else self.edges.size)

    def bin_of(self, values: pl.Series) -> Ints:
        """Return the bin of each value."""
        if self.edges is not None:
            number = as_numbers(values)
            found = np.searchsorted(self.edges, number.fill_null(0.0).to_numpy(), side="right") + 1
            return np.where(number.is_null().to_numpy(), 0, found).astype(np.int64)
        text = values.cast(pl.String)
        numbers = {name: place for place, name in enumerate(self.named, 2)}
        coded = text.replace_strict(numbers, default=1, return_dtype=pl.Int64)
        return np.where(text.is_null().to_numpy(), 0, coded.fill_null(1).to_numpy()).astype(np.int64)


def binning_of(values: pl.Series, weight: Floats | None = None) -> Binning:
    """Return the bins of a column of the raw table, or of distinct values with weights.

    Parameters
    ----------
    values : pl.Series
    weight : (n_values,) float64, optional
        Rows of each value, where it is a number or date.
    """
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        number = as_numbers(values)
        known, number = number.is_not_null().to_numpy(), number.drop_nulls().to_numpy()
        rows = None if weight is None else weight[known]
        cuts = np.quantile(number, _CUTS, method="inverted_cdf", weights=rows) if number.size else number
        return Binning(np.unique(cuts))
    counts = values.cast(pl.String).drop_nulls().value_counts(sort=False)
    counts = counts.sort("count", counts.columns[0], descending=[True, False])
    return Binning(None, counts.get_column(counts.columns[0]).head(BINS - 1).to_list())


def as_numbers(values: pl.Series) -> pl.Series:
    """Return numbers, dates and times as floats; NaN is null."""
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        values = values.cast(pl.Datetime("us"))
    plain = values.to_physical() if values.dtype.is_temporal() else values
    return plain.cast(pl.Float64, strict=False).fill_nan(None)


def pair_distances(read: ReadTable, raw: ReadTable, binnings: dict[str, Binning]) -> dict[tuple[str, str], float]:
    """Return the total variation distance of each pair's marginal to that of the raw table.

    Parameters
    ----------
    read : ReadTable
    raw : ReadTable
        Holds every row itself.
    binnings : mapping of column to Binning
    """
    ours = {name: _Cells(read, name, binning) for name, binning in binnings.items()}
    theirs = {name: _Cells(raw, name, binning) for name, binning in binnings.items()}
    return {
        (a, b): total_variation(_table(ours[a], ours[b], read), _table(theirs[a], theirs[b], raw))
        for a, b in combinations(binnings, 2)
    }


class _Cells:
    """Bins of one column in a table: of each row, or rows expected in each class."""

    def __init__(self, read: ReadTable, name: str, binning: Binning) -> None:
        self.size = binning.size
        self.of_row: Ints | None = None
        self.of_class: Floats | None = None
        if name not in read.generalized:
            self.of_row = binning.bin_of(read.rows.get_column(name))
            return
        column = read.column(name)
        bins = binning.bin_of(column.values)
        rows = [column.spread.expected((bins == one).astype(np.float64)) for one in range(self.size)]
        self.of_class = np.stack(rows, axis=1)

    def by_class(self, read: ReadTable) -> Floats:
        """Return the rows of each class in each bin, (n_classes, size)."""
        if self.of_class is not None:
            return self.of_class
        assert self.of_row is not None
        places = read.class_of_row * self.size + self.of_row
        counts = np.bincount(places, minlength=read.class_rows.size * self.size)
        return counts.reshape(-1, self.size).astype(np.float64)


def _table(a: _Cells, b: _Cells, read: ReadTable) -> Floats:
    """Return the marginal of two columns, independent of each other within a class unless both are known by row."""
    if a.of_row is not None and b.of_row is not None:
        counts = np.bincount(a.of_row * b.size + b.of_row, minlength=a.size * b.size)
        return counts.reshape(a.size, b.size).astype(np.float64)
    return (a.by_class(read) / read.class_rows[:, None]).T @ b.by_class(read)
