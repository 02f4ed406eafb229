"""Arrow arrays rebuilt from their values, so that nothing else of the memory they came from leaves with them.

An array may hold more than its values: categories that no row has, the text of rows that were filtered out, what
stood under a null, metadata of the table that it was read from. A release must hold none of it.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.errors import ColumnError


def rebuilt_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of released values of `kind`.

    Categories are released as the values that they stand for, text with offsets in place of views, and fields
    inside nested types have a name and a type, no metadata.
    """
    if pa.types.is_dictionary(kind):
        return rebuilt_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return rebuilt_type(kind.storage_type)
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary(kind) or pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, rebuilt_type(field.type)) for field in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(pa.field("item", rebuilt_type(kind.value_type)), kind.list_size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.large_list(pa.field("item", rebuilt_type(kind.value_type)))
    return kind


def rebuilt(array: pa.Array) -> pa.Array:
    """Return an array of the same values, in memory of its own that holds nothing else.

    Parameters
    ----------
    array : pa.Array
        Of any type that a table of Polars has; a slice as well.

    Returns
    -------
    pa.Array
        Values of the type that `rebuilt_type` returns; zero under nulls.

    Raises
    ------
    ColumnError
        The type is one that no frame has, such as a union or a map.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return rebuilt(array.dictionary).take(array.indices)
    if isinstance(kind, pa.BaseExtensionType):
        return rebuilt(array.storage)
    if pa.types.is_null(kind):
        return pa.nulls(len(array))
    if pa.types.is_nested(kind):
        return _rebuilt_nested(array)
    # Taking rows makes new buffers, with zero where a row is null.
    return array.cast(rebuilt_type(kind)).take(pa.array(np.arange(len(array))))


def _rebuilt_nested(array: pa.Array) -> pa.Array:
    """Rebuild lists and structs, each from the values of the rows that are not null."""
    kind, result = array.type, rebuilt_type(array.type)
    mask = array.is_null() if array.null_count else None
    if pa.types.is_struct(kind):
        # Flattening hides the fields of a row that is null, whatever they hold.
        parts = [rebuilt(part) for part in array.flatten()]
        if not parts:
            return pa.array([None if lost else {} for lost in array.is_null().to_pylist()], result)
        return pa.StructArray.from_arrays(parts, fields=list(result), mask=mask)
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        held = array.values.slice(array.offset * size, len(array) * size)
        lost = np.repeat(np.asarray(array.is_null()), size)
        items = rebuilt(held.take(pa.array(np.arange(len(held)), mask=lost)))
        return pa.FixedSizeListArray.from_arrays(items, type=result, mask=mask)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        # Flattening passes over what lies under a null.
        length = pc.fill_null(pc.list_value_length(array), 0).to_numpy().astype(np.int64)
        start = np.concatenate([np.zeros(1, np.int64), np.cumsum(length)])
        return pa.LargeListArray.from_arrays(pa.array(start), rebuilt(array.flatten()), type=result, mask=mask)
    msg = f"a column has type {kind}, which no frame holds; cast it to lists or structs of plain values"
    raise ColumnError(msg)
