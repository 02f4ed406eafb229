"""The first bit that several bitmaps have in common: the best of the classes that cover a tuple."""

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import Ints, Matrix, OutVector, Words, kernel


@inlined
def _common(bits: Words, at: Ints, i: int, word: int) -> np.uint64:
    """Return the bits of one word that all maps of a row of `at` have."""
    every = bits[at[i, 0], word]
    for j in range(1, at.shape[1]):
        every &= bits[at[i, j], word]
    return every


@kernel
def first_common_bits(
    bits: Matrix[np.uint64], summary: Matrix[np.uint64], at: Matrix[np.int64], first: OutVector[np.int64]
) -> None:
    """Find the first common bit of each row of maps; words whose summaries have none in common are never read.

    Parameters
    ----------
    bits : (n_maps, n_words) uint64
        Bit ``c & 63`` of word ``c >> 6``.
    summary : (n_maps, ceil(n_words / 64)) uint64
        Bit ``w & 63`` of word ``w >> 6`` is set where word w is not 0.
    at : (n, d) int64, d at least 1
        Maps; negative where a value has no map, and so no common bit.
    first : (n,) int64, out
        -1 without a common bit.
    """
    one, zero = np.uint64(1), np.uint64(0)
    for i in range(at.shape[0]):
        first[i] = -1
        known = True
        for j in range(at.shape[1]):
            known = known and at[i, j] >= 0
        if not known:
            continue
        for s in range(summary.shape[1]):
            busy = _common(summary, at, i, s)
            while busy != zero and first[i] < 0:
                w = s << 6
                rest = busy
                while rest & one == zero:
                    rest >>= one
                    w += 1
                busy &= busy - one
                word = _common(bits, at, i, w)
                if word != zero:
                    c = w << 6
                    while word & one == zero:
                        word >>= one
                        c += 1
                    first[i] = c
            if first[i] >= 0:
                break
