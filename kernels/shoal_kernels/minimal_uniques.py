"""Minimal sample uniques: sets of columns in whose values a row stands alone, and in no smaller set.

Sets of columns are bit masks, visited in rising order: every subset of a set comes before it. The rows that do
not stand alone in a set are kept in runs of equal values (stripped partitions: Huhtala et al. 1999, "TANE",
section 3.2), and a set is split from the one without its lowest column, so that rows that stand alone already
are never looked at again.
"""

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import inner, kernel, matrix, vector

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]

_NONE = -1


@inner
def _split(
    codes: Codes,
    size: int,
    weight: Ints,
    tuples: Codes,
    bounds: Codes,
    n_runs: int,
    out: Codes,
    out_bounds: Codes,
    alone: Codes,
    first: Ints,
    place: Ints,
) -> tuple[int, int]:
    """Split runs of tuples by the codes of one more column.

    Tuples by themselves go to `alone` if they are one row, and are dropped if they are several; longer runs go, in
    order of first appearance, to `out`. `first` holds 0 for each code, and does so again afterwards. Returns the
    number of runs and of tuples alone.
    """
    runs, at, n_alone = 0, 0, 0
    out_bounds[0] = 0
    for run in range(n_runs):
        begin, end = bounds[run], bounds[run + 1]
        distinct = 0
        for t in range(begin, end):
            code = codes[tuples[t]]
            if first[code] == 0:
                place[distinct] = code
                distinct += 1
            first[code] += 1
        total = at
        for v in range(distinct):
            n = first[place[v]]
            first[place[v]] = total
            total += n
        for t in range(begin, end):
            code = codes[tuples[t]]
            out[first[code]] = tuples[t]
            first[code] += 1
        # Close the gaps of runs that vanish.
        source, target = at, at
        for v in range(distinct):
            last = first[place[v]]
            first[place[v]] = 0
            if last - source == 1:
                # Several equal rows never stand alone, and nobody else meets them from here on.
                if weight[out[source]] == 1:
                    alone[n_alone] = out[source]
                    n_alone += 1
            else:
                for t in range(source, last):
                    out[target + t - source] = out[t]
                target += last - source
                runs += 1
                out_bounds[runs] = target
            source = last
        at = target
    return runs, n_alone


@inner
def _lowest(mask: int) -> int:
    """Return the number of the lowest bit that is set."""
    bit = 0
    while (mask >> bit) & 1 == 0:
        bit += 1
    return bit


@inner
def _ones(mask: int) -> int:
    """Return how many bits are set."""
    n = 0
    while mask > 0:
        mask &= mask - 1
        n += 1
    return n


@kernel(
    types.void(
        matrix(types.uint32),
        vector(types.int64),
        vector(types.int64),
        types.int64,
        types.int64,
        types.uint32[:, ::1],
        types.uint32[:, ::1],
        types.uint32[::1],
        types.int64[::1],
        types.int64[::1],
        types.int64[::1],
        types.int64[::1],
        types.int64[::1],
        types.uint32[::1],
        types.int64[::1],
        types.int64[::1],
    )
)
def find_minimal_uniques(
    codes: Codes,
    size: Ints,
    weight: Ints,
    max_size: int,
    budget: int,
    tuples: Codes,
    bounds: Codes,
    alone: Codes,
    first: Ints,
    place: Ints,
    head: Ints,
    following: Ints,
    found: Ints,
    owner: Codes,
    n_runs: Ints,
    state: Ints,
) -> None:
    """Find the minimal sample uniques of every tuple; goes on where the last call stopped.

    Parameters
    ----------
    codes : (d, n) uint32
        Distinct tuples, column by column; d at most 62.
    size : (d,) int64
        Codes of each column.
    weight : (n,) int64
        Rows of each tuple.
    max_size : int
        Largest set that is looked at, at least 1.
    budget : int
        Room that must be left in `found` to go on: at least n.
    tuples, bounds : (max_size + 1, n) and (max_size + 1, n + 1) uint32, in and out
        Runs of each prefix of a set, by its number of columns; the first row is one run of all tuples.
    alone : (n,) uint32, out
    first : (largest size,) int64, all 0
    place : (largest size,) int64, out
    head : (n,) int64, in and out
        Last entry of each tuple in `found`, -1 for none.
    following : (as found,) int64, in and out
        The entry before, -1 for none.
    found : (any,) int64, in and out
        Masks of minimal sample uniques.
    owner : (as found,) uint32, in and out
        The tuple of each.
    n_runs : (max_size + 1,) int64, in and out
        Runs of each prefix.
    state : (2,) int64, in and out
        The set that was looked at last, 0 before the first; entries in use. The set is 1 << d at the end.
    """
    d = codes.shape[0]
    mask, used = state[0], state[1]
    last = 1 << d
    while mask < last and len(found) - used >= budget:
        mask += 1
        if mask == last:
            break
        columns = _ones(mask)
        if columns > max_size:
            # The next set in order without more columns than are allowed: the lowest columns go.
            mask += (mask & -mask) - 1
            continue
        j = _lowest(mask)
        runs, n_alone = _split(
            codes[j],
            size[j],
            weight,
            tuples[columns - 1],
            bounds[columns - 1],
            n_runs[columns - 1],
            tuples[columns],
            bounds[columns],
            alone,
            first,
            place,
        )
        n_runs[columns] = runs
        for a in range(n_alone):
            t = alone[a]
            entry = head[t]
            while entry != _NONE and found[entry] & mask != found[entry]:
                entry = following[entry]
            if entry == _NONE:
                found[used], following[used], owner[used] = mask, head[t], t
                head[t] = used
                used += 1
    state[0], state[1] = mask, used
