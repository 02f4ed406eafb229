"""A model: an Arrow record batch of one row, a column for each tensor, over memory that others hold."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.tensors import DTYPES, DType, Tensor, narrowed, payload, widened, wrapped

Layout: TypeAlias = tuple[Tensor, ...]
Floats = npt.NDArray[np.float64]
Rule: TypeAlias = Callable[..., Sequence[Floats]]
"""From a block of each model to a block of each result; blocks are the rule's own, to be overwritten."""

BLOCK: Final = 1 << 14
"""Values; half a dozen such blocks stay in a core's cache."""


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


def combined(rule: Rule, models: Sequence[Model], layouts: Sequence[Layout]) -> tuple[Model, ...]:
    """Return models whose values are computed elementwise.

    Parameters
    ----------
    rule : Rule
        Takes a float64 block of each of `models`, returns one for each of `layouts`.
    models : sequence of Model
        Tensors of the same names and shapes; dtypes may differ.
    layouts : sequence of Layout
        Types of the results, each value rounded once.

    Raises
    ------
    UpdateError
        Names or shapes differ, or a result is not finite in its dtype.
    """
    given = [model.layout for model in models]
    shapes = [[(tensor.name, tensor.shape) for tensor in layout] for layout in given]
    if any(one != shapes[0] for one in shapes):
        msg = "models that are computed with have tensors of the same names and shapes, in one order; give such"
        raise UpdateError(msg)
    inputs = [model.payloads() for model in models]
    outputs: list[list[npt.NDArray[Any]]] = [[np.empty(t.size, _kept_as(t.dtype)) for t in one] for one in layouts]
    for place, tensor in enumerate(given[0]):
        for start in range(0, tensor.size, BLOCK):
            part = slice(start, start + BLOCK)
            blocks = [
                widened(values[place][part], layout[place].dtype).astype(np.float64)
                for values, layout in zip(inputs, given, strict=True)
            ]
            # Overflow and NaN are found below, with an error message.
            with np.errstate(over="ignore", invalid="ignore"):
                results = rule(*blocks)
            for values, layout, found in zip(results, layouts, outputs, strict=True):
                found[place][part] = _rounded(values, layout[place])
    return tuple(of_payloads(layout, found) for layout, found in zip(layouts, outputs, strict=True))


def wide_layout(layout: Layout) -> Layout:
    """Return the layout of a model's state between rounds: float64 for float64, else float32."""
    wide: dict[DType, DType] = {"float64": "float64"}
    return tuple(Tensor(tensor.name, tensor.shape, wide.get(tensor.dtype, "float32")) for tensor in layout)


def filled(layout: Layout, value: float) -> Model:
    """Return a model with the same value everywhere."""
    return of_payloads(layout, [narrowed(np.full(tensor.size, value), tensor.dtype) for tensor in layout])


def _kept_as(dtype: DType) -> str:
    return "uint16" if dtype == "bfloat16" else dtype


def _rounded(values: Floats, tensor: Tensor) -> npt.NDArray[Any]:
    """Return values in a tensor's dtype; raise where one is not finite there."""
    if np.isfinite(values).all():
        found = narrowed(values, tensor.dtype)
        if tensor.dtype == "float64" or np.isfinite(widened(found, tensor.dtype)).all():
            return found
    msg = (
        f"tensor {tensor.name!r} would not be finite in {tensor.dtype}; lower the learning rate, or leave the round out"
    )
    raise UpdateError(msg)
