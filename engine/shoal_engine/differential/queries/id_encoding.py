"""Dense codes of ids from batch to batch, by exact comparison, and keyed digests of the ids behind them.

An id is one value, or one value in each of several columns. Whatever its type, it is kept as a word of 64 bits, or as
a string of bytes; ids of several columns as pairs of codes. Two ids share a code if and only if they are equal: hashes
only say where to look.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import ColumnError
from shoal_engine.tables.buffers import read_buffers
from shoal_engine.tables.byte_encoding import (
    NO_UNIT,
    BytesDictionary,
    Codes,
    Digests,
    Key,
    Uint64Dictionary,
    are_words,
    bytes_of,
    canonical,
    encode_pairs,
    split_pairs,
    words_of,
)
from shoal_engine.tables.factorize import encode_any, encode_batch, plain_type
from shoal_kernels.private.keyed_hash import digest_bytes, digest_pairs, digest_words

CHUNK = 1 << 17
"""Strings that are encoded at a time, so that the batch's own table stays near."""


class _Dictionary(Protocol):
    """Numbers values, and digests those that it has numbered."""

    @property
    def n_codes(self) -> int: ...

    def encode(self, array: pa.Array) -> Codes: ...

    def digests(self, key: Key) -> Digests: ...

    def values(self) -> pa.Array: ...


class ColumnDictionary:
    """Numbers the values of one column; null and NaN have no code, and -0.0 has that of 0.0."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kind: pa.DataType | None = None
        self._dictionary: _Dictionary = Uint64Dictionary()

    @property
    def n_codes(self) -> int:
        """Number of distinct values so far."""
        return self._dictionary.n_codes

    def observe(self, array: pa.Array) -> Codes:
        """Return the codes of a batch's values; NO_UNIT for nulls.

        Raises
        ------
        ColumnError
            The column cannot hold ids, or its type differs from that of the batches before.
        """
        array = _plain(array)
        self._adopt(id_type(self.name, array.type))
        kind = array.type
        if isinstance(self._dictionary, Uint64Dictionary) and are_words(kind):
            bits, valid, valid_from = read_buffers(array)
            if len(bits) == len(array):
                return self._dictionary.encode_uint64s(words_of(bits, kind), valid, valid_from)
        step = len(array) if pa.types.is_dictionary(kind) else CHUNK
        parts = [self._number(array.slice(low, step)) for low in range(0, len(array), max(1, step))]
        return np.concatenate(parts) if parts else np.empty(0, np.uint32)

    def merge(self, other: "ColumnDictionary") -> Codes:
        """Take in what `other` has seen; return our code of each of its codes.

        Raises
        ------
        ColumnError
            If the two saw different types.
        """
        if other._kind is None:
            return np.empty(0, np.uint32)
        self._adopt(other._kind)
        return self._dictionary.encode(other._dictionary.values())

    def digests(self, key: Key) -> Digests:
        """Return the keyed digest of each value, by code; it depends on the value alone."""
        return self._dictionary.digests(key)

    def _adopt(self, kind: pa.DataType) -> None:
        """Check that batches agree on the type."""
        if self._kind is None:
            self._kind = kind
            self._dictionary = BytesDictionary() if pa.types.is_large_binary(kind) else Uint64Dictionary()
        elif self._kind != kind:
            msg = f"column {self.name!r} is {kind} here and {self._kind} elsewhere in the input; cast it to one type"
            raise ColumnError(msg)

    def _number(self, array: pa.Array) -> Codes:
        """Give a batch's distinct values their codes, and look each row's up."""
        local, distinct = _distinct(array)
        known = canonical(distinct.drop_null())
        codes = np.full(len(distinct), NO_UNIT, np.uint32)
        codes[distinct.is_valid().to_numpy(zero_copy_only=False)] = self._dictionary.encode(known)
        return codes[local]


class IdDictionary:
    """Numbers ids of one or more columns; an id with a null in any of them has no code.

    Parameters
    ----------
    names : sequence of str, not empty
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._columns: dict[str, ColumnDictionary] = {}
        self._parts: list[str] | None = None
        self._pairs: list[Uint64Dictionary] = []

    @property
    def n_codes(self) -> int:
        """Number of distinct ids so far."""
        if self._pairs:
            return self._pairs[-1].n_codes
        return next(iter(self._columns.values())).n_codes if self._columns else 0

    def observe(self, arrays: Sequence[pa.Array]) -> Codes:
        """Return the codes of a batch's ids, given the columns; NO_UNIT for rows without one.

        Raises
        ------
        ColumnError
            A column cannot hold ids, or its type differs from that of the batches before.
        """
        fields = [field for name, array in zip(self.names, arrays, strict=True) for field in _fields(name, array)]
        self._adopt([name for name, _ in fields])
        codes = self._columns[fields[0][0]].observe(fields[0][1])
        for pairs, (name, array) in zip(self._pairs, fields[1:], strict=True):
            codes = encode_pairs(pairs, codes, self._columns[name].observe(array))
        return codes

    def merge(self, other: "IdDictionary") -> Codes:
        """Take in what `other` has seen; return our code of each of its codes."""
        if other._parts is None:
            return np.empty(0, np.uint32)
        self._adopt(other._parts)
        first, *rest = other._parts
        ours = self._columns[first].merge(other._columns[first])
        for name, mine, theirs in zip(rest, self._pairs, other._pairs, strict=True):
            column = self._columns[name].merge(other._columns[name])
            left, right = split_pairs(theirs)
            ours = encode_pairs(mine, ours[left], column[right])
        return ours

    def digests(self, key: Key) -> Digests:
        """Return the keyed digest of each id, by code; it depends on the id alone."""
        if self._parts is None:
            return np.empty(0, np.uint64)
        first, *rest = self._parts
        digest = self._columns[first].digests(key)
        for name, pairs in zip(rest, self._pairs, strict=True):
            left, right = split_pairs(pairs)
            column = self._columns[name].digests(key)
            one, two, digest = digest[left], column[right], np.empty(len(left), np.uint64)
            digest_pairs(key, one, two, digest)
        return digest

    def _adopt(self, parts: list[str]) -> None:
        """Check that batches agree on the columns, structs taken apart."""
        if self._parts is None:
            self._parts = parts
            self._columns = {name: ColumnDictionary(name) for name in parts}
            self._pairs = [Uint64Dictionary() for _ in parts[1:]]
        elif self._parts != parts:
            msg = f"the fields of {', '.join(self.names)} differ from batch to batch; give them one type"
            raise ColumnError(msg)


