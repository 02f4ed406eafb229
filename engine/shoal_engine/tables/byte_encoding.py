"""Words and strings of bytes become dense codes, from batch to batch; and keyed digests of those that were seen."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import InputError
from shoal_engine.tables.buffers import read_buffers
from shoal_engine.tables.factorize import is_integer_like
from shoal_kernels.private import id_encoding as kernels
from shoal_kernels.private import keyed_hash

Codes = npt.NDArray[np.uint32]
_AnyCodes = npt.NDArray[np.uint8 | np.uint16 | np.uint32]
Digests = npt.NDArray[np.uint64]
Key = npt.NDArray[np.uint64]

NO_UNIT = kernels.NO_UNIT
FIRST_CAPACITY = 1 << 10
MOST_IDS = 1 << 30


def key_words(key: bytes) -> Key:
    """Return the two words of a key.

    Raises
    ------
    ValueError
        It does not have 16 bytes.
    """
    if len(key) != 16:
        msg = f"the key that chooses rows has {len(key)} bytes; give os.urandom(16), drawn for this release alone"
        raise ValueError(msg)
    return np.frombuffer(key, "<u8").astype(np.uint64)


class Uint64Dictionary:
    """Numbers words of 64 bits."""

    def __init__(self) -> None:
        self._table = np.zeros((2 * FIRST_CAPACITY, 2), np.uint64)
        self._state = np.zeros(3, np.int64)

    @property
    def n_codes(self) -> int:
        """Number of distinct words so far."""
        return int(self._state[kernels.N_CODES])

    @property
    def seen(self) -> npt.NDArray[np.uint64]:
        """The word of each code."""
        seen = np.empty(self.n_codes, np.uint64)
        kernels.list_words(self._table, seen)
        return seen

    def encode_uint64s(self, words: npt.NDArray[np.uint64], valid: npt.NDArray[np.uint8], valid_from: int = 0) -> Codes:
        """Return the words' codes; NO_UNIT for nulls."""
        codes = np.empty(len(words), np.uint32)
        self._state[kernels.ROW] = 0
        while True:
            kernels.encode_words(words, valid, valid_from, len(self._table) // 2, self._table, self._state, codes)
            if self._state[kernels.ROW] == len(words):
                return codes
            self._grow()

    def encode(self, array: pa.Array) -> Codes:
        """Return the codes of an array of words, as `values` returns it."""
        bits, valid, valid_from = read_buffers(array)
        return self.encode_uint64s(bits.astype(np.uint64, copy=False), valid, valid_from)

    def values(self) -> pa.Array:
        """Return the words, by code."""
        return pa.array(self.seen)

    def digests(self, key: Key) -> Digests:
        """Return the keyed digest of each word, by code: of its eight bytes."""
        digest = np.empty(self.n_codes, np.uint64)
        keyed_hash.digest_words(key, self.seen, digest)
        return digest

    def _grow(self) -> None:
        """Make room for twice as many codes."""
        _check_room(self.n_codes)
        larger = np.zeros((2 * len(self._table), 2), np.uint64)
        kernels.rehash_words(self._table, larger)
        self._table = larger


class BytesDictionary:
    """Numbers strings of bytes."""

    def __init__(self) -> None:
        self._seen = np.empty(FIRST_CAPACITY, np.uint64)
        self._slot = np.zeros(2 * FIRST_CAPACITY, np.uint32)
        self._content = np.empty(0, np.uint8)
        self._begin = np.zeros(FIRST_CAPACITY + 1, np.int64)
        self._state = np.zeros(3, np.int64)
        # Nobody can choose ids that collide; codes do not depend on it.
        self._key = key_words(os.urandom(16))

    @property
    def n_codes(self) -> int:
        """Number of distinct strings so far."""
        return int(self._state[kernels.N_CODES])

    def encode(self, array: pa.Array) -> Codes:
        """Return the codes of an array of large_binary without nulls."""
        content, start = bytes_of(array)
        digest = np.empty(len(array), np.uint64)
        keyed_hash.digest_bytes(self._key, content, start, digest)
        codes = np.empty(len(array), np.uint32)
        need = int(self._state[kernels.END]) + int(start[-1] - start[0])
        if need > len(self._content):
            self._content = _enlarged(self._content, max(need, 3 * len(self._content) // 2))
        self._state[kernels.ROW] = 0
        while True:
            kernels.encode_bytes(
                content, start, digest, self._slot, self._seen, self._content, self._begin, self._state, codes
            )
            if self._state[kernels.ROW] == len(array):
                return codes
            self._grow()

    def values(self) -> pa.Array:
        """Return the strings, by code."""
        n = self.n_codes
        begin = np.ascontiguousarray(self._begin[: n + 1])
        content = self._content[: int(begin[-1])]
        return pa.Array.from_buffers(pa.large_binary(), n, [None, pa.py_buffer(begin), pa.py_buffer(content)])

    def digests(self, key: Key) -> Digests:
        """Return the keyed digest of each string, by code."""
        digest = np.empty(self.n_codes, np.uint64)
        keyed_hash.digest_bytes(key, self._content, self._begin[: self.n_codes + 1], digest)
        return digest

    def _grow(self) -> None:
        """Make room for twice as many codes."""
        _check_room(self.n_codes)
        self._seen = _enlarged(self._seen, 2 * len(self._seen))
        self._begin = _enlarged(self._begin, 2 * (len(self._begin) - 1) + 1)
        self._slot = np.zeros(2 * len(self._slot), np.uint32)
        kernels.fill_slots(self._seen, self.n_codes, self._slot)


def encode_pairs(pairs: Uint64Dictionary, left: _AnyCodes, right: _AnyCodes) -> Codes:
    """Return the codes of pairs of codes; NO_UNIT where either is."""
    words = (left.astype(np.uint64) << np.uint64(32)) | right.astype(np.uint64)
    none = (left == NO_UNIT) | (right == NO_UNIT)
    valid = np.packbits(~none, bitorder="little") if none.any() else np.empty(0, np.uint8)
    return pairs.encode_uint64s(words, valid)


def split_pairs(pairs: Uint64Dictionary) -> tuple[Codes, Codes]:
    """Return the two codes of each pair, by its code."""
    seen = pairs.seen
    return (seen >> np.uint64(32)).astype(np.uint32), (seen & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def bytes_of(array: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return bytes and bounds of an array of large_binary."""
    _, bounds, content = array.buffers()
    if len(array) == 0 or bounds is None:
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    start = np.frombuffer(bounds, np.int64, len(array) + 1, 8 * array.offset)
    return np.empty(0, np.uint8) if content is None else np.frombuffer(content, np.uint8), start


def are_words(kind: pa.DataType) -> bool:
    """Return whether values of a type are integers of 8 to 64 bits underneath."""
    return is_integer_like(kind) or pa.types.is_duration(kind)


def words_of(bits: npt.NDArray[np.unsignedinteger], kind: pa.DataType) -> npt.NDArray[np.uint64]:
    """Return integers as words: signed ones of any width alike."""
    if pa.types.is_unsigned_integer(kind):
        return bits.astype(np.uint64, copy=False)
    return bits.view(f"i{bits.itemsize}").astype(np.int64, copy=False).view(np.uint64)


def canonical(values: pa.Array) -> pa.Array:
    """Return values without nulls as words (uint64), or as large_binary."""
    kind = values.type
    if len(values) == 0 and pa.types.is_null(kind):
        return pa.array([], pa.uint64())
    if pa.types.is_large_string(kind):
        return values.cast(pa.large_binary())
    if pa.types.is_decimal(kind):
        return values.cast(pa.string()).cast(pa.large_binary())
    if pa.types.is_large_binary(kind):
        return values
    if pa.types.is_boolean(kind):
        values = values.cast(pa.uint8())
    bits = read_buffers(values).values
    return pa.array(words_of(bits, values.type) if are_words(values.type) else bits.astype(np.uint64))


def _enlarged(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """Return an array that begins with another's entries."""
    larger = np.empty(length, array.dtype)
    larger[: len(array)] = array
    return larger


def _check_room(n_codes: int) -> None:
    """Check that codes still fit.

    Raises
    ------
    InputError
        There are 2**30 ids or more.
    """
    if n_codes >= MOST_IDS:
        msg = f"more than {MOST_IDS} distinct ids; cut the input by unit and release each part on its own"
        raise InputError(msg)
