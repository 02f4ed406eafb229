"""Memory reads by address, for layouts that point from one Arrow buffer into others."""

import ctypes
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from shoal_kernels._jit import INTERPRETED


def _word_at(typing_context: Any, address: Any) -> Any:
    """Generate the load."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = builder.load(builder.inttoptr(args[0], ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(types.uint64), generate


def _read_word(address: np.uint64) -> np.uint64:
    """Return the word at an address; the Python form, for interpreted kernels."""
    return np.frombuffer(ctypes.string_at(int(address), 8), np.uint64)[0]


word_at = _read_word if INTERPRETED else cast("Callable[[np.uint64], np.uint64]", intrinsic(_word_at))
"""Return the 8 bytes at an address, aligned or not; the caller keeps that memory valid."""
