"""People looked up in two releases of the same people: rows of equal kept values that both may hold."""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Matrix, OutMatrix, OutVector, kernel
from shoal_kernels.risk.class_bitmaps import (
    Bitmaps,
    Classes,
    HeldValues,
    Person,
    collect,
    new_person,
    own_weight,
    read_target,
)

N_CHANCES = 2
CLAIMED, RIGHT = 0, 1


@inner
def _forget(person: Person) -> None:
    """Set what was collected of a person to 0 again."""
    for v in person.touched[: person.n_touched[0]]:
        person.even[v], person.weighted[v], person.best[v] = 0, 0.0, 0.0
    person.n_touched[0] = 0


@inner
def _chance(one: Person, two: Person, v: int, first: float, second: float) -> float:
    """Return what a value weighs, times the larger share that a row of each weight has of it in its release."""
    if one.weighted[v] <= 0.0 or two.weighted[v] <= 0.0:
        return 0.0
    common = min(one.weighted[v], two.weighted[v])
    return common * max(first / one.weighted[v], second / two.weighted[v])


@kernel
def count_common(
    first: Bitmaps,
    first_classes: Classes,
    first_held: HeldValues,
    first_targets: Matrix[np.int64],
    second: Bitmaps,
    second_classes: Classes,
    second_held: HeldValues,
    second_targets: Matrix[np.int64],
    most: int,
    own: Matrix[np.int64],
    candidates: OutVector[np.int64],
    chances: OutMatrix[np.float64],
) -> None:
    """Count and weigh the rows that may be a person's in two releases of the same people.

    A candidate is a row of one release for which the other has a row of equal kept values, both in classes that agree
    with the person: of each value there are at most as many people as rows in either, and at most as many with all
    that is known as the weights of either state.

    Parameters
    ----------
    first, first_classes, second, second_classes, most
        As for `match_classes`.
    first_held, second_held : HeldValues
        Kept values in compressed rows, numbered as one column.
    first_targets, second_targets : (n_targets, d) int64
    own : (n_targets, 3) int64
        Class of the person's own record in each release, and its kept values; negative if not known.
    candidates : (n_targets,) int64, out
    chances : (n_targets, 2) float64, out
        By weight: probability of the likeliest row (`CLAIMED`), and of the person's own (`RIGHT`), 0 where its class
        disagrees in a release.
    """
    one = new_person(first_targets.shape[1], most, len(first_held.share))
    two = new_person(second_targets.shape[1], most, len(second_held.share))
    counts, sums = np.zeros(2, np.int64), np.zeros(3)
    for t in range(len(candidates)):
        n_known = read_target(first_targets[t], one)
        n_second = read_target(second_targets[t], two)
        collect(first, first_classes, first_held, one, n_known, most, 0, counts, sums)
        collect(second, second_classes, second_held, two, n_second, most, 0, counts, sums)
        n, total, claimed, right = 0, 0.0, 0.0, 0.0
        for v in one.touched[: one.n_touched[0]]:
            n += min(one.even[v], two.even[v])
            total += min(one.weighted[v], two.weighted[v])
            claimed = max(claimed, _chance(one, two, v, float(one.best[v]), float(two.best[v])))
        if total > 0.0 and own[t, 0] >= 0 and own[t, 1] >= 0 and own[t, 2] >= 0:
            mine = own_weight(first, first_classes, one, n_known, most, own[t, 0])
            other = own_weight(second, second_classes, two, n_second, most, own[t, 1])
            if mine > 0.0 and other > 0.0:
                right = _chance(one, two, own[t, 2], mine, other)
        candidates[t] = n
        chances[t, CLAIMED], chances[t, RIGHT] = (claimed / total, right / total) if total > 0.0 else (0.0, 0.0)
        _forget(one)
        _forget(two)
