"""Annotations of kernels for type checkers, and the Numba signatures derived from them.

`Vector[np.int64]` is an array of int64 for a type checker and a contiguous, read-only Numba vector for the compiler.
Inputs are read-only, so they accept writable and read-only memory; the `Out` forms demand writable memory. Scalars
are `int` (int64), `float` (float64), `bool`, `np.uint64`, or one of the narrow integers below. A named tuple whose
fields are annotated in this way is a parameter like any other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, ParamSpec, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt
from numba import types
from numba.np.numpy_support import from_dtype

from shoal_kernels import _jit

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Layout:
    """Number of dimensions of a C-contiguous array, and whether a kernel only reads it."""

    n_dims: int
    readonly: bool


Vector = Annotated[npt.NDArray[S], Layout(1, readonly=True)]
Matrix = Annotated[npt.NDArray[S], Layout(2, readonly=True)]
OutVector = Annotated[npt.NDArray[S], Layout(1, readonly=False)]
OutMatrix = Annotated[npt.NDArray[S], Layout(2, readonly=False)]
OutCube = Annotated[npt.NDArray[S], Layout(3, readonly=False)]

Int32 = Annotated[int, types.int32]
UInt32 = Annotated[int, types.uint32]
UInt64 = Annotated[int, types.uint64]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]
Words32 = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]
"""Arrays of functions that only kernels call: Numba infers their layout from the call."""

_SCALARS: dict[Any, types.Type] = {
    int: types.int64,
    float: types.float64,
    bool: types.boolean,
    np.uint64: types.uint64,
    NoneType: types.none,
}


def numba_type(annotation: Any, dtypes: Iterator[str]) -> Any:
    """Return the Numba type of an annotation.

    Parameters
    ----------
    annotation : Any
    dtypes : iterator of str
        Dtypes of the arrays whose dtype is declared `Any`, in order; as many as needed are taken.

    Raises
    ------
    TypeError
        The annotation has no Numba type here, or `dtypes` is exhausted.
    """
    arguments = get_args(annotation)
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if hasattr(annotation, "_fields"):
        fields = tuple(numba_type(field, dtypes) for field in get_type_hints(annotation, include_extras=True).values())
        return types.BaseTuple.from_types(fields, annotation)
    if get_origin(annotation) is tuple:
        return types.BaseTuple.from_types(tuple(numba_type(item, dtypes) for item in arguments))
    if get_origin(annotation) is Annotated and isinstance(arguments[1], types.Type):
        return arguments[1]
    if get_origin(annotation) is Annotated and isinstance(arguments[1], Layout):
        (scalar,) = get_args(get_args(arguments[0])[1])
        scalar = next(dtypes, None) if scalar is Any else scalar
        if scalar is not None:
            layout = arguments[1]
            return types.Array(from_dtype(np.dtype(scalar)), layout.n_dims, "C", readonly=layout.readonly)
    msg = f"{annotation} has no Numba type: annotate kernels with the types of `shoal_kernels._types`"
    raise TypeError(msg)


def signature_of(function: Callable[..., Any], *dtypes: str) -> Any:
    """Return the Numba signature of an annotated function; `dtypes` as for `kernel_of`."""
    hints = get_type_hints(function, include_extras=True)
    result = hints.pop("return")
    rest = iter(dtypes)
    parameters = [numba_type(annotation, rest) for annotation in hints.values()]
    signature = numba_type(result, rest)(*parameters)
    if next(rest, None) is not None:
        msg = f"{function.__qualname__} has fewer arrays of dtype Any than the {len(dtypes)} dtypes given"
        raise TypeError(msg)
    return signature


def kernel(function: Callable[P, R]) -> _jit.Kernel[P, R]:
    """Declare a kernel that Python calls; its annotations are its signature."""
    return _jit.kernel(signature_of(function))(function)


def kernel_of(function: Callable[P, R], *dtypes: str) -> _jit.Kernel[P, R]:
    """Declare the kernel of a function for given dtypes.

    Parameters
    ----------
    function : callable
    *dtypes : str
        Dtype of each array that `function` annotates with `Any`, in the order of parameters.
    """
    return _jit.kernel(signature_of(function, *dtypes))(function)
