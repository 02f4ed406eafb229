"""Tensors of a model: named, and of given shapes and dtypes, as Arrow types.

A tensor is one value of Arrow's canonical fixed shape tensor type, so that its shape and dtype are in the schema and
its payload is one contiguous buffer. Arrow has no bfloat16; its bits are kept as uint16 and the field says so.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import UpdateError

DType: TypeAlias = Literal["float16", "bfloat16", "float32", "float64"]
DTYPES: Final[tuple[DType, ...]] = get_args(DType)

_KEPT_AS: Final[dict[DType, pa.DataType]] = {
    "float16": pa.float16(),
    "bfloat16": pa.uint16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
}
_MARK: Final = b"shoal.dtype"


@dataclass(frozen=True, slots=True)
class Tensor:
    """Name, shape and dtype of a tensor.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Empty for a single number.
    dtype : "float16" | "bfloat16" | "float32" | "float64"
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType

    @property
    def size(self) -> int:
        """Return the number of values."""
        return math.prod(self.shape)

    def field(self) -> pa.Field:
        """Return the Arrow field of the tensor."""
        kind = pa.fixed_shape_tensor(_KEPT_AS[self.dtype], list(self.shape))
        mark = {_MARK: b"bfloat16"} if self.dtype == "bfloat16" else None
        return pa.field(self.name, kind, nullable=False, metadata=mark)

    @classmethod
    def of_field(cls, field: pa.Field) -> "Tensor":
        """Return the tensor that an Arrow field describes.

        Raises
        ------
        UpdateError
            The field's type is no tensor of floating point numbers.
        """
        kind = field.type
        if isinstance(kind, pa.FixedShapeTensorType) and kind.permutation is None:
            marked = (field.metadata or {}).get(_MARK) == b"bfloat16"
            for dtype, kept in _KEPT_AS.items():
                if kind.value_type == kept and marked == (dtype == "bfloat16"):
                    return cls(field.name, tuple(kind.shape), dtype)
        msg = f"tensor {field.name!r} is of Arrow type {kind}; give fixed shape tensors of {', '.join(DTYPES)}"
        raise UpdateError(msg)


def wrapped(values: npt.NDArray[Any], field: pa.Field) -> pa.Array:
    """Return an Arrow array of one tensor over the memory of its values, without copying.

    Parameters
    ----------
    values : contiguous array
        As many values as the tensor has, of its dtype or, for bfloat16, of uint16.
    field : pa.Field
        Of `Tensor.field`.
    """
    kind = field.type
    buffer = pa.py_buffer(values.reshape(-1).view(np.uint8).data)
    payload = pa.Array.from_buffers(kind.value_type, values.size, [None, buffer])
    storage = pa.Array.from_buffers(kind.storage_type, 1, [None], children=[payload])
    return pa.ExtensionArray.from_storage(kind, storage)


def payload(column: pa.Array) -> npt.NDArray[Any]:
    """Return the values of a column of one tensor, flat and read-only, without copying.

    bfloat16 comes as the uint16 that it is kept as.
    """
    storage = column.storage
    # By hand: `flatten` goes through Arrow's registry of functions, which takes longer than a small tensor's sum.
    size = storage.type.list_size
    values: pa.Array = storage.values.slice(storage.offset * size, size)
    return values.to_numpy(zero_copy_only=True)


def widened(values: npt.NDArray[Any], dtype: DType) -> npt.NDArray[Any]:
    """Return a payload as float32 or float64; those of 32 and 64 bits without copying."""
    if dtype == "bfloat16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32) if dtype == "float16" else values


def narrowed(values: npt.NDArray[np.float64], dtype: DType) -> npt.NDArray[Any]:
    """Return float64 values in a dtype, rounded to nearest, ties to even; larger values become infinite."""
    if dtype == "bfloat16":
        bits = _odd_float32(values).view(np.uint32)
        # What is dropped decides: above half rounds up, half to even. NaN is not among values.
        return ((bits + (((bits >> 16) & 1) + 0x7FFF)) >> 16).astype(np.uint16)
    with np.errstate(over="ignore"):
        return values.astype(dtype, copy=False)


def _odd_float32(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return float32 values rounded to odd, so that rounding them again is as rounding once (Boldo, Melquiond 2008)."""
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
    inexact = (near.astype(np.float64) != values) & np.isfinite(near)
    bits = near.view(np.uint32)
    even = inexact & (bits & 1 == 0)
    # An even neighbor gives way to the odd one on the other side of the value.
    away = np.abs(values) > np.abs(near.astype(np.float64))
    return np.where(even, np.where(away, bits + 1, bits - 1), bits).astype(np.uint32).view(np.float32)
