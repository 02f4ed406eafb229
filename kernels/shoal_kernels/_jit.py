"""The only door to Numba: how kernels and their parts are declared, and what a kernel does when it is called.

How kernels are put together is in `_linking`, where they are kept in `_cache`. Both build on names that Numba does not
promise to keep; with a Numba that has others, kernels are compiled as it compiles any function, in each process.
"""

import ctypes
import functools
import inspect
import logging
import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Generic, ParamSpec, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from shoal_kernels import _cache

try:
    from shoal_kernels import _linking, _packing
except ImportError:
    _linking = _packing = None

P = ParamSpec("P")
R = TypeVar("R")

if logging.getLogger("numba").level == logging.NOTSET:
    # Under a root logger at DEBUG, Numba would describe every step of every compilation, some 10^5 lines.
    logging.getLogger("numba").setLevel(logging.WARNING)

INTERPRETED = bool(config.DISABLE_JIT)
"""Whether kernels run as Python (NUMBA_DISABLE_JIT=1): for coverage and debuggers."""
_COMPILING = threading.RLock()
if hasattr(os, "register_at_fork"):
    # So that no child inherits it, or Numba's own, from a thread that it does not have.
    os.register_at_fork(
        before=_COMPILING.acquire, after_in_parent=_COMPILING.release, after_in_child=_COMPILING.release
    )
_REGISTERED: "list[Kernel[Any, Any]]" = []


def vector(dtype: types.Type) -> types.Array:
    """Return the type of a contiguous input vector; accepts writable and read-only memory."""
    return types.Array(dtype, 1, "C", readonly=True)


def matrix(dtype: types.Type) -> types.Array:
    """Return the type of a C-contiguous input matrix; accepts writable and read-only memory."""
    return types.Array(dtype, 2, "C", readonly=True)


class Kernel(Generic[P, R]):
    """A function that Python calls and that runs compiled, with exactly one declared signature.

    Compilation happens at the first call (or ahead of it, see `_ahead`), never at import.

    Attributes
    ----------
    ordinal : int
        Among the kernels whose functions have the same name, in the order of declaration.
    """

    def __init__(self, function: Callable[P, R], signature: Any, options: dict[str, Any]) -> None:
        self.signature = signature
        self.python = function
        self._options = options
        self._compiled: Any = None
        name = (function.__module__, function.__qualname__)
        self.ordinal = sum((one.python.__module__, one.python.__qualname__) == name for one in _REGISTERED)
        functools.update_wrapper(self, function)
        _REGISTERED.append(self)

    @functools.cached_property
    def file(self) -> "_cache.KernelFile | None":
        """Where the compiled kernel is kept; None where Numba is one that it cannot be kept with."""
        if _packing is None:
            return None
        module, qualname = self.python.__module__, self.python.__qualname__
        parts = [str(self.signature), str(sorted(self._options.items()))]
        return _cache.KernelFile(module, qualname, self.ordinal, parts, pack=_packing.pack, unpack=_packing.unpack)

    def compile(self) -> Callable[P, R]:
        """Compile the declared signature, or load it from the cache; one thread of one process does, others wait."""
        with _COMPILING:
            if self._compiled is None:
                if INTERPRETED:
                    self._compiled = self._interpreted
                else:
                    with nullcontext() if self.file is None or self.file.exists() else self.file.held():
                        self._compiled = self._load_or_compile()
            return self._compiled

    def compile_unless_busy(self) -> None:
        """Compile the declared signature into the cache, unless it is there or another process is at it."""
        with _COMPILING:
            file = self.file
            if INTERPRETED or self._compiled is not None or file is None or file.exists() or not file.try_lock():
                return
            try:
                self._compiled = self._load_or_compile()
            finally:
                file.unlock()

    def is_kept(self) -> bool:
        """Return whether the compiled kernel is in the cache."""
        return self.file is not None and self.file.exists()

    def can_be_kept(self) -> bool:
        """Return whether this process may write to the cache."""
        return self.file is not None and self.file.can_be_kept()

    def _load_or_compile(self) -> Any:
        """Return what Numba calls the compiled function by."""
        if self.file is None or _linking is None:
            _cache.say_once(f"shoal does not know Numba {numba.__version__}: every process compiles its kernels anew")
            dispatcher = numba.njit(nogil=True, **self._options)(self.python)
        else:
            compiler = _linking.compiler_of(self.file.name, self.ordinal)
            dispatcher = numba.njit(nogil=True, pipeline_class=compiler, **self._options)(self.python)
            dispatcher._cache = self.file
        dispatcher.compile(self.signature)
        dispatcher.disable_compile()
        return dispatcher

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the kernel; the first call compiles it.

        Raises
        ------
        TypeError
            The number of arguments, or the dtype or layout of one, is not what the signature declares.
        """
        compiled = self._compiled or self.compile()
        try:
            return compiled(*args, **kwargs)
        except TypeError:
            self._check(args, kwargs)
            raise

    def _interpreted(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the kernel as Python, with the same demands on its arguments and with integers that wrap around."""
        self._check(args, kwargs)
        return _quietly(self.python)(*args, **kwargs)

    def _check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise TypeError where an argument is not of the declared type."""
        names = list(inspect.signature(self.python).parameters)
        if kwargs or len(args) != len(names):
            msg = f"kernel {self.__qualname__} takes {len(names)} arguments by position: {', '.join(names)}"
            raise TypeError(msg) from None
        context = numba.core.registry.cpu_target.typing_context
        for name, value, wanted in zip(names, args, self.signature.args, strict=True):
            given = numba.typeof(value)
            if context.can_convert(given, wanted) is None:
                msg = f"kernel {self.__qualname__} takes {name} as {wanted}, and was given {given}"
                raise TypeError(msg) from None


def kernel(signature: Any, **options: Any) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Declare a kernel that Python calls, with its one signature.

    Kernels of closures have one name, and are numbered by the order of their declaration: so they are declared while
    the module of their function is imported, not by others.
    """

    def declare(function: Callable[P, R]) -> Kernel[P, R]:
        return Kernel(function, signature, options)

    return declare


