"""A release of more rows than memory holds: classes and kept values wait in files until their order is set.

Shuffled: each row goes to a file drawn by the secure source, and each file is permuted when it is read, so that every
order of all rows is equally likely (Rao 1961, "Generation of random permutation of given number of elements using
random sampling numbers", Sankhya A 23(3); Sandelius 1962, "A simple randomization procedure", JRSS B 24(2)). Sorted:
a file holds neighboring classes and is sorted when it is read; the batches are those of `Release`.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.release.output_columns import OutputColumn, sorted_rows
from shoal_engine.anonymity.release.pseudonyms import load_key, pseudonyms
from shoal_engine.anonymity.release.recoding import Recoding
from shoal_engine.anonymity.release.release import BATCH_ROWS, check_names
from shoal_engine.anonymity.release.row_classes import CHANGED, TupleFinder, known_codes
from shoal_engine.anonymity.table.observation import owned, without_views
from shoal_engine.anonymity.table.table import Table, rows_of_classes
from shoal_engine.errors import InputError
from shoal_engine.randomness import secure_permutation
from shoal_engine.tables.columns import ColumnEncoder, Domain, narrowest
from shoal_engine.tables.rebuilding import rebuilt, rebuilt_type

Ints = npt.NDArray[np.int64]

FILE_ROWS = 1 << 21
"""Rows of a file; all rows of one are in memory at a time."""
MOST_FILES = 256
_CLASS = "class"


class SpilledRelease:
    """A release whose rows are observed a second time; its batches are read once.

    Parameters
    ----------
    table : Table
        Without rows.
    recoding : Recoding
    class_of_tuple : (n,) int64
        Negative where suppressed.
    names : sequence of str
        The table's columns in their own order, which the output keeps.
    types : mapping of str to pa.DataType
        Types of the insensitive columns.
    folder : Path
        Where rows wait; it is the caller's to remove.
    n_threads : int

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
        class_of_tuple: Ints,
        names: Sequence[str],
        types: dict[str, pa.DataType],
        *,
        folder: Path,
        n_threads: int,
    ) -> None:
        n_classes = recoding.loss_of_class.shape[1]
        self._finder = TupleFinder(table.space.dimensions, table.grouped.words)
        self._class_of_tuple = class_of_tuple.astype(np.int32)
        self._folder = folder
        self._n_threads = n_threads
        self._sorted = table.policy.order == "sorted"
        self._missing = rows_of_classes(class_of_tuple, table.grouped.weight, n_classes)
        self.n_rows = int(self._missing.sum())
        self._carriers = list(_carriers(table, recoding, names, types))
        check_names([carrier.name for carrier in self._carriers])
        self._files = _Files(folder, self._n_files(), self._raw_schema())
        self._first_class = _even_cuts(self._missing, self._n_files()) if self._sorted else np.empty(0, np.int64)

    @property
    def schema(self) -> pa.Schema:
        """Return the schema of the batches."""
        return pa.schema([pa.field(one.name, one.column(one.nothing).type) for one in self._carriers])

    def observe(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Ints]:
        """Add the rows of one batch; return those that are released, and the tuple of each, (n,) int64.

        Raises
        ------
        InputError
            The input has other rows than when it was read first.
        """
        place = self._finder.find(batch, n_threads=self._n_threads)
        class_of_row = self._class_of_tuple[place]
        rows = np.flatnonzero(class_of_row >= 0)
        classes = class_of_row[rows]
        self._missing -= np.bincount(classes, minlength=self._missing.size)
        kept = batch if rows.size == batch.num_rows else _taken(batch, rows)
        if rows.size:
            arrays = [pa.array(classes), *(one.carry(kept) for one in self._carriers if one.is_carried)]
            self._files.scatter(pa.record_batch(arrays, schema=self._raw_schema()), self._file_of(classes))
        return kept, place[rows]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; at least one batch, which may be empty.

        Raises
        ------
        InputError
            The input had other rows than when it was read first.
        """
        if self._missing.any():
            raise InputError(CHANGED)
        # All rows are recoded, and what that took is free.
        del self._finder, self._class_of_tuple
        waiting = self._raw_schema().empty_table()
        for raw in self._files.read():
            ordered = raw.take(pa.array(self._order(raw)))
            waiting = pa.concat_tables([waiting, ordered]).combine_chunks()
            whole = waiting.num_rows - waiting.num_rows % BATCH_ROWS
            for start in range(0, whole, BATCH_ROWS):
                yield self._finished(waiting.slice(start, BATCH_ROWS))
            waiting = waiting.slice(whole)
        if waiting.num_rows or not self.n_rows:
            yield self._finished(waiting)

    def _n_files(self) -> int:
        """Return the number of files: a power of two, so that a random one is equally likely."""
        wanted = -(-max(1, self.n_rows) // FILE_ROWS)
        return min(MOST_FILES, 1 << (wanted - 1).bit_length())

    def _raw_schema(self) -> pa.Schema:
        """Return the schema of the files."""
        carried = [pa.field(str(j), one.raw_type) for j, one in enumerate(self._carriers) if one.is_carried]
        return pa.schema([pa.field(_CLASS, pa.int32()), *carried])

    def _file_of(self, classes: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Return the file of each row."""
        if self._sorted:
            return np.searchsorted(self._first_class, classes, side="right") - 1
        words = np.frombuffer(os.urandom(2 * classes.size), np.uint16)
        return (words & np.uint16(self._n_files() - 1)).astype(np.int64)

    def _order(self, raw: pa.Table) -> npt.NDArray[np.integer]:
        """Return the order of the rows of a file."""
        if not self._sorted:
            return secure_permutation(raw.num_rows)
        return sorted_rows(raw[_CLASS].to_numpy(), self._columns(raw))

    def _columns(self, raw: pa.Table) -> list[OutputColumn]:
        """Return the output columns over raw rows."""
        return [
            one.column(_whole(raw[str(j)]) if one.is_carried else one.nothing) for j, one in enumerate(self._carriers)
        ]

    def _finished(self, raw: pa.Table) -> pa.RecordBatch:
        """Return raw rows as they are released."""
        rows, classes = np.arange(raw.num_rows), raw[_CLASS].to_numpy()
        return pa.record_batch([column.take(rows, classes) for column in self._columns(raw)], schema=self.schema)


