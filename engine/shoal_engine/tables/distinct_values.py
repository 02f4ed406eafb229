"""Distinct values of a column, numbered in order of first appearance: the one place where codes grow by batches."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.tables.byte_encoding import BytesDictionary, Uint64Dictionary, canonical

Codes = npt.NDArray[np.uint32]

FEW = 1 << 12
"""Up to so many values are looked up by pyarrow, which hashes all that are known with every batch."""


class DistinctValues:
    """The distinct values seen so far; null is a value.

    Parameters
    ----------
    kind : pa.DataType
        Without NaN and -0.0 among its values.

    Examples
    --------
    >>> values = DistinctValues(pa.int64())
    >>> values.number(pa.array([7, None, 7])).tolist(), values.number(pa.array([5, None])).tolist()
    ([0, 1, 0], [2, 1])
    """

    def __init__(self, kind: pa.DataType) -> None:
        self._chunks = [pa.nulls(0, kind)]
        self._n = 0
        self._lookup: _Lookup | None = None

    def __len__(self) -> int:
        """Return the number of values so far."""
        return self._n

    @property
    def kind(self) -> pa.DataType:
        """Type of the values."""
        return self._chunks[0].type

    @property
    def values(self) -> pa.Array:
        """Values, by code."""
        if len(self._chunks) > 1:
            self._chunks = [pa.concat_arrays(self._chunks)]
        return self._chunks[0]

    def number(self, array: pa.Array) -> Codes:
        """Return the code of each value, numbering those that are new; linear in the values of the array."""
        if not self._n:
            unique = pc.unique(array)
            self._add(unique)
            if len(unique) == len(array):
                return np.arange(len(array), dtype=np.uint32)
        if self._n <= FEW or not _is_hashed(self.kind):
            return self._looked_up(array)
        if self._lookup is None:
            self._lookup = _Lookup(self.values)
        codes = self._lookup.number(array)
        # A value is new where its code is above all before it, as codes are in order of first appearance.
        highest = np.maximum.accumulate(np.concatenate([[self._n - 1], codes.astype(np.int64)]))
        new = codes > highest[:-1]
        if new.any():
            self._add(array.filter(pa.array(new)))
        return codes

    def _looked_up(self, array: pa.Array) -> Codes:
        """Return the code of each value, by pyarrow."""
        codes = pc.index_in(array, value_set=self.values)
        if codes.null_count:
            self._add(pc.unique(array.filter(codes.is_null())))
            codes = pc.index_in(array, value_set=self.values)
        return codes.to_numpy().astype(np.uint32)

    def _add(self, new: pa.Array) -> None:
        self._chunks.append(new)
        self._n += len(new)


class _Lookup:
    """Codes of values by a table that grows, with null among them."""

    def __init__(self, values: pa.Array) -> None:
        is_bytes = pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)
        self._dictionary: BytesDictionary | Uint64Dictionary = BytesDictionary() if is_bytes else Uint64Dictionary()
        self._null = -1
        self.number(values)

    def number(self, array: pa.Array) -> Codes:
        """Return the code of each value in order of first appearance; null takes its place in that order."""
        before = self._dictionary.n_codes
        known = self._dictionary.encode(canonical(array.drop_null()))
        if self._null < 0 and not array.null_count:
            return known
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        if self._null < 0:
            first = int(np.argmin(valid))
            self._null = max(before, int(known[:first].max(initial=0)) + 1 if first else 0)
        codes = np.full(len(array), self._null, np.uint32)
        codes[valid] = known + (known >= self._null)
        return codes


def _is_hashed(kind: pa.DataType) -> bool:
    """Return whether values of a type have a form of bytes or of 64 bits that `canonical` finds."""
    return not (pa.types.is_boolean(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind))
