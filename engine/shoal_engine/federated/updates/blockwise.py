"""Arithmetic on models, value by value: in float64, a block at a time, so that nothing is held but the results."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.model import Layout, Model, of_payloads
from shoal_engine.federated.updates.tensors import DType, Tensor, narrowed, widened

Floats = npt.NDArray[np.float64]
Rule: TypeAlias = Callable[..., Sequence[Floats]]
"""From a block of each model to a block of each result; blocks are the rule's own, to be overwritten."""

BLOCK: Final = 1 << 14
"""Values; half a dozen such blocks stay in a core's cache."""


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
