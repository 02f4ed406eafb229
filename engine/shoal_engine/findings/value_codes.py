"""Codes of the values of a column of any Arrow type, nested ones compared by what they hold.

`ColumnEncoder` takes values that can be ordered. Here two rows have one code exactly where their values are equal:
a list is equal to another of the same items in the same order, a struct to another of the same fields. Each nested
value becomes the bytes of the codes of its parts, so a level of nesting costs one dictionary of bytes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import ColumnError
from shoal_engine.tables.columns import ColumnEncoder
from shoal_engine.tables.distinct_values import DistinctValues
from shoal_engine.tables.factorize import encode_any
from shoal_engine.tables.grouping import Codes


class ValueEncoder:
    """Numbers the values of a column, batch by batch; NaN counts as null, and null is a value.

    Parameters
    ----------
    name : str
        For messages.

    Examples
    --------
    >>> ValueEncoder("visits").observe(pa.array([[1, 2], [2, 1], None, [1, 2], []])).tolist()
    [0, 1, 2, 0, 3]
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._plain = ColumnEncoder(name)
        self._parts: list[ValueEncoder] = []
        self._bytes = DistinctValues(pa.large_binary())
        self._nothing = False

    @property
    def n_codes(self) -> int:
        """Return the number of codes so far."""
        return max(self._plain.n_codes, len(self._bytes), int(self._nothing))

    def observe(self, array: pa.Array) -> Codes:
        """Return codes of a batch, each below `n_codes`.

        Raises
        ------
        ColumnError
            The values cannot be compared, or batches differ in type.
        """
        kind = array.type
        if pa.types.is_null(kind):
            self._nothing = True
            return np.zeros(len(array), np.uint8)
        if pa.types.is_duration(kind):
            return self._plain.observe(array.cast(pa.int64()))
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
            return self._number(array.cast(pa.large_binary()))
        if pa.types.is_binary_view(kind):
            return self._number(array.cast(pa.large_binary()))
        if pa.types.is_map(kind):
            entries = pa.StructArray.from_arrays([array.keys, array.items], ["key", "item"])
            return self._lists(entries, array.offsets, array)
        if pa.types.is_fixed_size_list(kind):
            return self.observe(array.cast(pa.large_list(kind.value_type)))
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return self._lists(array.values, array.offsets, array)
        if pa.types.is_struct(kind):
            return self._structs(array)
        return self._plain.observe(array)

    def ascending(self) -> npt.NDArray[np.uint32] | None:
        """Return the place of each code in ascending order, null first; None for values that have no order."""
        return self._plain.finish()[1] if self._plain.n_codes else None

    def values(self) -> list[Any]:
        """Return the values by ascending code; none for values that have no order."""
        domain, _ = self._plain.finish()
        return [None] * domain.has_null + domain.values.to_pylist()

    @property
    def is_plain(self) -> bool:
        """Return whether the values have an order, of whatever kind."""
        return self._plain.n_codes > 0

    @property
    def is_ordered(self) -> bool:
        """Return whether the values are numbers, dates or times."""
        return bool(self._plain.n_codes) and has_order(self._plain.finish()[0].type)

    def _part(self, number: int) -> "ValueEncoder":
        """Return the encoder of one part of each value."""
        while len(self._parts) <= number:
            self._parts.append(ValueEncoder(self._name))
        return self._parts[number]

    def _lists(self, items: pa.Array, offsets: pa.Array, array: pa.Array) -> Codes:
        """Encode lists: the bytes of a list are the codes of its items."""
        codes = np.ascontiguousarray(self._part(0).observe(items), np.uint32)
        starts = np.ascontiguousarray(offsets.to_numpy().astype(np.int64) * codes.itemsize)
        valid = np.asarray(array.is_valid())
        return self._number(_binary(starts, codes, valid))

    def _structs(self, array: pa.Array) -> Codes:
        """Encode structs: the bytes of a struct are the codes of its fields."""
        fields = [self._part(number).observe(field) for number, field in enumerate(array.flatten())]
        codes = np.ascontiguousarray(np.stack([np.zeros(len(array), np.uint32), *fields], axis=1), np.uint32)
        starts = np.arange(len(array) + 1, dtype=np.int64) * codes.shape[1] * codes.itemsize
        return self._number(_binary(starts, codes, np.asarray(array.is_valid())))

    def _number(self, array: pa.Array) -> Codes:
        """Return the code of each value of bytes, numbering those that are new."""
        codes, distinct = encode_any(array)
        return self._bytes.number(distinct)[codes]


def encode_values(name: str, array: pa.Array) -> tuple[Codes, int]:
    """Return codes of a whole column, and how many there are.

    Raises
    ------
    ColumnError
        The values cannot be compared.
    """
    encoder = ValueEncoder(name)
    codes = encoder.observe(array)
    return codes, max(1, encoder.n_codes)


def has_order(kind: pa.DataType) -> bool:
    """Return whether values of a type lie on a line."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_temporal(kind)
    )


def can_compare(kind: pa.DataType) -> bool:
    """Return whether values of a type can be compared."""
    try:
        ValueEncoder("").observe(pa.nulls(0, kind))
    except (ColumnError, pa.ArrowException):
        return False
    return True


def _binary(starts: npt.NDArray[np.int64], codes: npt.NDArray[np.uint32], valid: npt.NDArray[np.bool_]) -> pa.Array:
    """Return an array of bytes cut out of codes."""
    mask = pa.array(valid).buffers()[1]
    buffers = [mask, pa.py_buffer(starts), pa.py_buffer(codes)]
    return pa.Array.from_buffers(pa.large_binary(), len(valid), buffers)
