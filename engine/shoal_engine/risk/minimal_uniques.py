"""SUDA: special uniques, rows that few columns single out (Elliot, Manning, Ford 2002; Manning, Haglin, Keane 2008)."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import InputError, PolicyError
from shoal_engine.tables.grouping import Grouped

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_COLUMNS = 62
"""Columns of a bit mask."""
_NEAR = 16
"""Minimal uniques of a tuple that lie side by side: two cache lines."""


@dataclass(frozen=True, slots=True, eq=False)
class MinimalUniques:
    """The minimal sample uniques of distinct tuples; m of them.

    Attributes
    ----------
    mask : (m,) int64
        Bit j stands for column j.
    owner : (m,) uint32
        The tuple that is unique in these columns.
    n_columns, n_tuples : int
    """

    mask: Ints
    owner: npt.NDArray[np.uint32]
    n_columns: int
    n_tuples: int

    @property
    def size(self) -> Ints:
        """Columns of each, (m,) int64."""
        return np.bitwise_count(self.mask).astype(np.int64)


def minimal_uniques(grouped: Grouped, sizes: list[int], *, max_size: int | None = None) -> MinimalUniques:
    """Find every minimal set of columns that makes a row unique.

    Parameters
    ----------
    grouped : Grouped
    sizes : d numbers of codes
    max_size : int, optional
        Size of the largest set. Default: all d columns.

    Raises
    ------
    PolicyError
        `max_size` is below 1.
    InputError
        There are more columns than can be combined.
    """
    from shoal_kernels.risk.minimal_uniques import find_minimal_uniques

    d, n = len(sizes), grouped.n_tuples
    if d > MOST_COLUMNS:
        msg = f"{d} columns; at most {MOST_COLUMNS} can be combined, choose those that an intruder may know"
        raise InputError(msg)
    if max_size is not None and max_size < 1:
        msg = f"max_size = {max_size}; a set has at least one column"
        raise PolicyError(msg)
    most = min(d, max_size or d)
    tuples, bounds = np.empty((most + 1, n), np.uint32), np.empty((most + 1, n + 1), np.uint32)
    tuples[0], bounds[0, :2] = np.arange(n), (0, n)
    n_runs = np.zeros(most + 1, np.int64)
    n_runs[0] = 1
    widest, room = max(sizes), 4 * n
    # A column of many values in a high bit splits most rows off in most sets, early.
    order = np.argsort(np.array(sizes), kind="stable")
    codes = np.stack([grouped.codes(int(j)) for j in order])
    near, count = np.empty((n, _NEAR), np.int64), np.zeros(n, np.int64)
    head, first, place = np.full(n, -1, np.int64), np.zeros(widest, np.int64), np.empty(widest, np.int64)
    found, following, owner = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint32)
    state = np.zeros(2, np.int64)
    while True:
        find_minimal_uniques(
            codes,
            grouped.weight,
            most,
            n,
            tuples,
            bounds,
            np.empty(n, np.uint32),
            first,
            place,
            near,
            count,
            head,
            following,
            found,
            owner,
            n_runs,
            state,
        )
        used = int(state[1])
        if state[0] >= 1 << d:
            mask = np.zeros(used, np.int64)
            for bit, j in enumerate(order):
                mask |= ((found[:used] >> bit) & 1) << int(j)
            return MinimalUniques(mask, owner[:used].copy(), d, n)
        room *= 2
        found, following, owner = np.resize(found, room), np.resize(following, room), np.resize(owner, room)


def level_scores(n_columns: int, scores: Literal["elliot", "share"]) -> Floats:
    """Return the score of a minimal sample unique of each size, (n_columns + 1,) float64; size 0 adds 0.

    elliot
        (d - k)!, the number of ways to lengthen it to all columns (Elliot et al. 2002, section 4.2).
    share
        (2^(d-k) - 1) k! (d-k)! / d!, the score of the SUDA software as sdcMicro computes it with
        ``original_scores = FALSE``.
    """
    d = n_columns
    if scores == "elliot":
        return np.array([0.0, *(float(math.factorial(d - k)) for k in range(1, d + 1))])
    return np.array([0.0, *((2.0 ** (d - k) - 1) / math.comb(d, k) for k in range(1, d + 1))])


def suda_scores(found: MinimalUniques, scores: Literal["elliot", "share"]) -> tuple[Floats, Floats]:
    """Return the score of each tuple, (n,) float64, and the share of it that each column is part of, (d, n)."""
    level = level_scores(found.n_columns, scores)[found.size]

    def summed(weights: Floats) -> Floats:
        # Of nothing, numpy counts in integers.
        return np.bincount(found.owner, weights=weights, minlength=found.n_tuples).astype(np.float64)

    total = summed(level)
    parts = np.stack([summed(level * ((found.mask >> j) & 1)) for j in range(found.n_columns)])
    return total, parts / np.where(total > 0, total, 1.0)


def dis_scores(score: Floats, weight: Ints, n_columns: int, sampling_fraction: float) -> Floats:
    """Return the probability that a match with a unique row is correct, by SUDA score.

    With U unique rows, P rows in pairs and the sampling fraction f, a match with a unique row is correct
    with probability DIS = U f / (U f + P (1 - f)) (Skinner, Elliot 2002, section 3.2). It is spread over the rows by
    their scores s: 1 / (1 + (U / DIS - U) / (s^q sum of s^-q)), q = 1 + (8 - d) / 20, as the SUDA software does.

    Parameters
    ----------
    score : (n,) float64
    weight : (n,) int64
        Rows of each tuple.
    n_columns : int
    sampling_fraction : float
        Above 0, at most 1.

    Raises
    ------
    PolicyError
        The fraction is out of range.
    """
    if not 0 < sampling_fraction <= 1:
        msg = f"sampling_fraction = {sampling_fraction}; give the share of the population that was sampled, up to 1"
        raise PolicyError(msg)
    alone, paired = float((weight == 1).sum()), 2.0 * float((weight == 2).sum())
    probability = np.zeros(score.size)
    special = score > 0
    if not special.any():
        return probability
    correct = alone * sampling_fraction / (alone * sampling_fraction + paired * (1 - sampling_fraction))
    power = 1.0 + (8.0 - n_columns) / 20.0
    spread = (score[special] / score[special].max()) ** power
    # Scaled by the largest score, whose power cancels, so that factorials do not overflow.
    probability[special] = 1.0 / (1.0 + (alone / correct - alone) / (spread * (1.0 / spread).sum()))
    return probability
