"""A model: an Arrow record batch of one row, a column for each tensor, over memory that others hold."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.tensors import DTYPES, Tensor, payload, wrapped

Layout: TypeAlias = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Tensors by name, or a change of them.

    Attributes
    ----------
    batch : pa.RecordBatch
        One row; a column of Arrow's fixed shape tensor type for each tensor.

    Raises
    ------
    UpdateError
        The batch has not one row, or a column is no tensor of floating point numbers, or not a whole one.

    Examples
    --------
    >>> model = Model.of_arrays({"weight": np.ones((2, 3), np.float32), "bias": np.zeros(3, np.float32)})
    >>> model.layout[0], model.size
    (Tensor(name='weight', shape=(2, 3), dtype='float32'), 9)
    """

    batch: pa.RecordBatch
    # Read off once: rules ask for them several times an update, and a model may have hundreds of tensors.
    _layout: Layout = field(init=False, repr=False)
    _payloads: tuple[npt.NDArray[Any], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.batch.num_rows != 1 or not self.batch.num_columns:
            msg = f"a model is one row of tensors; got {self.batch.num_rows} rows of {self.batch.num_columns} columns"
            raise UpdateError(msg)
        names = self.batch.schema.names
        if len(set(names)) < len(names):
            msg = "two tensors of a model have the same name; name each once"
            raise UpdateError(msg)
        if any(column.null_count for column in self.batch.columns):
            msg = "a tensor of a model is null; leave it out, or fill it"
            raise UpdateError(msg)
        object.__setattr__(self, "_layout", tuple(map(Tensor.of_field, self.batch.schema)))
        # Files of others may tell of more values than they hold, and kernels read by address.
        try:
            self.batch.validate()
            payloads = tuple(map(payload, self.batch.columns))
        except pa.ArrowException:
            payloads = ()
        if [values.size for values in payloads] != [tensor.size for tensor in self._layout]:
            msg = "a tensor of a model has missing values, or not as many as its shape says; write the model again"
            raise UpdateError(msg)
        object.__setattr__(self, "_payloads", payloads)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any], *, bfloat16: bool = False) -> "Model":
        """Return a model over arrays: NumPy's, or whatever has `__array__` or `__dlpack__`, without copying.

        Parameters
        ----------
        arrays : mapping of str to array
            Contiguous ones are wrapped as they are; others are copied.
        bfloat16 : bool
            Whether arrays of uint16 are the bits of bfloat16 numbers.

        Raises
        ------
        UpdateError
            A dtype is not among float16, float32, float64 and, with `bfloat16`, uint16.
        """
        fields: list[pa.Field] = []
        columns: list[pa.Array] = []
        for name, given in arrays.items():
            array, dtype = _as_numpy(name, given, bfloat16=bfloat16)
            field = Tensor(name, array.shape, dtype).field()
            fields.append(field)
            columns.append(wrapped(np.ascontiguousarray(array), field))
        return cls(pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)) if fields else _EMPTY)

    @property
    def layout(self) -> Layout:
        """Return names, shapes and dtypes."""
        return self._layout

    @property
    def size(self) -> int:
        """Return the number of values."""
        return sum(tensor.size for tensor in self.layout)

    @property
    def n_bytes(self) -> int:
        """Return the size of the payload."""
        return sum(values.nbytes for values in self._payloads)

    def payloads(self) -> list[npt.NDArray[Any]]:
        """Return the values of each tensor, flat and read-only, without copying; bfloat16 as uint16."""
        return list(self._payloads)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the tensors by name, read-only, without copying; bfloat16 as uint16."""
        shaped = zip(self.layout, self.payloads(), strict=True)
        return {tensor.name: values.reshape(tensor.shape) for tensor, values in shaped}

    def with_payloads(self, payloads: list[npt.NDArray[Any]]) -> "Model":
        """Return a model of the same layout with other values, in the dtypes of `payloads`."""
        return of_payloads(self.layout, payloads)


def of_payloads(layout: Layout, payloads: list[npt.NDArray[Any]]) -> Model:
    """Return a model of a layout over flat values, without copying."""
    fields = [tensor.field() for tensor in layout]
    columns = [wrapped(values, field) for values, field in zip(payloads, fields, strict=True)]
    return Model(pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)))


_EMPTY = pa.RecordBatch.from_arrays([], schema=pa.schema([]))


def _as_numpy(name: str, given: Any, *, bfloat16: bool) -> tuple[npt.NDArray[Any], Any]:
    """Return an array and its dtype's name."""
    if str(getattr(given, "dtype", "")) == "torch.bfloat16":
        # NumPy knows no bfloat16: PyTorch hands its bits out as integers of the same width.
        return np.asarray(given.detach().view(sys.modules["torch"].uint16)), "bfloat16"
    array = np.asarray(given.detach() if hasattr(given, "detach") else given)
    dtype = "bfloat16" if bfloat16 and array.dtype == np.uint16 else array.dtype.name
    if dtype not in DTYPES or not array.dtype.isnative:
        msg = f"tensor {name!r} is of dtype {array.dtype}; models are averaged in {', '.join(DTYPES)}: convert it"
        raise UpdateError(msg)
    return array, dtype
