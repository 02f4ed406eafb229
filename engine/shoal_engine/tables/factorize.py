"""One Arrow array becomes codes in order of first appearance, by the quickest way that its type has."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.errors import ColumnError
from shoal_engine.tables.buffers import read_buffers
from shoal_kernels.tables import dictionary_encoding as kernels

Codes = npt.NDArray[np.uint8 | np.uint16 | np.uint32]

NEAR = 1 << 20
"""Integers are encoded by a table where largest - smallest is below this."""
BLOCK = 1 << 15
"""Views that are encoded at a time."""
MOST_STRINGS = 1 << 18
"""With more distinct ones than this, strings are left to pyarrow."""


def plain_type(name: str, kind: pa.DataType) -> pa.DataType:
    """Return the storage type of a column's values.

    Raises
    ------
    ColumnError
        If values of this type cannot be encoded.
    """
    if pa.types.is_dictionary(kind):
        return plain_type(name, kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_decimal(kind):
        return kind if kind.bit_width >= 128 else pa.decimal128(kind.precision, kind.scale)
    if pa.types.is_boolean(kind) or pa.types.is_floating(kind) or is_integer_like(kind):
        return kind
    remedy = "cast it to the type of its values" if pa.types.is_null(kind) else "cast it to text or numbers"
    msg = f"column {name!r} has type {kind}, whose values cannot be compared and ordered; {remedy}"
    raise ColumnError(msg)


def is_integer_like(kind: pa.DataType) -> bool:
    """Return whether values are integers of 8 to 64 bits underneath."""
    return pa.types.is_integer(kind) or pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind)


def encode_batch(array: pa.Array) -> tuple[Codes, pa.Array]:
    """Return codes in order of first appearance, and the value of each code in the column's plain type.

    The values may hold null (once) and, for dictionaries, a value more than once.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        codes, seen, null = _encode_near(array.indices, 0, len(array.dictionary))
        entries = pa.array(seen, mask=_mask(len(seen), null))
        return codes, _plain(array.dictionary).take(entries)
    if pa.types.is_boolean(kind):
        codes, seen, null = _encode_near(array.cast(pa.uint8()), 0, 2)
        return codes, pa.array(seen.astype(bool), mask=_mask(len(seen), null))
    if is_integer_like(kind):
        return _encode_whole(array)
    if pa.types.is_string_view(kind):
        return _encode_views(array)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # Views reach 2 GiB into a buffer.
        return _encode_views(array.cast(pa.string_view())) if array.nbytes < 1 << 31 else encode_any(_plain(array))
    return encode_any(_plain(array))


def _mask(n: int, null: int) -> npt.NDArray[np.bool_]:
    """Return where null is among `n` codes; nowhere if `null` is negative."""
    return np.arange(n) == null


def _plain(array: pa.Array) -> pa.Array:
    """Return an array's values in their plain type."""
    array = array.cast(plain_type("", array.type))
    if pa.types.is_floating(array.type):
        # NaN is no value; adding 0 turns -0.0 into 0.0.
        zero = pa.scalar(0, array.type)
        nothing = pa.scalar(None, array.type)
        return pc.if_else(pc.is_nan(array), nothing, pc.add(array, zero))
    return array


def encode_any(array: pa.Array) -> tuple[Codes, pa.Array]:
    """Return codes in order of first appearance, and the value of each; null is one. By pyarrow."""
    encoded = pc.dictionary_encode(array, null_encoding="encode")
    return encoded.indices.to_numpy().view(np.uint32), encoded.dictionary


def _encode_whole(array: pa.Array) -> tuple[Codes, pa.Array]:
    """Encode integers of any kind."""
    kind = array.type
    if not pa.types.is_integer(kind):
        array = array.view(pa.int32() if kind.bit_width == 32 else pa.int64())
    ends = pc.min_max(array)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    if low is None:
        low = high = 0
    if high - low >= NEAR:
        codes, distinct = encode_any(array)
        return codes, distinct.view(kind)
    codes, seen, null = _encode_near(array, low, high - low + 1)
    # By name: older pyarrow imports pandas to answer with a dtype.
    dtype = np.dtype(str(array.type))
    # The sum wraps as the difference did.
    bits = np.uint64(low % (1 << 64)) + seen.astype(np.uint64)
    return codes, pa.array(bits.astype(dtype), mask=_mask(len(seen), null)).view(kind)


def _encode_near(array: pa.Array, low: int, span: int) -> tuple[Codes, npt.NDArray[np.uint32], int]:
    """Encode integers from `low` to ``low + span - 1``; return codes, each code's distance from `low`, null's code."""
    values, valid, valid_from = read_buffers(array)
    has_null = len(valid) > 0
    most = min(span, len(array)) + has_null
    codes = np.empty(len(array), np.min_scalar_type(max(0, most - 1)))
    code_at = np.zeros(span, np.uint32)
    seen = np.zeros(most, np.uint32)
    state = np.array([0, -1, 0], np.int64)
    kernel = kernels.ENCODE_INTEGERS[values.dtype.name, codes.dtype.name]
    kernel(values, low % (1 << 64), valid, valid_from, code_at, seen, state, codes)
    return codes, seen[: state[kernels.N_CODES]], int(state[kernels.NULL_CODE])


def _encode_views(array: pa.Array) -> tuple[Codes, pa.Array]:
    """Encode strings by their views."""
    bits, valid, valid_from = read_buffers(array)
    views = bits.view(np.uint64)
    # `array` keeps the buffers where they are while kernels read them.
    texts = np.array([0 if text is None else text.address for text in array.buffers()[2:]], np.uint64)
    codes: Codes = np.empty(len(array), np.uint8)
    block = np.empty(min(BLOCK, len(array)), np.uint32)
    slot, seen = np.zeros(1 << 13, np.uint32), np.zeros((1 << 11, 2), np.uint64)
    state = np.array([0, -1, 0], np.int64)
    at = 0
    while at < len(array):
        part = views[at : at + BLOCK]
        kernels.encode_views(part, valid, valid_from + at, texts, slot, seen, state, block)
        done, n_codes = int(state[kernels.ROW]), int(state[kernels.N_CODES])
        if n_codes - 1 > np.iinfo(codes.dtype).max:
            codes = codes.astype(np.min_scalar_type(n_codes - 1))
        codes[at : at + done] = block[:done]
        at += done
        if n_codes == len(seen):
            if n_codes >= MOST_STRINGS:
                return encode_any(array.cast(pa.large_string()))
            seen = np.concatenate([seen, np.zeros((3 * n_codes, 2), np.uint64)])
            slot = np.zeros(16 * n_codes, np.uint32)
            kernels.rehash_views(seen, state, texts, slot)
    return codes, _strings(array, seen[: state[kernels.N_CODES]], int(state[kernels.NULL_CODE]))


def _strings(array: pa.Array, views: npt.NDArray[np.uint64], null: int) -> pa.Array:
    """Return the strings that views of an array stand for, null for the one at `null`."""
    _, _, *text = array.buffers()
    valid = pa.array(~_mask(len(views), null)).buffers()[1] if null >= 0 else None
    content = pa.py_buffer(views.tobytes())
    return pa.Array.from_buffers(pa.string_view(), len(views), [valid, content, *text]).cast(pa.large_string())
