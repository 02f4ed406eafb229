"""An order that nobody can guess, so that the order of a release's rows reveals nothing."""

import os

import numpy as np
import numpy.typing as npt

from shoal_kernels.shuffling import shuffle

CHUNK = 1 << 20
"""Random words fetched at a time."""


def secure_permutation(n: int) -> npt.NDArray[np.uint32]:
    """Return a random order of ``0..n-1``, each equally likely, from the operating system's secure source.

    Parameters
    ----------
    n : int
        0 to 2**32 - 1.

    Raises
    ------
    ValueError
        If `n` is out of range.
    """
    if not 0 <= n < 1 << 32:
        msg = f"a permutation of {n} was asked for; rows can be shuffled from 0 to {(1 << 32) - 1} at a time"
        raise ValueError(msg)
    order = np.arange(n, dtype=np.uint32)
    state = np.array([n, 0], np.int64)
    while state[0] > 1:
        words = np.frombuffer(os.urandom(4 * min(CHUNK, int(state[0]))), np.uint32)
        shuffle(words, state, order)
    return order
