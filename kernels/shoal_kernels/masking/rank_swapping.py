"""Rank swapping: partners for each rank, from a given keystream."""

import numpy as np

from shoal_kernels._types import OutVector, Vector, kernel
from shoal_kernels.masking.post_randomization import below


@kernel
def pair_ranks(keystream: Vector[np.uint64], reach: int, partner: OutVector[np.int64]) -> None:
    """Pair each rank, from the lowest, with a uniformly drawn free rank at most `reach` above it.

    A rank without a free one stays unpaired. One pass: the free ranks within reach are a list that each rank
    enters once and leaves once.

    Parameters
    ----------
    keystream : (n,) uint64
        Uniform and independent.
    reach : int
        At least 1.
    partner : (n,) int64, out
        Partner of each rank; itself if unpaired.

    References
    ----------
    Moore (1996), Controlled data-swapping techniques for masking public use microdata sets, US Bureau of the
    Census, section 3.
    """
    n = partner.shape[0]
    free, place = np.empty(n, np.int64), np.full(n, -1, np.int64)
    n_free, seen = 0, 0
    for rank in range(n):
        partner[rank] = rank
    for rank in range(n):
        while seen < n and seen <= rank + reach:
            free[n_free], place[seen] = seen, n_free
            n_free += 1
            seen += 1
        if place[rank] < 0:
            continue
        for step in range(2):
            # The rank itself leaves the list first, then its partner, if there is any.
            if step == 1 and n_free == 0:
                break
            leaving = rank if step == 0 else free[below(keystream[rank], n_free)]
            last = free[n_free - 1]
            free[place[leaving]] = last
            place[last] = place[leaving]
            place[leaving] = -1
            n_free -= 1
            if step == 1:
                partner[rank], partner[leaving] = leaving, rank
