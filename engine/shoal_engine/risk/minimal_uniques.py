"""SUDA: how easily a row stands out, by the minimal sets of columns in which it is unique."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import InputError
from shoal_engine.grouping import Codes
from shoal_engine.risk.column_sets import ColumnSets, Set, smaller_sets
from shoal_engine.threads import in_threads, ranges

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Number = TypeVar("Number", np.float64, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class MinimalUniques:
    """Minimal sample uniques (MSUs) of a table.

    Attributes
    ----------
    score, dis : (n_rows,) float64
        Zero where a row has none.
    n_minimal, smallest : (n_rows,) int64
        MSUs of each row, and the columns of its smallest; zero where it has none.
    sets : list of tuple of int
        Sets of columns by place.
    n_rows : (n_sets,) int64
        Rows of which each set is an MSU.
    contribution : (d,) float64
        Share of all scores that comes of MSUs with this column; zero where nobody is unique.
    n_unique : int
        Rows that are unique in all columns.
    total : float
        Sum of the scores, made over the sets.
    """

    score: Floats
    dis: Floats
    n_minimal: Ints
    smallest: Ints
    sets: list[Set]
    n_rows: Ints
    contribution: Floats
    n_unique: int
    total: float


def find_minimal_uniques(
    codes: Sequence[Codes],
    sizes: Sequence[int],
    *,
    max_size: int | None,
    dis_fraction: float,
    n_threads: int,
) -> MinimalUniques:
    """Find the MSUs of every row up to `max_size` columns, and its SUDA and DIS-SUDA scores.

    An MSU of k of d columns is worth ``prod(d - i for i in range(k, M + 1))``, M being `max_size` or d - 1 if that
    is less: (d - k)! where all sizes are looked for. The score of a row is the worth of its MSUs.

    Raises
    ------
    InputError
        `max_size` or `dis_fraction` is out of range, or there are too many sets of columns.

    References
    ----------
    Elliot, Manning, Ford (2002), A computational algorithm for handling the special uniques problem, IJUFKS 10(5):
    MSUs and their worth. Manning, Haglin, Keane (2008), A recursive search algorithm for statistical disclosure
    assessment, DMKD 16. Skinner, Elliot (2002), A measure of disclosure risk for microdata, JRSS B 64(4): DIS.
    """
    from shoal_kernels.column_sets import mark_uniques
    from shoal_kernels.minimal_uniques import score_uniques

    if not 0 < dis_fraction <= 1:
        msg = f"dis_fraction = {dis_fraction}; give the share of the population that was sampled, above 0, at most 1"
        raise InputError(msg)
    d = len(codes)
    space = ColumnSets.of(codes, sizes, max_size=max_size, row_ids=True, n_threads=n_threads)
    weight, tuple_of_row = space.grouped.weight, space.grouped.tuple_of_row
    assert tuple_of_row is not None
    alone = weight == 1
    place = np.cumsum(alone) - 1
    n_unique = int(alone.sum())
    # Pages of sets in which nobody is unique are never touched.
    unique = np.zeros((len(space.sets), -(-n_unique // 64)), np.uint64)
    words = np.ascontiguousarray(space.grouped.words)
    if n_unique:
        lattice = space.lattice()
        in_threads(
            lambda part: mark_uniques(lattice, part.steps, words, weight, place, unique),
            space.parts(cut=(n_threads - 1).bit_length()),
            n_threads,
        )
    smaller = smaller_sets(space.sets, d)
    size = np.array([len(columns) for columns in space.sets], np.int64)
    worth = np.array([_worth(k, d, space.max_size) for k in range(d + 1)])
    score, n_minimal, smallest = np.zeros(n_unique), np.zeros(n_unique, np.int64), np.zeros(n_unique, np.int64)

    def rate(part: tuple[int, int]) -> Ints:
        mine = np.zeros(len(space.sets), np.int64)
        score_uniques(unique, smaller, size, worth, *part, score, n_minimal, smallest, mine)
        return mine

    parts = in_threads(rate, ranges(unique.shape[1], n_threads), n_threads) if n_unique else []
    n_rows = np.zeros(len(space.sets), np.int64)
    for part in parts:
        n_rows += part
    dis = _dis(score, d, n_pairs=int((weight == 2).sum()), fraction=dis_fraction)

    def by_row(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        of_tuple = np.zeros(len(weight), values.dtype)
        of_tuple[alone] = values
        return of_tuple[tuple_of_row]

    total = n_rows.astype(np.float64) * worth[size]

    return MinimalUniques(
        by_row(score),
        by_row(dis),
        by_row(n_minimal),
        by_row(smallest),
        space.sets,
        n_rows,
        _contribution(space.sets, total, d),
        n_unique,
        float(total.sum()),
    )


def _worth(k: int, d: int, max_size: int) -> float:
    """Return what an MSU of k columns adds to the score."""
    return float(prod(d - i for i in range(k, min(max_size, d - 1) + 1)))


def _dis(score: Floats, d: int, *, n_pairs: int, fraction: float) -> Floats:
    """Return DIS-SUDA scores: scores calibrated so that they say how likely a match is a true one.

    The odds against a unique row are 2 n_pairs (1 - fraction) / fraction over all unique rows (Skinner, Elliot
    2002), shared out by the power of the scores that sdcMicro's suda2 uses.
    """
    power = 1 + (8 - d) / 20
    dis = np.zeros(len(score))
    has = score > 0
    raised = score[has] ** power
    against = 2 * n_pairs * (1 - fraction) / fraction
    # Sorted, so that the sum does not follow the order of rows.
    dis[has] = 1 / (1 + against / (raised * np.sum(np.sort(1 / raised))))
    return dis


def _contribution(sets: Sequence[Set], worth: Floats, d: int) -> Floats:
    """Return the share of all scores that each column takes part in."""
    total = float(worth.sum())
    found = np.zeros(d)
    for columns, share in zip(sets, worth, strict=True):
        found[list(columns)] += share
    return found / total if total else found
