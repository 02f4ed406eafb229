"""A recoding that outlives its table: distinct tuples, the class of each, and what each class says.

It is a value: saved as one Arrow IPC file with a version and the policy, read back on another machine, and applied to
tables that come later. It holds no row, but every distinct combination of quasi-identifiers of the table: it is as
sensitive as the table.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.release.recoding import Recoding, ReleasedColumn
from shoal_engine.anonymity.table.table import Table
from shoal_engine.errors import ColumnError, InputError
from shoal_engine.tables.columns import ColumnEncoder, Domain, narrowest
from shoal_engine.tables.grouping import group, pack_sizes
from shoal_kernels.tables.lookup import find_tuples

Ints = npt.NDArray[np.int64]

VERSION = 1
_KEY = b"shoal.recoding"


@dataclass(frozen=True, slots=True)
class FittedRecoding:
    """Classes of a table without its rows.

    Attributes
    ----------
    policy : Policy
    method : str
    rows : int
        Rows of the table.
    domains : mapping of str to Domain
        Values of each quasi-identifier, in the policy's order.
    codes : tuple of (n,) unsigned integers, one for each quasi-identifier
        Distinct tuples, ascending.
    class_of_tuple : (n,) int32
        Negative where suppressed.
    recoding : Recoding
        What each class says.
    """

    policy: Policy
    method: str
    rows: int
    domains: Mapping[str, Domain]
    codes: tuple[npt.NDArray[np.unsignedinteger], ...]
    class_of_tuple: npt.NDArray[np.int32]
    recoding: Recoding

    @classmethod
    def of(cls, table: Table, recoding: Recoding, class_of_tuple: Ints, method: str) -> "FittedRecoding":
        """Return the recoding of a table and its classes."""
        dimensions = table.space.dimensions
        codes = [
            dimension.domain_code[table.grouped.codes(j)].astype(narrowest(dimension.size))
            for j, dimension in enumerate(dimensions)
        ]
        # Codes of domains, and so an order that every reader knows.
        order = np.lexsort(codes[::-1])
        return cls(
            policy=table.policy,
            method=method,
            rows=table.n_rows,
            domains={dimension.name: dimension.domain for dimension in dimensions},
            codes=tuple(column[order] for column in codes),
            class_of_tuple=class_of_tuple[order].astype(np.int32),
            recoding=recoding,
        )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.recoding.loss_of_class.shape[1]

    def known_classes(self, table: Table) -> Ints:
        """Return the class of each tuple of another table, (n_tuples,) int64; -1 for a tuple that we do not have.

        A tuple that was suppressed has no class either.
        """
        sizes = [domain.size for domain in self.domains.values()]
        theirs = [
            self._our_codes(dimension.name, dimension.domain)[dimension.domain_code[table.grouped.codes(j)]]
            for j, dimension in enumerate(table.space.dimensions)
        ]
        known = np.flatnonzero(np.all([codes >= 0 for codes in theirs], axis=0))
        found = np.full(table.grouped.n_tuples, -1, np.int64)
        if not known.size or not len(self.class_of_tuple):
            return found
        wanted = group([codes[known].astype(np.uint32) for codes in theirs], sizes, n_threads=1)
        place = np.empty(wanted.n_tuples, np.int64)
        find_tuples(self._words(sizes), np.ascontiguousarray(wanted.words), place)
        assert wanted.tuple_of_row is not None
        place = place[wanted.tuple_of_row]
        found[known] = np.where(place >= 0, self.class_of_tuple[place], -1)
        return np.maximum(found, -1)

    def _our_codes(self, name: str, domain: Domain) -> Ints:
        """Return our code of each code of another domain; -1 for a value that we do not know."""
        ours = self.domains[name]
        if domain.type != ours.type:
            msg = f"column {name!r} is {domain.type} here and {ours.type} in the recoding; declare or cast it alike"
            raise ColumnError(msg)
        codes = ColumnEncoder.of_domain(name, ours).observe(domain.decode(np.arange(domain.size))).astype(np.int64)
        return np.where(codes < ours.size, codes, -1)

    def _words(self, sizes: list[int]) -> npt.NDArray[np.uint64]:
        """Return the tuples as packed words."""
        packing = pack_sizes(sizes)
        words = np.zeros((packing.n_words, len(self.class_of_tuple)), np.uint64)
        for word, shift, codes in zip(packing.word, packing.shift, self.codes, strict=True):
            words[word] |= codes.astype(np.uint64) << np.uint64(shift)
        return words

    def save(self, path: Path) -> None:
        """Write the recoding as an Arrow IPC file.

        Raises
        ------
        OSError
            It cannot be written.
        """
        batch = pa.record_batch({name: _one(values) for name, values in self._arrays().items()})
        facts = {
            "version": VERSION,
            "method": self.method,
            "rows": self.rows,
            "policy": self.policy.to_toml(),
            "nulls": [domain.has_null for domain in self.domains.values()],
            "columns": [column.name for column in self.recoding.columns],
            "digest": _digest(batch),
        }
        schema = batch.schema.with_metadata({_KEY: json.dumps(facts)})
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            writer.write_batch(batch.replace_schema_metadata(schema.metadata))

    def _arrays(self) -> dict[str, pa.Array]:
        """Return what is saved, each under its name."""
        named: dict[str, pa.Array] = {"class": pa.array(self.class_of_tuple)}
        for j, (domain, codes) in enumerate(zip(self.domains.values(), self.codes, strict=True)):
            named |= {f"domain {j}": domain.values, f"codes {j}": pa.array(codes)}
            named[f"loss {j}"] = pa.array(self.recoding.loss_of_class[j])
        for i, column in enumerate(self.recoding.columns):
            named |= {f"labels {i}": column.values, f"label of class {i}": pa.array(column.index_of_class)}
        return named

    @classmethod
    def load(cls, path: Path) -> "FittedRecoding":
        """Read a recoding back.

        Raises
        ------
        InputError
            The file is not a recoding, of a later version, or damaged.
        """
        try:
            with pa.OSFile(str(path), "rb") as source:
                reader = pa.ipc.open_file(source)
                facts = json.loads((reader.schema.metadata or {})[_KEY])
                batch = reader.get_batch(0)
            if facts["version"] == VERSION and facts["digest"] == _digest(batch):
                arrays = {name: batch.column(name)[0].values for name in batch.schema.names}
                return cls._of_arrays(facts, arrays, path.parent)._checked()
        except (OSError, KeyError, ValueError, TypeError, IndexError, pa.ArrowException, msgspec.MsgspecError):
            msg = f"{str(path)!r} cannot be read as a recoding; give a file that `shoal fit` wrote"
            raise InputError(msg) from None
        if facts["version"] != VERSION:
            msg = f"{str(path)!r} is a recoding of version {facts['version']!r}, and this shoal reads {VERSION}"
        else:
            msg = f"{str(path)!r} was changed since it was written; fit it again"
        raise InputError(msg)

    @classmethod
    def _of_arrays(cls, facts: Mapping[str, Any], arrays: Mapping[str, pa.Array], folder: Path) -> "FittedRecoding":
        """Return the recoding of saved arrays."""
        policy = Policy.from_toml(facts["policy"], folder=folder)
        names = list(policy.quasi_identifiers)
        columns = tuple(
            ReleasedColumn(name, arrays[f"labels {i}"], arrays[f"label of class {i}"].to_numpy())
            for i, name in enumerate(facts["columns"])
        )
        losses = np.stack([arrays[f"loss {j}"].to_numpy() for j in range(len(names))])
        return cls(
            policy=policy,
            method=facts["method"],
            rows=facts["rows"],
            domains={name: Domain(arrays[f"domain {j}"], facts["nulls"][j]) for j, name in enumerate(names)},
            codes=tuple(arrays[f"codes {j}"].to_numpy() for j in range(len(names))),
            class_of_tuple=arrays["class"].to_numpy(),
            recoding=Recoding(columns, losses),
        )

    def _checked(self) -> "FittedRecoding":
        """Return the recoding; raise ValueError where a code of it is out of range."""
        bounds = [(column.index_of_class, len(column.values)) for column in self.recoding.columns]
        bounds += [(codes, domain.size) for codes, domain in zip(self.codes, self.domains.values(), strict=True)]
        bounds.append((self.class_of_tuple, self.n_classes))
        if any(codes.size and int(codes.max()) >= size for codes, size in bounds):
            raise ValueError
        if any(
            codes.size != self.n_classes or codes.min(initial=0) < 0
            for codes, _ in bounds[: len(bounds) - 1 - len(self.codes)]
        ):
            raise ValueError
        if any(codes.size != self.class_of_tuple.size for codes in self.codes):
            raise ValueError
        return self


def _one(values: pa.Array) -> pa.Array:
    """Return an array with one list of values."""
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)


def _digest(batch: pa.RecordBatch) -> str:
    """Return a digest of the values of a batch."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema.remove_metadata()) as writer:
        writer.write_batch(batch.replace_schema_metadata(None))
    return hashlib.sha256(sink.getvalue()).hexdigest()
