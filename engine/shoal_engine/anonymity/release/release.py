"""The rows of a release: recoded, in an order that reveals nothing, batch by batch."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.release.item_recoding import ItemRecoding
from shoal_engine.anonymity.release.output_columns import OutputColumn, sorted_rows
from shoal_engine.anonymity.release.pseudonyms import load_key, pseudonyms, pseudonyms_by_class
from shoal_engine.anonymity.release.recoding import Recoding
from shoal_engine.anonymity.table.table import Table
from shoal_engine.errors import ColumnError
from shoal_engine.randomness import secure_permutation
from shoal_engine.tables.columns import Domain
from shoal_engine.tables.grouping import group

BATCH_ROWS = 1 << 17
"""Rows of a released batch."""


class Release:
    """A release, ready to be written; it has no identifiers, and its row order is set once.

    Parameters
    ----------
    table : Table
    recoding : Recoding
    class_of_tuple : (n,) int64
        Negative where suppressed.
    items : mapping of column to ItemRecoding
        What becomes of the items of set-valued columns.
    names : sequence of str
        The table's columns in their own order, which the output keeps.

    Raises
    ------
    ColumnError
        Two output columns would have the same name.
    PolicyError
        A pseudonym's key is missing.
    """

    def __init__(
        self,
        table: Table,
        recoding: Recoding,
        class_of_tuple: npt.NDArray[np.int64],
        items: Mapping[str, ItemRecoding],
        names: Sequence[str],
    ) -> None:
        self._class_of_tuple = class_of_tuple
        assert table.grouped.tuple_of_row is not None, "a release needs the tuple of each row"
        self._tuple_of_row = table.grouped.tuple_of_row
        self._units = table.units
        class_of_row = class_of_tuple[table.grouped.tuple_of_row]
        self._columns = list(_columns(table, recoding, items, names, class_of_row))
        check_names([column.name for column in self._columns])
        self._rows = _row_order(table, class_of_tuple, self._columns)

    @property
    def schema(self) -> pa.Schema:
        """Return the schema of the batches."""
        return pa.schema([pa.field(column.name, column.type) for column in self._columns])

    @property
    def n_rows(self) -> int:
        """Return the number of released rows."""
        return self._rows.size

    @property
    def units(self) -> npt.NDArray[np.unsignedinteger] | None:
        """Return a number for the unit of each row, in the order of the batches; None where rows are counted."""
        return None if self._units is None else self._units.of_row[self._rows]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; at least one batch, which may be empty."""
        for start in range(0, max(1, self._rows.size), BATCH_ROWS):
            rows = self._rows[start : start + BATCH_ROWS]
            classes = self._class_of_tuple[self._tuple_of_row[rows]]
            yield pa.record_batch([column.take(rows, classes) for column in self._columns], schema=self.schema)


def check_names(names: Sequence[str]) -> None:
    """Raise ColumnError if two output columns have the same name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"two output columns would be named {twice[0]!r}; rename the input column of that name"
        raise ColumnError(msg)


def _columns(
    table: Table,
    recoding: Recoding,
    items: Mapping[str, ItemRecoding],
    names: Sequence[str],
    class_of_row: npt.NDArray[np.int64],
) -> Iterator[OutputColumn]:
    """Yield the output columns in the order of the input's."""
    recoded = iter(recoding.columns)
    by_name = {
        bound.name: [next(recoded) for _ in range(2 if bound.role.output == "bounds" else 1)]
        for bound in table.space.dimensions
    }
    pseudonymous = {name for name, role in table.policy.identifiers.items() if role.action == "pseudonym"}
    for name in names:
        if name in by_name:
            for released in by_name[name]:
                yield OutputColumn(released.name, released.values, released.index_of_class, None)
        elif name in items:
            yield OutputColumn(name, items[name].lists(table.sets[name]), None, None)
        elif name in table.carried:
            yield OutputColumn(name, table.carried[name], None, None)
        elif name in table.policy.sensitive or name in pseudonymous:
            domain, codes = table.coded[name]
            values = domain.values
            if name in pseudonymous:
                role = table.policy.identifiers[name]
                key = load_key(table.policy, name, role)
                if table.policy.link_of(name) == "class":
                    yield _linked_by_class(name, domain, codes, recoding, class_of_row, key)
                    continue
                values = pseudonyms(values, key)
            if domain.has_null:
                values = pa.concat_arrays([pa.nulls(1, values.type), values])
            yield OutputColumn(name, values, None, codes)


def _linked_by_class(
    name: str,
    domain: Domain,
    codes: npt.NDArray[np.unsignedinteger],
    recoding: Recoding,
    class_of_row: npt.NDArray[np.int64],
    key: bytes,
) -> OutputColumn:
    """Return pseudonyms that differ from class to class; null stays null."""
    named = np.flatnonzero((class_of_row >= 0) & ((codes > 0) | (not domain.has_null)))
    index = np.zeros(class_of_row.size, np.uint32)
    values = pa.nulls(1, pa.string())
    if named.size:
        stated, place = recoding.stated()
        sizes = [len(stated), domain.size]
        pairs = group([place[class_of_row[named]].astype(np.uint32), codes[named]], sizes, n_threads=1)
        assert pairs.tuple_of_row is not None
        value = pairs.codes(1).astype(np.int64) - domain.has_null
        digests = pseudonyms_by_class(domain.values, value, stated, pairs.codes(0), key)
        values = pa.concat_arrays([values, digests])
        index[named] = pairs.tuple_of_row + 1
    return OutputColumn(name, values, None, index)


def _row_order(
    table: Table, class_of_tuple: npt.NDArray[np.int64], columns: Sequence[OutputColumn]
) -> npt.NDArray[np.integer]:
    """Return the released rows in output order.

    Shuffled: every order is equally likely. Sorted: by class, then by every other column, so that rows that
    are in one order or the other are the same rows.
    """
    class_of_row = class_of_tuple[table.grouped.tuple_of_row]
    if table.policy.order == "shuffled":
        rows = secure_permutation(class_of_row.size)
        return rows if (class_of_tuple >= 0).all() else rows[class_of_row[rows] >= 0]
    rows = sorted_rows(class_of_row, columns)
    return rows[class_of_row[rows] >= 0]
