"""Linkability: the probability that two parts of a record have a nearest released row in common.

Giomi, Boenisch, Wehmeyer, Tasnádi (2023), "A unified framework for quantifying privacy risk in synthetic data",
PoPETs 2023(2), section 4.2. There equally near rows are chosen as a sort leaves them; here all choices count alike.
"""

import math
from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Bytes, Floats, Ints, Matrix, OutVector, Vector, kernel
from shoal_kernels.risk.mixed_neighbors import SAME, find_nearest

_TIED = 1
_NEARER = 2


class Part(NamedTuple):
    """The distinct released tuples of some columns.

    Attributes
    ----------
    point : (d, m) float64
        As `mixed_neighbors` has them.
    weight : (m,) int64
        Rows of each.
    """

    point: Matrix[np.float64]
    weight: Vector[np.int64]


class Pairs(NamedTuple):
    """Distinct pairs of a tuple of the one part and one of the other.

    Attributes
    ----------
    begin : (m + 1,) int64
        Where the pairs of each tuple of the one part begin.
    other : (p,) int64
        Tuple of the other part.
    weight : (p,) int64
        Rows of each.
    """

    begin: Vector[np.int64]
    other: Vector[np.int64]
    weight: Vector[np.int64]


@inner
def _miss(rows: int, marked: int, drawn: int) -> float:
    """Return the probability that rows drawn without replacement are all unmarked."""
    if marked == 0:
        return 1.0
    if drawn > rows - marked:
        return 0.0
    probability = 1.0
    for i in range(drawn):
        probability *= (rows - marked - i) / (rows - i)
    return probability


@inner
def _hypergeometric(rows: int, marked: int, drawn: int, hits: int) -> float:
    """Return the probability of some hits among rows drawn without replacement."""
    if hits > marked or drawn - hits > rows - marked:
        return 0.0
    if drawn == rows or marked == 0 or marked == rows:
        return 1.0
    total = 0.0
    for of, chosen, sign in ((marked, hits, 1.0), (rows - marked, drawn - hits, 1.0), (rows, drawn, -1.0)):
        total += sign * (math.lgamma(of + 1.0) - math.lgamma(chosen + 1.0) - math.lgamma(of - chosen + 1.0))
    return math.exp(total)


@inner
def _share_one(ties: int, free: int, other_ties: int, other_free: int, both: int, near: int, other_near: int) -> float:
    """Return the probability that two choices among ties have a row in common, or one nearer in the other part.

    Parameters
    ----------
    ties, other_ties : int
        Tied rows of each part.
    free, other_free : int
        How many of them are chosen.
    both : int
        Rows tied in both.
    near, other_near : int
        Rows tied in one part and nearer in the other.
    """
    disjoint = 0.0
    rest = ties - near
    # Rows tied in both that the first choice takes are rows which the second has to miss.
    for hits in range(min(free, both) + 1):
        if free <= rest:
            disjoint += _hypergeometric(rest, both, free, hits) * _miss(other_ties, other_near + hits, other_free)
    return 1.0 - _miss(ties, near, free) * disjoint


@inner
def _mark(n_found: int, bound: float, found: Ints, found_at: Floats, part: Part, state: Bytes) -> tuple[int, int]:
    """Set the state of the tuples that were found; return the rows that are nearer, and those that tie."""
    nearer, ties = 0, 0
    for e in range(n_found):
        if found_at[e] < bound - SAME:
            state[found[e]] = _NEARER
            nearer += int(part.weight[found[e]])
        else:
            state[found[e]] = _TIED
            ties += int(part.weight[found[e]])
    return nearer, ties


@inner
def _meeting(pairs: Pairs, one: Ints, state: Bytes, other_state: Bytes) -> tuple[int, int, int, int]:
    """Count the rows near in both parts: nearer in both, tied in both, tied in one, tied in the other."""
    sure, both, near, other_near = 0, 0, 0, 0
    for t in one:
        for p in range(pairs.begin[t], pairs.begin[t + 1]):
            there = other_state[pairs.other[p]]
            if there == 0:
                continue
            if state[t] == _NEARER:
                if there == _NEARER:
                    sure += pairs.weight[p]
                else:
                    other_near += pairs.weight[p]
            elif there == _NEARER:
                near += pairs.weight[p]
            else:
                both += pairs.weight[p]
    return sure, both, near, other_near


@kernel
def link_parts(
    query: Matrix[np.float64],
    other_query: Matrix[np.float64],
    part: Part,
    other: Part,
    pairs: Pairs,
    k: int,
    probability: OutVector[np.float64],
) -> None:
    """Compute for each record the probability that its two parts share one of their k nearest released rows.

    Parameters
    ----------
    query, other_query : (n, d) and (n, e) float64
        The two parts of each record.
    part, other : Part
    pairs : Pairs
        Of `part` and `other`.
    k : int, from 1 to the released rows
    probability : (n,) float64, out
        Over even choices among rows that tie for the last places.
    """
    m, n = len(part.weight), len(other.weight)
    found, found_at = np.empty(m, np.int64), np.empty(m)
    other_found, other_at = np.empty(n, np.int64), np.empty(n)
    state, other_state = np.zeros(m, np.uint8), np.zeros(n, np.uint8)
    for i in range(len(probability)):
        n_found, bound = find_nearest(query[i], part.point, part.weight, k, found, found_at)
        n_other, other_bound = find_nearest(other_query[i], other.point, other.weight, k, other_found, other_at)
        nearer, ties = _mark(n_found, bound, found, found_at, part, state)
        other_nearer, other_ties = _mark(n_other, other_bound, other_found, other_at, other, other_state)
        sure, both, near, other_near = _meeting(pairs, found[:n_found], state, other_state)
        if sure > 0:
            probability[i] = 1.0
        else:
            probability[i] = _share_one(ties, k - nearer, other_ties, k - other_nearer, both, near, other_near)
        for e in range(n_found):
            state[found[e]] = 0
        for e in range(n_other):
            other_state[other_found[e]] = 0
