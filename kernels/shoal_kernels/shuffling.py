"""A uniformly random permutation, from a given keystream."""

import numpy as np

from shoal_kernels._types import OutVector, Vector, kernel


@kernel
def shuffle(keystream: Vector[np.uint32], state: OutVector[np.int64], order: OutVector[np.uint32]) -> None:
    """Shuffle until the keystream is used up.

    Every order is equally likely if the words are uniform and independent: each draw below a bound is the
    high half of a product, and words that would favor some results are skipped.

    Parameters
    ----------
    keystream : (any,) uint32
    state : (2,) int64, in and out
        ``state[0]``: places still to be drawn, n before the first call; done at 1 or 0.
        ``state[1]``: words used by this call.
    order : (n,) uint32, in and out

    References
    ----------
    Durstenfeld (1964), Algorithm 235: random permutation, Communications of the ACM 7(7).
    Lemire (2019), Fast random integer generation in an interval, ACM TOMACS 29(1), algorithm 5.
    """
    left = state[0]
    used = 0
    while left > 1 and used < len(keystream):
        bound = np.uint64(left)
        product = np.uint64(keystream[used]) * bound
        used += 1
        low = product & np.uint64(0xFFFFFFFF)
        if low < bound and low < np.uint64(0x100000000) % bound:
            continue
        chosen = np.int64(product >> np.uint64(32))
        left -= 1
        moved = order[left]
        order[left] = order[chosen]
        order[chosen] = moved
    state[0] = left
    state[1] = used