class _Carrier:
    """What waits for one output column; this one waits for nothing, for its values are those of classes."""

    is_carried = False
    nothing = pa.nulls(0)

    def __init__(self, name: str, values: pa.Array, by_class: npt.NDArray[np.int32]) -> None:
        self.name, self._values, self._by_class = name, values, by_class

    @property
    def raw_type(self) -> pa.DataType:
        """Return the type of what waits."""
        return pa.null()

    def carry(self, batch: pa.RecordBatch) -> pa.Array:
        """Return what waits of the rows of a batch."""
        return pa.nulls(batch.num_rows)

    def column(self, raw: pa.Array) -> OutputColumn:
        """Return the output column over rows that waited."""
        return OutputColumn(self.name, self._values, self._by_class, None)


class _Coded(_Carrier):
    """Values of a sensitive column wait as codes."""

    is_carried = True

    def __init__(self, name: str, domain: Domain) -> None:
        self.name, self._domain = name, domain
        self._encoder = ColumnEncoder.of_domain(name, domain)
        self._entries = domain.decode(np.arange(domain.size))
        self._dtype = narrowest(domain.size)
        self.nothing = pa.array(np.empty(0, self._dtype))

    @property
    def raw_type(self) -> pa.DataType:
        return pa.from_numpy_dtype(self._dtype)

    def carry(self, batch: pa.RecordBatch) -> pa.Array:
        codes = known_codes(self._encoder, self._domain.size, batch.column(self.name))
        return pa.array(codes.astype(self._dtype))

    def column(self, raw: pa.Array) -> OutputColumn:
        return OutputColumn(self.name, self._entries, None, raw.to_numpy())


