"""Two releases of the same people: who is left if both must hold a row with equal kept values."""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from shoal_engine.attack.figures import Chances, check_people, withheld
from shoal_engine.attack.labels import UNKNOWN
from shoal_engine.attack.matching import (
    Lookup,
    Matches,
    ReleasedClasses,
    SensitiveCells,
    blocks,
    class_order,
    held_values,
    kernel_classes,
)
from shoal_engine.errors import InputError
from shoal_engine.threads import in_threads, ranges
from shoal_kernels.risk.common_candidates import CLAIMED, N_CHANCES, RIGHT, count_common

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class KeptClasses:
    """One of two releases: its classes, and how many of their rows have each combination of kept values.

    Attributes
    ----------
    released : ReleasedClasses
    kept : SensitiveCells
        Combinations numbered alike in both releases.
    """

    released: ReleasedClasses
    kept: SensitiveCells


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """What both releases together leave of n people.

    Attributes
    ----------
    candidates : (n,) int64
        Rows that may be each person's in both.
    claimed : (n,) float64
        Probability of the likeliest row, by weight; 0 where none is left.
    weighted : (n,) float64
        Probability of the right record, by weight; NaN where it is not known.
    """

    candidates: Ints
    claimed: Floats
    weighted: Floats


def common_candidates(
    first: KeptClasses,
    first_known: Ints,
    second: KeptClasses,
    second_known: Ints,
    *,
    mismatches: int,
    own: Ints | None = None,
    n_threads: int,
) -> Common:
    """Count and weigh the rows that may be each person's in both releases.

    Parameters
    ----------
    first, second : KeptClasses
    first_known, second_known : (d, n) int64
        Rank of each known value, -1 where it is not known.
    mismatches : int
    own : (3, n) int64, optional
        Class of each person's record in both releases, and its kept values; -1 where they are not known.
    n_threads : int

    Notes
    -----
    A person's two rows have equal kept values v, so that at most min(n1(v), n2(v)) people of that value are compatible
    in both releases; their sum over v is the number of candidates. By weight, the rows of a release with value v are
    expected to hold W(v) people with all that is known, the sum of the weights of `match`: at most min(W1(v), W2(v))
    are in both. Of them a row of weight w is the person's with probability w / W(v), by the release in which it is
    larger. The right record has min(W1(v), W2(v)) max(w1 / W1(v), w2 / W2(v)) over the sum of min(W1, W2), which is
    1 / candidates where all weights are equal.
    """
    n = first_known.shape[1]
    sides = [_side(first, first_known), _side(second, second_known)]
    mine = np.full((n, 3), UNKNOWN) if own is None else _ordered(own, first, second)
    candidates, chances = np.empty(n, np.int64), np.empty((n, N_CHANCES))
    for people in blocks([lookup for lookup, _ in sides]):
        parts = [(*lookup.bitmaps(people), arrays) for lookup, arrays in sides]

        def run(part: tuple[int, int], parts: list[Any] = parts, who: Ints = people) -> None:
            (maps, targets, (classes, kept)), (maps2, targets2, (classes2, kept2)) = parts
            some, some2 = (np.ascontiguousarray(one[slice(*part)]) for one in (targets, targets2))
            at = who[slice(*part)]
            found, chance = np.empty(at.size, np.int64), np.empty((at.size, N_CHANCES))
            count_common(maps, classes, kept, some, maps2, classes2, kept2, some2, mismatches, mine[at], found, chance)
            candidates[at], chances[at] = found, chance

        in_threads(run, ranges(people.size, n_threads), n_threads)
    known = (mine >= 0).all(axis=1)
    return Common(candidates, chances[:, CLAIMED], np.where(known, chances[:, RIGHT], np.nan))


def _ordered(own: Ints, first: KeptClasses, second: KeptClasses) -> Ints:
    """Return own classes by their places in kernels, and kept values, (n, 3)."""
    columns = [own[2]]
    for j, one in ((1, second), (0, first)):
        place = np.append(np.argsort(class_order(one.released.columns, one.released.n_classes)), UNKNOWN)
        columns.insert(0, place[own[j]])
    return np.stack(columns, axis=1)


