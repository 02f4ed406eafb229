"""The keys of the groups: numbered as they come, in the order of their values when all are seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.differential.queries.id_encoding import digests_of
from shoal_engine.errors import ColumnError
from shoal_engine.tables.byte_encoding import Digests, Key, Uint64Dictionary, encode_pairs, split_pairs
from shoal_engine.tables.column_names import check_columns
from shoal_engine.tables.columns import ColumnEncoder, Domain
from shoal_kernels.private.keyed_hash import digest_bytes, digest_pairs

Codes = npt.NDArray[np.uint8 | np.uint16 | np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The groups of a query.

    Attributes
    ----------
    keys : pa.RecordBatch
        Key columns, a row for each group, ascending by their values; null is a value, the first.
    code : (n_groups,) int64
        Provisional code of each group, in the order of `keys`.
    domain, value : for each key column
        Its values, and the place in them of each group's, by provisional code.
    """

    keys: pa.RecordBatch
    code: npt.NDArray[np.int64]
    domains: tuple[Domain, ...]
    values: tuple[npt.NDArray[np.uint32], ...]

    def rank(self) -> npt.NDArray[np.uint32]:
        """Return each group's place among `keys`, by provisional code."""
        rank = np.empty(len(self.code), np.uint32)
        rank[self.code] = np.arange(len(self.code), dtype=np.uint32)
        return rank

    def digests(self, key: Key) -> Digests:
        """Return the keyed digest of each group's key, by provisional code; it depends on the key's values alone."""
        digest: Digests | None = None
        for domain, value in zip(self.domains, self.values, strict=True):
            of_value = _domain_digests(domain, key)[value]
            if digest is None:
                digest = of_value
                continue
            one, digest = digest, np.empty(len(value), np.uint64)
            digest_pairs(key, one, of_value, digest)
        return np.zeros(1, np.uint64) if digest is None else digest


class GroupKeys:
    """A mergeable summary of the key columns.

    Parameters
    ----------
    names : sequence of str
        Key columns; none makes one group of all rows.
    public : pa.Table, optional
        The keys that are asked for, with a column for each name; every other key is left out. None takes the keys as
        they are found.

    Raises
    ------
    ColumnError
        A key column is missing from `public`, or of a type that cannot be one.
    """

    def __init__(self, names: Sequence[str], public: pa.Table | None = None) -> None:
        self.names = tuple(names)
        self._encoders = [ColumnEncoder(name) for name in names]
        self._pairs = [Uint64Dictionary() for _ in self.names[1:]]
        self.n_public: int | None = None
        if public is not None:
            self._observe_public(public)

    @property
    def n_codes(self) -> int:
        """Number of provisional codes so far."""
        if self._pairs:
            return self._pairs[-1].n_codes
        return self._encoders[0].n_codes if self._encoders else 1

    @property
    def n_kept(self) -> int:
        """Number of provisional codes whose groups are asked for: those below it."""
        return self.n_codes if self.n_public is None else self.n_public

    def observe(self, batch: pa.RecordBatch) -> Codes:
        """Return the provisional code of each row's group, (n,) in the narrowest dtype where there is one key column.

        Raises
        ------
        ColumnError
            A column's type cannot be a key, or differs from that of the batches, or of the public keys.
        """
        if not self.names:
            return np.zeros(batch.num_rows, np.uint8)
        codes: Codes = self._encoders[0].observe(batch.column(self.names[0]))
        for encoder, pairs in zip(self._encoders[1:], self._pairs, strict=True):
            codes = encode_pairs(pairs, codes, encoder.observe(batch.column(encoder.name)))
        return codes

    def merge(self, other: "GroupKeys") -> npt.NDArray[np.uint32]:
        """Take in what `other` has seen; return our provisional code of each of its codes."""
        if not self.names:
            return np.zeros(1, np.uint32)
        columns = [mine.merge(theirs) for mine, theirs in zip(self._encoders, other._encoders, strict=True)]
        ours = columns[0]
        for column, mine, theirs in zip(columns[1:], self._pairs, other._pairs, strict=True):
            left, right = split_pairs(theirs)
            ours = encode_pairs(mine, ours[left], column[right])
        return ours

    def finish(self) -> Groups:
        """Return the groups that are asked for, sorted."""
        n = self.n_kept
        if not self.names:
            keys = pa.RecordBatch.from_struct_array(pa.array([{}], pa.struct([])))
            return Groups(keys, np.zeros(1, np.int64), (), ())
        finished = [encoder.finish() for encoder in self._encoders]
        values = [final[code] for (_, final), code in zip(finished, self._columns(n), strict=True)]
        order = np.lexsort(values[::-1]).astype(np.int64)
        domains = tuple(domain for domain, _ in finished)
        columns = [domain.decode(value[order]) for domain, value in zip(domains, values, strict=True)]
        return Groups(pa.RecordBatch.from_arrays(columns, list(self.names)), order, domains, tuple(values))

    def _columns(self, n: int) -> list[npt.NDArray[np.uint32]]:
        """Return the provisional codes in each column of the first n groups."""
        at = np.arange(n, dtype=np.uint32)
        columns: list[npt.NDArray[np.uint32]] = []
        for pairs in reversed(self._pairs):
            left, right = split_pairs(pairs)
            columns.append(right[at])
            at = left[at]
        return [at, *reversed(columns)]

    def _observe_public(self, public: pa.Table) -> None:
        """Take in the keys that are asked for, before any other."""
        check_columns(self.names, public.schema.names, by="the query", table="the table of keys")
        if not self.names:
            msg = "a table of keys was given, but no column to group by; name the columns"
            raise ColumnError(msg)
        for batch in public.select(list(self.names)).combine_chunks().to_batches():
            self.observe(batch)
        # A table without rows still fixes the types.
        if public.num_rows == 0:
            empty = [pa.array([], field.type) for field in public.select(list(self.names)).schema]
            self.observe(pa.RecordBatch.from_arrays(empty, list(self.names)))
        self.n_public = self.n_codes


def _domain_digests(domain: Domain, key: Key) -> Digests:
    """Return the keyed digest of each value of a domain, null's first: that of no bytes."""
    values = digests_of(domain.values, key)
    if not domain.has_null:
        return values
    null = np.empty(1, np.uint64)
    digest_bytes(key, np.empty(0, np.uint8), np.zeros(2, np.int64), null)
    return np.concatenate([null, values])
