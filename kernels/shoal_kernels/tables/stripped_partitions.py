"""Stripped partitions: runs of tuples that agree in a set of columns, split column by column, without small runs.

Sets of columns are bit masks, visited in ascending order, so that every subset of a set comes before it. A set is
split from the one without its lowest column, whose runs are still stored: it is the last visited set with
one column less (stripped partitions: Huhtala et al. 1999, "TANE", section 3.2).
"""

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Ints, Words32


@inlined
def next_set(mask: int, max_size: int) -> int:
    """Return the next set in order of at most `max_size` columns."""
    mask += 1
    while columns_of(mask) > max_size:
        # Adding the lowest bit skips all sets between, which contain these columns and more.
        mask += mask & -mask
    return mask


@inlined
def columns_of(mask: int) -> int:
    """Return the number of columns of a set."""
    n = 0
    while mask > 0:
        mask &= mask - 1
        n += 1
    return n


@inlined
def lowest_column(mask: int) -> int:
    """Return the number of the lowest column of a set."""
    j = 0
    while (mask >> j) & 1 == 0:
        j += 1
    return j


@inner
def split_runs(
    codes: Words32,
    weight: Ints,
    least: int,
    tuples: Words32,
    bounds: Words32,
    n_runs: int,
    out: Words32,
    out_bounds: Words32,
    left_out: Words32,
    first: Ints,
    place: Ints,
) -> tuple[int, int]:
    """Split runs of tuples by the codes of one more column.

    Parameters
    ----------
    codes : (n,) uint32
        Codes of the column.
    weight : (n,) int64
        Rows of each tuple.
    least : int
        Least number of rows of a run.
    tuples, bounds : (n,) and (n_runs + 1 or more,) uint32
        The runs, one after the other.
    n_runs : int
    out, out_bounds : (n,) and (n + 1,) uint32, out
        The runs of at least `least` rows, parts of a run in order of first appearance.
    left_out : (n,) uint32, out
        Tuples of smaller runs.
    first : (number of codes,) int64, all 0, before and after
    place : (number of codes,) int64, out

    Returns
    -------
    tuple of int
        Number of remaining runs, and of tuples left out.
    """
    runs, at, n_left = 0, 0, 0
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
        # Counting sort of the run by code; only the codes that occur are touched, and cleared below.
        total = at
        for v in range(distinct):
            n = first[place[v]]
            first[place[v]] = total
            total += n
        for t in range(begin, end):
            code = codes[tuples[t]]
            out[first[code]] = tuples[t]
            first[code] += 1
        # Drop parts below `least` rows and close the gaps in place: target never passes source.
        source, target = at, at
        for v in range(distinct):
            last = first[place[v]]
            first[place[v]] = 0
            rows = 0
            for t in range(source, last):
                rows += weight[out[t]]
            for t in range(source, last):
                if rows < least:
                    left_out[n_left] = out[t]
                    n_left += 1
                else:
                    out[target] = out[t]
                    target += 1
            if rows >= least:
                runs += 1
                out_bounds[runs] = target
            source = last
        at = target
    return runs, n_left
