"""Columns of a release before its rows are in order: values by class, by code or by row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.tables.rebuilding import rebuilt, rebuilt_type


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """An output column: `values` taken by an index per class, an index per row, or row by row.

    Attributes
    ----------
    name : str
    values : pa.Array
    by_class : (n_classes,) int32, optional
    by_row : (n_rows,) unsigned, optional
        Where neither is given, `values` has one value a row.
    """

    name: str
    values: pa.Array
    by_class: npt.NDArray[np.int32] | None
    by_row: npt.NDArray[np.unsignedinteger] | None

    @property
    def type(self) -> pa.DataType:
        """Return the type of the column in a released batch."""
        if self.by_class is not None and pa.types.is_string(self.values.type):
            return pa.dictionary(pa.int32(), pa.string())
        return rebuilt_type(self.values.type)

    def take(self, rows: npt.NDArray[np.integer], classes: npt.NDArray[np.integer]) -> pa.Array:
        """Return the column's values of some rows, which lie in `classes`."""
        if self.by_class is not None:
            index = self.by_class[classes]
            return (
                self._labels(index) if pa.types.is_dictionary(self.type) else rebuilt(self.values.take(pa.array(index)))
            )
        return rebuilt(self.values.take(pa.array(rows if self.by_row is None else self.by_row[rows])))

    def _labels(self, index: npt.NDArray[np.int32]) -> pa.Array:
        """Return labels, each text once, and no text that none of the rows has."""
        is_used = np.zeros(len(self.values), np.bool_)
        is_used[index] = True
        used = np.flatnonzero(is_used)
        place = (np.cumsum(is_used, dtype=np.int32) - 1)[index]
        texts = self.values.take(pa.array(used))
        # Null belongs to the rows: Parquet takes no dictionary that holds it.
        hidden = np.asarray(texts.is_null())[place] if texts.null_count else None
        return pa.DictionaryArray.from_arrays(pa.array(place, mask=hidden), texts.fill_null(""))


def sorted_rows(class_of_row: npt.NDArray[np.integer], columns: Sequence[OutputColumn]) -> npt.NDArray[np.integer]:
    """Return the rows by class, then by every other column: rows in one place or the other are the same rows."""
    rest = {f"{number}": _sortable(column) for number, column in enumerate(columns) if column.by_class is None}
    keys = pa.table({"class": pa.array(class_of_row), **rest})
    return pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names]).to_numpy()


def _sortable(column: OutputColumn) -> pa.Array:
    """Return what the rows of a column are sorted by."""
    if column.by_row is not None:
        # Pseudonyms sort by what is released, never by what they hide.
        rank = pc.rank(column.values, tiebreaker="first").to_numpy()
        return pa.array(rank[column.by_row])
    kind = column.values.type
    if pa.types.is_boolean(kind):
        return pc.cast(column.values, pa.int8())
    if pa.types.is_dictionary(kind):
        return column.values.cast(kind.value_type)
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        # Arrow sorts no lists and structs; any order will do that depends on the values alone.
        return pa.array([repr(value) for value in column.values.to_pylist()], pa.large_string())
    return column.values
