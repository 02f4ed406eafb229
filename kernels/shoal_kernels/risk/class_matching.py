"""People looked up in the equivalence classes of a release, and what is learned of them."""

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints, Matrix, OutMatrix, Vector, kernel
from shoal_kernels.risk.class_bitmaps import (
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
from shoal_kernels.risk.few_mismatches import MOST_SETS, collect_few_mismatches, n_sets, new_memory

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
        person.even[v], person.weighted[v], person.best[v] = 0, 0.0, 0.0
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
        With mismatches, sets of known values whose classes are remembered; 0 for none.
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
    person, other = new_person(d, most, n_values), new_person(d, most, n_values)
    memory = new_memory(n_slots, d, n_values)
    counts[:], weights[:] = 0, 0.0
    for t in range(len(targets)):
        n_known = read_target(targets[t], person)
        if n_slots > 0 and n_sets(n_known, most) <= MOST_SETS:
            collect_few_mismatches(maps, classes, held, person, other, n_known, most, memory, counts[t], weights[t])
        else:
            collect(maps, classes, held, person, n_known, most, 0, counts[t], weights[t])
        if own[t] >= 0:
            weights[t, OWN] = own_weight(maps, classes, person, n_known, most, own[t])
        _learn(held, person, counts[t, ROWS], weights[t, TOTAL], own_value[t], distinct[t], learned[t])