class _Kept(_Carrier):
    """Values of an insensitive column wait as they are."""

    is_carried = True

    def __init__(self, name: str, kind: pa.DataType) -> None:
        self.name, self._kind = name, rebuilt_type(without_views(kind))
        self.nothing = pa.nulls(0, self._kind)

    @property
    def raw_type(self) -> pa.DataType:
        return self._kind

    def carry(self, batch: pa.RecordBatch) -> pa.Array:
        return rebuilt(batch.column(self.name))

    def column(self, raw: pa.Array) -> OutputColumn:
        return OutputColumn(self.name, raw, None, None)


class _Pseudonymous(_Kept):
    """Identifiers wait as pseudonyms."""

    def __init__(self, name: str, key: bytes) -> None:
        super().__init__(name, pa.large_string())
        self._key = key

    def carry(self, batch: pa.RecordBatch) -> pa.Array:
        encoder = ColumnEncoder(self.name)
        codes = encoder.observe(batch.column(self.name))
        domain, final = encoder.finish()
        digests = pseudonyms(domain.values, self._key).cast(pa.large_string())
        entries = pa.concat_arrays([pa.nulls(int(domain.has_null), pa.large_string()), digests])
        return entries.take(pa.array(final[codes]))


def _carriers(
    table: Table, recoding: Recoding, names: Sequence[str], types: dict[str, pa.DataType]
) -> Iterator[_Carrier]:
    """Yield what waits for each output column, in the order of the input's."""
    policy: Policy = table.policy
    recoded = iter(recoding.columns)
    by_name = {
        bound.name: [next(recoded) for _ in range(2 if bound.role.output == "bounds" else 1)]
        for bound in table.space.dimensions
    }
    for name in names:
        if name in by_name:
            for released in by_name[name]:
                yield _Carrier(released.name, released.values, released.index_of_class)
        elif name in policy.insensitive:
            yield _Kept(name, types[name])
        elif name in policy.sensitive:
            yield _Coded(name, table.coded[name][0])
        elif name in policy.identifiers and policy.identifiers[name].action == "pseudonym":
            yield _Pseudonymous(name, load_key(policy, name, policy.identifiers[name]))


class _Files:
    """Rows in files of their own, each read once and removed."""

    def __init__(self, folder: Path, n: int, schema: pa.Schema) -> None:
        self._schema = schema
        self._paths = [folder / f"rows-{secrets.token_hex(8)}.arrow" for _ in range(n)]
        self._writers: list[pa.RecordBatchStreamWriter | None] = [None] * n

    def scatter(self, batch: pa.RecordBatch, file_of_row: npt.NDArray[np.int64]) -> None:
        """Append each row to its file."""
        order = np.argsort(file_of_row.astype(np.uint16), kind="stable")
        bounds = np.concatenate([[0], np.cumsum(np.bincount(file_of_row, minlength=len(self._paths)))])
        ordered = batch.take(pa.array(order))
        for place, (low, high) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
            if low < high:
                self._writer(place).write_batch(ordered.slice(low, high - low))

    def read(self) -> Iterator[pa.Table]:
        """Yield the rows of each file, and remove it."""
        for place, path in enumerate(self._paths):
            writer = self._writers[place]
            if writer is None:
                continue
            writer.close()
            self._writers[place] = None
            with pa.OSFile(str(path), "rb") as source:
                table = pa.ipc.open_stream(source).read_all()
            path.unlink()
            yield table

    def _writer(self, place: int) -> pa.RecordBatchStreamWriter:
        """Return the writer of a file, opened at its first row."""
        writer = self._writers[place]
        if writer is None:
            writer = self._writers[place] = pa.ipc.new_stream(str(self._paths[place]), self._schema)
        return writer


def _even_cuts(rows_of_class: Ints, n: int) -> Ints:
    """Return the first class of each of at most `n` stretches of about equal rows."""
    before = np.cumsum(rows_of_class) - rows_of_class
    wish = before * n // max(1, int(rows_of_class.sum()))
    return np.flatnonzero(np.diff(wish, prepend=-1) > 0)


def _taken(batch: pa.RecordBatch, rows: npt.NDArray[np.intp]) -> pa.RecordBatch:
    """Return some rows of a batch."""
    places = pa.array(rows)
    return pa.record_batch([owned(column).take(places) for column in batch.columns], names=batch.schema.names)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks or [pa.nulls(0, column.type)])
