"""Features of a column for models: shares of its bins, and its expected value, of labels and of plain values alike."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.usefulness.marginals import Binning, as_numbers, binning_of
from shoal.usefulness.read_release import ReadRelease
from shoal_engine.anonymity.criteria.assessment import released_columns
from shoal_engine.errors import ColumnError
from shoal_engine.tables.column_names import check_columns
from shoal_engine.utility.memberships import weighted_counts

Floats = npt.NDArray[np.float64]

_SEPARATOR = "\x1f"
_MOST_VALUES = 256
"""Values of a column that have a feature each."""


@dataclass(frozen=True, slots=True, eq=False)
class ColumnFeatures:
    """How rows of one column become features.

    Attributes
    ----------
    name : str
    parts : tuple of str
        Columns of the release.
    of_label : mapping of label to features
        Labels that are not single values, as texts.
    binning : Binning
    center, scale : float
        Mean and standard deviation of the expected value; scale is 0 if there is no such feature.
    """

    name: str
    parts: tuple[str, ...]
    of_label: dict[str, Floats]
    binning: Binning
    center: float
    scale: float

    @property
    def size(self) -> int:
        """Return the number of features."""
        return self.binning.size + (self.scale > 0)

    def of_rows(self, rows: pl.DataFrame) -> Floats:
        """Return the features of released or raw rows, (n_rows, size).

        Raises
        ------
        ColumnError
            The rows do not have the column.
        """
        released = all(part in rows.columns for part in self.parts)
        if not released:
            check_columns([self.name], rows.columns, by="the encoder", remedy="give the table of this release")
        keys = _keys(rows, self.parts if released else (self.name,))
        values = keys if not released or len(self.parts) > 1 else rows.get_column(self.name)
        plain = values if self.name not in rows.columns else rows.get_column(self.name)
        distinct = pl.DataFrame({"key": keys, "plain": plain}).unique(subset="key", maintain_order=True)
        table = self._plain(distinct.get_column("plain"))
        for place, key in enumerate(distinct.get_column("key")):
            if key in self.of_label:
                table[place] = self.of_label[key]
        place = {key: number for number, key in enumerate(distinct.get_column("key"))}
        return table[keys.replace_strict(place, return_dtype=pl.Int64).to_numpy()] if keys.len() else table

    def _plain(self, values: pl.Series) -> Floats:
        """Return the features of single values."""
        found = np.zeros((values.len(), self.size))
        found[np.arange(values.len()), self.binning.bin_of(values)] = 1.0
        if self.scale > 0:
            number = as_numbers(values)
            found[:, -1] = (number.fill_null(self.center).to_numpy() - self.center) / self.scale
        return found


def _keys(rows: pl.DataFrame, parts: tuple[str, ...]) -> pl.Series:
    """Return the label of each row as one text."""
    texts = [pl.col(part).cast(pl.String).fill_null("\x00") for part in parts]
    return rows.select(pl.concat_str(texts, separator=_SEPARATOR).alias("key")).to_series()


def features_of_plain(rows: pl.DataFrame, name: str) -> ColumnFeatures:
    """Return the features of a column of plain values."""
    values = rows.get_column(name)
    binning = _fine(values, None)
    center, scale = _spread_of(values, np.ones(values.len()))
    return ColumnFeatures(name, (name,), {}, binning, center, scale)


def features_of_release(read: ReadRelease, name: str) -> ColumnFeatures:
    """Return the features of a released column.

    Raises
    ------
    ColumnError, PolicyError
        Its labels cannot be read.
    """
    if name not in read.generalized:
        if name not in read.rows.columns:
            msg = f"the release has no column {name!r} to make features of; name another"
            raise ColumnError(msg)
        return features_of_plain(read.rows, name)
    column, spread = read.column(name), read.column(name).spread
    binning = _fine(column.values, spread.share)
    center, scale = _spread_of(column.values, spread.share)
    bins = binning.bin_of(column.values)
    weights = [(bins == one).astype(np.float64) for one in range(binning.size)]
    if scale > 0:
        number = as_numbers(column.values).fill_null(center).to_numpy()
        weights.append((number - center) / scale)
    n_labels = int(spread.label_of_class.max()) + 1
    rows = weighted_counts(spread.label_of_class, spread.class_rows, n_labels)
    features = np.stack(
        [weighted_counts(spread.label_of_class, spread.expected(one), n_labels) / rows for one in weights], axis=1
    )
    parts = tuple(released_columns(name, read.policy.quasi_identifiers[name]))
    first = np.unique(spread.label_of_class[read.class_of_row], return_index=True)[1]
    keys = _keys(read.rows[first.tolist()], parts)
    return ColumnFeatures(name, parts, dict(zip(keys, features, strict=True)), binning, center, scale)


def _fine(values: pl.Series, weight: Floats | None) -> Binning:
    """Return bins: quantiles of numbers and dates, a bin for each other value."""
    found = binning_of(values, weight)
    if found.edges is not None:
        return found
    return Binning(None, values.cast(pl.String).drop_nulls().unique().sort().head(_MOST_VALUES).to_list())


def _spread_of(values: pl.Series, weight: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of numbers and dates, by weight; 0 of other values."""
    if not (values.dtype.is_numeric() or values.dtype.is_temporal()):
        return 0.0, 0.0
    number = as_numbers(values)
    known = number.is_not_null().to_numpy()
    kept, share = number.drop_nulls().to_numpy(), weight[known]
    if not share.sum() > 0:
        return 0.0, 0.0
    center = float(np.average(kept, weights=share))
    return center, float(np.sqrt(np.average((kept - center) ** 2, weights=share)))
