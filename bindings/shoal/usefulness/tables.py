"""Tables that are asked the same questions: a release, the raw table, and the raw table without some columns."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.io.lazy_frames import internal
from shoal.usefulness.asked_values import AskedValues
from shoal_engine.errors import ColumnError
from shoal_engine.utility.memberships import Ranges
from shoal_engine.utility.shares import SpreadColumn, spread_column

Ints = npt.NDArray[np.int64]

_VALUE, _PLACE = internal("value"), internal("place")


@dataclass(frozen=True, slots=True, eq=False)
class ReadColumn:
    """A column whose rows are known up to labels, read.

    Attributes
    ----------
    values : pl.Series
        Distinct values that labels may be, null first if there is one.
    spread : SpreadColumn
        Shares of the values, and rows expected of them in each class.
    even : bool
        Whether rows are spread evenly, as labels do not name values that occur.
    """

    values: pl.Series
    spread: SpreadColumn
    even: bool


class CodedRows:
    """Rows whose columns are dictionary-encoded when they are first asked for.

    Parameters
    ----------
    frame : pl.DataFrame

    Attributes
    ----------
    asked : AskedValues
        What was found of values, shared by all tables of these rows.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self.asked = AskedValues()
        self._coded: dict[str, tuple[pl.Series, Ints]] = {}

    def some(self, rows: Ints) -> "CodedRows":
        """Return some of the rows."""
        found = CodedRows(self.frame[rows])
        found.asked = self.asked
        return found

    def coded(self, name: str) -> tuple[pl.Series, Ints]:
        """Return distinct values of a column, and the place of each row's value among them."""
        if name not in self._coded:
            self._coded[name] = self._encode(self.frame.get_column(name))
        return self._coded[name]

    def _encode(self, values: pl.Series) -> tuple[pl.Series, Ints]:
        """Return distinct values and places; values that cannot be compared are taken as distinct."""
        if values.dtype.is_nested() or isinstance(values.dtype, pl.Object):
            return values, np.arange(values.len())
        distinct = values.unique(maintain_order=True)
        numbers = pl.DataFrame({_VALUE: distinct, _PLACE: np.arange(distinct.len())})
        rows = values.alias(_VALUE).to_frame()
        found = rows.join(numbers, on=_VALUE, how="left", nulls_equal=True, maintain_order="left")
        return distinct, found.get_column(_PLACE).to_numpy().astype(np.int64)


class ReadTable(ABC):
    """A table of classes: some columns are known up to labels, which classes share, others row by row.

    Attributes
    ----------
    coded : CodedRows
    class_of_row : (n_rows,) int64
    class_rows : (n_classes,) int64
    """

    coded: CodedRows
    class_of_row: Ints
    class_rows: Ints

    @property
    def rows(self) -> pl.DataFrame:
        """Return the rows."""
        return self.coded.frame

    @property
    @abstractmethod
    def generalized(self) -> list[str]:
        """Return the columns that are known up to labels."""

    @property
    @abstractmethod
    def kept(self) -> list[str]:
        """Return the columns that are known row by row."""

    @abstractmethod
    def column(self, name: str) -> ReadColumn:
        """Return a generalized column, read."""

    def readable(self, names: Iterable[str]) -> list[str]:
        """Return the columns among `names` that can be asked for."""
        return [name for name in names if name in self.kept or (name in self.generalized and self._reads(name))]

    def _reads(self, name: str) -> bool:
        """Return whether the labels of a column can be read."""
        try:
            self.column(name)
        except ValueError:
            return False
        return True


class PlainTable(ReadTable):
    """A table of values, of which some columns may be dropped.

    All that is known of a dropped column are its distinct values: rows are spread evenly over them.

    Parameters
    ----------
    coded : CodedRows
    dropped : sequence of str
    """

    def __init__(self, coded: CodedRows, dropped: Iterable[str] = ()) -> None:
        rows = coded.frame
        self.coded, self._dropped = coded, [name for name in dropped if name in rows.columns]
        self.class_of_row = np.zeros(rows.height, np.int64)
        self.class_rows = np.array([rows.height], np.int64)
        self._columns: dict[str, ReadColumn] = {}

    @property
    def generalized(self) -> list[str]:
        """Return the dropped columns."""
        return self._dropped

    @property
    def kept(self) -> list[str]:
        """Return the other columns."""
        return [name for name in self.rows.columns if name not in self._dropped]

    def column(self, name: str) -> ReadColumn:
        """Return a dropped column: one label for all values."""
        if name not in self._columns:
            if isinstance(self.rows.schema[name], pl.List | pl.Struct | pl.Array | pl.Object):
                msg = f"column {name!r} has type {self.rows.schema[name]}, of which no value can be compared"
                raise ColumnError(msg)
            values = self.rows.get_column(name).unique().sort(nulls_last=False)
            one = np.zeros(1, np.int64)
            everything = Ranges(values.len(), one, one + values.len() - 1, np.zeros(1, np.bool_))
            spread = spread_column(everything, one, self.class_rows, rounds=0)
            self._columns[name] = ReadColumn(values, spread, even=True)
        return self._columns[name]