def id_type(name: str, kind: pa.DataType) -> pa.DataType:
    """Return what stands for a column's type: numbers of one kind as they are, all that is kept as bytes as such.

    Raises
    ------
    ColumnError
        If values of this type cannot be ids.
    """
    if pa.types.is_dictionary(kind):
        return id_type(name, kind.value_type)
    if _is_bytes(kind) or pa.types.is_duration(kind):
        return pa.large_binary() if _is_bytes(kind) else kind
    kind = plain_type(name, kind)
    return pa.large_binary() if pa.types.is_large_string(kind) or pa.types.is_decimal(kind) else kind


def _fields(name: str, array: pa.Array) -> list[tuple[str, pa.Array]]:
    """Return a column, or the fields of a struct, each with its path."""
    if not pa.types.is_struct(array.type):
        return [(name, array)]
    # Flattened fields are null where the struct is.
    parts = zip((field.name for field in array.type), array.flatten(), strict=True)
    return [field for part, values in parts for field in _fields(f"{name}.{part}", values)]


def _plain(array: pa.Array) -> pa.Array:
    """Return an extension array's storage, and a column of nulls as one of numbers."""
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    return array


def _is_bytes(kind: pa.DataType) -> bool:
    """Return whether values are bytes."""
    large = pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return (pa.types.is_binary(kind) or pa.types.is_binary_view(kind) or large) and not pa.types.is_decimal(kind)


def _distinct(array: pa.Array) -> tuple[npt.NDArray[np.unsignedinteger], pa.Array]:
    """Return local codes of a batch and the value of each."""
    if _is_bytes(array.type):
        return encode_any(array.cast(pa.large_binary()))
    if pa.types.is_dictionary(array.type) and _is_bytes(array.type.value_type):
        return _distinct(array.dictionary_decode())
    return encode_batch(array)


def digests_of(values: pa.Array, key: Key) -> Digests:
    """Return the keyed digest of each of some values, none null."""
    plain = canonical(values)
    digest = np.empty(len(plain), np.uint64)
    if pa.types.is_large_binary(plain.type):
        digest_bytes(key, *bytes_of(plain), digest)
    else:
        digest_words(key, plain.to_numpy(), digest)
    return digest