def _side(one: KeptClasses, known: Ints) -> tuple[Lookup, tuple[Any, Any]]:
    """Return one release for kernels."""
    order = class_order(one.released.columns, one.released.n_classes)
    lookup = Lookup.build(one.released.columns, known, order)
    return lookup, (kernel_classes(one.released, order), held_values(one.kept, order, sparse=True))


class IntersectionFigures(Struct, frozen=True, kw_only=True):
    """Figures of an intersection attack.

    Attributes
    ----------
    people, k : int
        People of the register; the smallest class of either release.
    columns, kept : tuple of str
        Known columns, and columns that both releases keep as they are.
    right_record_known : bool
        Whether chances are of the right record, or what the adversary claims.
    first, second, both : Chances
        Probability of the record, rows even, in each release alone and by both together.
    first_weighted, second_weighted, both_weighted : Chances
        The same with rows weighted by how much of each label the known value fills.
    candidates : float
        Mean number of rows left.
    pinned : float
        Share of people with one candidate left, theirs where the right record is known.
    empty : float
        Share of people with none.
    """

    people: int
    k: int
    columns: tuple[str, ...]
    kept: tuple[str, ...]
    right_record_known: bool
    first: Chances
    second: Chances
    both: Chances
    first_weighted: Chances
    second_weighted: Chances
    both_weighted: Chances
    candidates: float
    pinned: float
    empty: float

    @property
    def highest(self) -> float:
        """Highest risk: of both releases together or of one alone."""
        return max(one.highest for one in self._chances)

    @property
    def mean(self) -> float:
        """Mean risk: of both releases together or of one alone."""
        return max(one.mean for one in self._chances)

    @property
    def _chances(self) -> tuple[Chances, ...]:
        """Return the probabilities of every adversary."""
        even = self.first, self.second, self.both
        return *even, self.first_weighted, self.second_weighted, self.both_weighted

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; a share that counts fewer than k people is null.

        Raises
        ------
        InputError
            The register has fewer than k people.
        """
        check_people(self.people, self.k)
        return withheld(msgspec.to_builtins(self), self.people, self.k) | {"highest": self.highest, "mean": self.mean}


def intersection_figures(
    first: Matches, second: Matches, common: Common, *, columns: list[str], kept: list[str], k: int
) -> IntersectionFigures:
    """Summarize an intersection attack on n people.

    Raises
    ------
    InputError
        No row of either release is compatible with anybody.
    """
    if not (first.rows.any() and second.rows.any()):
        msg = "no class of one of the releases is compatible with anybody; check that all have the same units and codes"
        raise InputError(msg)
    candidates = common.candidates
    true = ~np.isnan(first.even) & ~np.isnan(second.even)
    known = bool(true.any())
    chosen = true if known else np.ones(true.size, np.bool_)
    alone = [np.where(one.rows > 0, 1.0 / np.maximum(1, one.rows), 0.0) for one in (first, second)]
    right = (first.even > 0) & (second.even > 0) if known else candidates > 0
    weighted = [one.weighted if known else one.best for one in (first, second)]
    weighted.append(np.nan_to_num(common.weighted) if known else common.claimed)
    first_weighted, second_weighted, both_weighted = (Chances.of(one[chosen]) for one in weighted)
    both = np.where(right & (candidates > 0), 1.0 / np.maximum(1, candidates), 0.0)
    return IntersectionFigures(
        people=int(chosen.sum()),
        k=k,
        columns=tuple(columns),
        kept=tuple(kept),
        right_record_known=known,
        first=Chances.of((first.even if known else alone[0])[chosen]),
        second=Chances.of((second.even if known else alone[1])[chosen]),
        both=Chances.of(both[chosen]),
        first_weighted=first_weighted,
        second_weighted=second_weighted,
        both_weighted=both_weighted,
        candidates=float(candidates[chosen].mean()),
        pinned=float(((candidates == 1) & right)[chosen].mean()),
        empty=float((candidates == 0)[chosen].mean()),
    )
