"""Observing record batches for a group-by whose protected unit is a row: sums as the rows come, nothing kept."""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from shoal_engine.differential.queries.grid import BLOCK, ValueSpec, check_type, place_on_grid
from shoal_engine.differential.queries.group_keys import GroupKeys
from shoal_engine.differential.queries.group_sums import Accumulator, GroupSums
from shoal_engine.errors import InputError
from shoal_engine.tables.column_names import check_columns

MOST_ROWS = (1 << 32) - 1
"""Rows that can be observed: with them no sum can overflow."""


class RowObservation:
    """A mergeable summary of record batches, where the privacy unit is a row; any cut and any order give the same sums.

    Parameters
    ----------
    by : sequence of str
        Key columns; of any type that has an order. Null is a key.
    values : sequence of ValueSpec
    keys : pa.Table, optional
        Public keys: groups that are not among them are left out, and those without rows have sums of 0. None takes
        the groups as they are found, and partition selection must then choose the released groups.

    Notes
    -----
    Memory: 8 bytes a group for the count, 24 for each spec and 8 for each bin between its edges, and the keys.
    """

    def __init__(self, by: Sequence[str], values: Sequence[ValueSpec], keys: pa.Table | None = None) -> None:
        self._keys = GroupKeys(by, keys)
        self._specs = tuple(values)
        self._sums = Accumulator(self._specs)
        self.n_rows = 0

    def observe(self, batch: pa.RecordBatch) -> None:
        """Add the rows of one batch.

        Raises
        ------
        ColumnError
            A column is missing, or its type cannot be grouped by, or summed: seen from the schema alone.
        InputError
            More rows than sums have room for.
        """
        check_batch(batch.schema, self._keys.names, self._specs)
        self.n_rows = checked_rows(self.n_rows, batch.num_rows)
        codes = self._keys.observe(batch)
        self._sums.make_room(self._keys.n_codes)
        self._sums.add_rows(codes)
        block = np.empty(min(BLOCK, batch.num_rows), np.int32)
        for c, spec in enumerate(self._specs):
            column = batch.column(spec.column)
            for low in range(0, batch.num_rows, BLOCK):
                part = column.slice(low, BLOCK)
                place_on_grid(part, spec, block[: len(part)])
                self._sums.add_values(c, codes[low : low + BLOCK], block[: len(part)])

    def merge(self, other: "RowObservation") -> None:
        """Add the rows that another observation of the same query saw."""
        self.n_rows = checked_rows(self.n_rows, other.n_rows)
        ours = self._keys.merge(other._keys)
        self._sums.make_room(self._keys.n_codes)
        other._sums.make_room(len(ours))
        self._sums.merge(other._sums, ours)

    def finish(self) -> GroupSums:
        """Return the sums of every group."""
        return self._sums.finish(self._keys.finish(), None)


def check_batch(schema: pa.Schema, names: Iterable[str], specs: Iterable[ValueSpec]) -> None:
    """Check that the columns of a query are there, once, and that those to be summed hold numbers.

    Raises
    ------
    ColumnError
        A column is missing, is there twice, or cannot be summed.
    """
    specs = tuple(specs)
    named = [*names, *(spec.column for spec in specs)]
    check_columns(named, schema.names, by="the query", table="the input", remedy=f"there are {schema.names}")
    for spec in specs:
        if spec.presence:
            continue
        check_type(spec.column, schema.field(spec.column).type)


def checked_rows(before: int, more: int) -> int:
    """Return the number of rows observed.

    Raises
    ------
    InputError
        More than MOST_ROWS, a limit that is public.
    """
    if before + more > MOST_ROWS:
        msg = f"more than {MOST_ROWS} rows, for which sums of 64 bits have no room; release the input in parts"
        raise InputError(msg)
    return before + more