def _quietly(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function of NumPy's scalars that wraps around and overflows without a warning, as compiled code does."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return called


def _part(function: Callable[P, R], **options: Any) -> Callable[P, R]:
    """Wrap a function that only kernels call, for Numba."""
    if INTERPRETED:
        return _quietly(function)
    if _linking is None:
        return numba.njit(nogil=True, **options)(function)
    return _linking.Part(function, nogil=True, **options)


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Declare a function that only kernels call; it is compiled into them."""
    return _part(function)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Declare a small function that is always inlined into the kernels that call it."""
    return _part(function, forceinline=True)


def lean(function: Callable[P, R]) -> Callable[P, R]:
    """Declare a function that only kernels call and that allocates nothing and returns no array.

    It does not count references to the arrays it is handed. Tuples of many arrays are then as cheap to pass
    as numbers; counted, one call costs more than the arithmetic of a small kernel.
    """
    return _part(function, _nrt=False)


def _align_stack(typing_context: Any) -> Any:
    """Return a function that kernels call first to have their stack aligned to a cache line."""
    del typing_context

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del signature, arguments
        # LLVM aligns the stack of a function with such a variable, which it must believe to be used.
        address = cgutils.alloca_once(builder, ir.IntType(64))
        address.align = 64
        builder.asm(ir.FunctionType(ir.VoidType(), [address.type]), "", "r", [address], side_effect=True)
        return context.get_dummy_value()

    return types.void(), generate


align_stack: Any = (lambda: None) if INTERPRETED else intrinsic(_align_stack)
"""For kernels that keep more vectors than there are registers. Those that do not fit are kept on the stack, which a
process aligns to 16 bytes, at random: without this they lie across two cache lines in most processes, and the kernel
takes half as long again.
"""


def _pointer_to(kind: types.Type) -> Any:
    """Return a function that kernels call to read memory at an address."""
    if INTERPRETED:
        numpy_type = numba.np.numpy_support.as_dtype(kind)
        c_type = np.ctypeslib.as_ctypes_type(numpy_type)

        def cast_address(address: Any) -> Any:
            return ctypes.cast(int(address), ctypes.POINTER(c_type))

        return cast_address

    def pointer(typing_context: Any, address: Any) -> Any:
        del typing_context

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(address), generate

    return intrinsic(pointer)


array_at: Any = numba.carray  # pyright: ignore[reportPrivateImportUsage]
float32_at: Any = _pointer_to(types.float32)
float64_at: Any = _pointer_to(types.float64)
int32_at: Any = _pointer_to(types.int32)
int64_at: Any = _pointer_to(types.int64)
"""A pointer from an address (uint64), for kernels over as many arrays as there are updates: they take a table of
addresses, and ``array_at(float32_at(address), n)`` is the array. Whoever calls such a kernel keeps the arrays
alive, and vouches for their dtypes, their lengths and their being contiguous.
"""


def registered() -> "list[Kernel[Any, Any]]":
    """Return every kernel declared so far, in the order of declaration."""
    return list(_REGISTERED)


T = TypeVar("T", bound=tuple[Any, ...])


def freeze(arrays: T) -> T:
    """Return the same named tuple over read-only views: inside a tuple Numba accepts exactly one mutability."""

    def read_only(array: Any) -> Any:
        view = np.ascontiguousarray(array).view()
        view.flags.writeable = False
        return view

    return type(arrays)(*map(read_only, arrays))
