"""Random numbers from the operating system's secure source: words, orders and normals."""

import os
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

WordArray: TypeAlias = npt.NDArray[np.uint64]
Uint64Source: TypeAlias = Callable[[int], WordArray]
"""Gives as many independent, uniform 64-bit words as it is asked for."""

_CHUNK = 1 << 20


def secure_uint64s(n: int) -> WordArray:
    """Return `n` words, (n,) uint64, from the operating system."""
    words = np.empty(n, np.uint64)
    for start in range(0, n, _CHUNK):
        part = words[start : start + _CHUNK]
        part[:] = np.frombuffer(os.urandom(part.nbytes), np.uint64)
    return words


def random_order(n: int, source: Uint64Source) -> npt.NDArray[np.int64]:
    """Return a random order of ``0..n-1``; two equal words in a million rows have a probability of 3e-8."""
    return np.argsort(source(n), kind="stable")


def normals(shape: tuple[int, int], source: Uint64Source) -> npt.NDArray[np.float64]:
    """Return independent standard normal numbers: the inverse distribution at the middles of 2**53 steps."""
    from scipy.special import ndtri

    steps = (source(shape[0] * shape[1]) >> np.uint64(11)).astype(np.float64) + 0.5
    # The highest middle rounds to 1, where the distribution ends.
    return ndtri(np.minimum(steps * 2.0**-53, 1 - 2.0**-53)).reshape(shape)
