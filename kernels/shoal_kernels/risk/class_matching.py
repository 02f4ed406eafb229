"""People looked up in the equivalence classes of a release, and what is learned of them."""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints, Matrix, OutMatrix, OutVector, Vector, kernel
from shoal_kernels.risk.class_bitmaps import (
    AS_IS,
    OWN,
    ROWS,
    TOTAL,
    Bitmaps,
    Classes,
    HeldValues,
    Person,
    collect,
    new_person,
    own_weight,
    read_target,
)
from shoal_kernels.risk.one_mismatch import collect_one_mismatch, new_memory

N_COUNTS, N_WEIGHTS, N_DISTINCT, N_LEARNED = 2, 3, 2, 6
DISTINCT, GUESS = 0, 1
EVEN_TOP, TOP, EVEN_LIFT, LIFT, EVEN_OWN, OWN_VALUE = 0, 1, 2, 3, 4, 5
_ONE, _ZERO = np.uint64(1), np.uint64(0)


@kernel
def fill_bitmaps(
    member: Matrix[np.bool_], label: Vector[np.int64], bits: OutMatrix[np.uint64], summary: OutMatrix[np.uint64]
) -> None:
    """Set the bitmaps of one column.

    Parameters
    ----------
    member : (n_maps, n_labels) bool
        Labels that cover the values of each group.
    label : (n,) int64
        Label of each class.
    bits, summary : out, 0 before
    """
    for m in range(len(member)):
        for c in range(len(label)):
            if member[m, label[c]]:
                bits[m, c >> 6] |= _ONE << np.uint64(c & 63)
        for w in range(bits.shape[1]):
            if bits[m, w] != _ZERO:
                summary[m, w >> 6] |= _ONE << np.uint64(w & 63)


@inner
def _learn(
    held: HeldValues, person: Person, rows: int, total: float, own_value: int, distinct: Ints, learned: Floats
) -> None:
    """Write what the counts of one person's candidates say, and set them to 0 again."""
    learned[:] = 0.0
    distinct[DISTINCT], distinct[GUESS] = 0, -1
    in_table = len(held.table) > 0
    for i in range(len(held.share) if in_table else person.n_touched[0]):
        v = i if in_table else person.touched[i]
        if person.even[v] == 0:
            continue
        even, share = person.even[v] / rows, person.weighted[v] / total
        distinct[DISTINCT] += 1
        learned[EVEN_TOP] = max(learned[EVEN_TOP], even)
        learned[EVEN_LIFT] = max(learned[EVEN_LIFT], even / held.share[v])
        learned[LIFT] = max(learned[LIFT], share / held.share[v])
        # Of equally probable values the lowest is guessed, in whatever order they were met.
        if share > learned[TOP] or (share == learned[TOP] and v < distinct[GUESS]):
            learned[TOP], distinct[GUESS] = share, v
        if v == own_value:
            learned[EVEN_OWN], learned[OWN_VALUE] = even, share
        person.even[v], person.weighted[v] = 0, 0.0
    person.n_touched[0] = 0


@kernel
def match_classes(
    maps: Bitmaps,
    classes: Classes,
    held: HeldValues,
    most: int,
    n_slots: int,
    targets: Matrix[np.int64],
    own: Vector[np.int64],
    own_value: Vector[np.int64],
    counts: OutMatrix[np.int64],
    weights: OutMatrix[np.float64],
    distinct: OutMatrix[np.int64],
    learned: OutMatrix[np.float64],
) -> None:
    """Count and weigh the classes and rows that agree with what is known of each person.

    Parameters
    ----------
    maps : Bitmaps
    classes : Classes
    held : HeldValues
    most : int, at least 0
        Known columns in which a class may disagree.
    n_slots : int, 0 or a power of two
        With one mismatch, sets of known values but one whose classes are remembered; 0 for none.
    targets : (n_targets, d) int64
        Map of each known value; negative where nothing is known.
    own, own_value : (n_targets,) int64
        Class of the person's own record, and the person's sensitive value; negative if not known.
    counts : (n_targets, 2) int64, out
        `CLASSES` and `ROWS` that agree.
    weights : (n_targets, 3) float64, out
        `TOTAL` weight of those rows, weight of the `BEST` row, and of a person's `OWN` row, 0 where its class
        disagrees.
    distinct : (n_targets, 2) int64, out
        `DISTINCT` values that are left, and the `GUESS`: the most probable, the lowest of equal ones, -1 where no
        class agrees.
    learned : (n_targets, 6) float64, out
        Posterior of the most frequent value with even rows (`EVEN_TOP`) and with weights (`TOP`), the largest
        posterior over share of all rows (`EVEN_LIFT`, `LIFT`), posterior of the own value (`EVEN_OWN`, `OWN_VALUE`).
    """
    d, n_values = targets.shape[1], len(held.share)
    person, other = new_person(d, most, n_values), new_person(d, 0, n_values)
    memory = new_memory(n_slots, d, n_values)
    counts[:], weights[:] = 0, 0.0
    for t in range(len(targets)):
        n_known = read_target(targets[t], person)
        if most == 1 and n_known > 1 and n_slots > 0:
            collect_one_mismatch(maps, classes, held, person, other, n_known, memory, counts[t], weights[t])
        else:
            collect(maps, classes, held, person, n_known, most, AS_IS, counts[t], weights[t])
        if own[t] >= 0:
            weights[t, OWN] = own_weight(maps, classes, person, n_known, most, own[t])
        _learn(held, person, counts[t, ROWS], weights[t, TOTAL], own_value[t], distinct[t], learned[t])


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
    candidates: OutVector[np.int64],
) -> None:
    """Count the rows that may be a person's in two releases of the same people.

    A candidate is a row of one release for which the other has a row of equal kept values, both in classes that agree
    with the person: of each value there are at most as many people as rows in either.

    Parameters
    ----------
    first, first_classes, second, second_classes, most
        As for `match_classes`.
    first_held, second_held : HeldValues
        Kept values in compressed rows, numbered as one column.
    first_targets, second_targets : (n_targets, d) int64
    candidates : (n_targets,) int64, out
    """
    one = new_person(first_targets.shape[1], most, len(first_held.share))
    two = new_person(second_targets.shape[1], most, len(second_held.share))
    counts, sums = np.zeros(2, np.int64), np.zeros(3)
    for t in range(len(candidates)):
        n_known = read_target(first_targets[t], one)
        collect(first, first_classes, first_held, one, n_known, most, AS_IS, counts, sums)
        n_known = read_target(second_targets[t], two)
        collect(second, second_classes, second_held, two, n_known, most, AS_IS, counts, sums)
        n = 0
        for v in one.touched[: one.n_touched[0]]:
            n += min(one.even[v], two.even[v])
            one.even[v], one.weighted[v] = 0, 0.0
        for v in two.touched[: two.n_touched[0]]:
            two.even[v], two.weighted[v] = 0, 0.0
        one.n_touched[0], two.n_touched[0] = 0, 0
        candidates[t] = n
