"""Classes that may disagree in one known column, from those that agree with all known columns but one.

With D known columns, let A be the classes that agree with all, and A_j those that agree with all but column j, which
may agree or not. Every A_j contains A, and beyond A no two of them meet: sums over the classes that disagree in at most
one column are sum_j sum(A_j) - (D - 1) sum(A). Few people differ in what is left when one column is left out, above all
the most distinctive one, so that the sums over A_j are remembered.
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints
from shoal_kernels.risk.class_bitmaps import (
    AS_IS,
    BEST,
    CLASSES,
    CORRECTED,
    ROWS,
    TOTAL,
    Bitmaps,
    Classes,
    HeldValues,
    Person,
    collect,
)

_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


class Memory(NamedTuple):
    """Sums over classes for sets of known values, one set a slot, the last that came there.

    Attributes
    ----------
    key : (n_slots, d) int64
        Maps of the known values, -1 where a column is left out; -2 in an empty slot.
    counts : (n_slots, 2) int64
    sums : (n_slots, 2) float64
    even : (n_slots, n_values) int64
    weighted : (n_slots, n_values) float64
    """

    key: Ints
    counts: Ints
    sums: Floats
    even: Ints
    weighted: Floats


@inner
def new_memory(n_slots: int, d: int, n_values: int) -> Memory:
    """Return a memory that holds nothing."""
    return Memory(
        np.full((n_slots, d), -2),
        np.zeros((n_slots, 2), np.int64),
        np.zeros((n_slots, 2)),
        np.zeros((n_slots, n_values), np.int64),
        np.zeros((n_slots, n_values)),
    )


@inner
def _slot(memory: Memory, person: Person, n_known: int, left_out: int) -> int:
    """Return the slot of a person's known values without one."""
    mixed = np.uint64(0)
    for j in range(n_known):
        if j != left_out:
            # Maps are numbered through all columns, so that a map names its column.
            mixed = (mixed ^ np.uint64(person.at[j] + 1)) * _MIX
            mixed ^= mixed >> _SHIFT
    return int(mixed & np.uint64(len(memory.key) - 1))


@inner
def _is_kept(memory: Memory, slot: int, person: Person, n_known: int, left_out: int) -> bool:
    """Return whether a slot holds the person's known values without one."""
    for j in range(n_known):
        if memory.key[slot, j] != (-1 if j == left_out else person.at[j]):
            return False
    fits = True
    for j in range(n_known, memory.key.shape[1]):
        fits &= memory.key[slot, j] == -1
    return fits


@inner
def _remember(
    maps: Bitmaps,
    classes: Classes,
    held: HeldValues,
    person: Person,
    other: Person,
    n_known: int,
    left_out: int,
    memory: Memory,
    slot: int,
) -> None:
    """Sum over the classes that agree with all known values but one, into a slot."""
    n = 0
    memory.key[slot, :] = -1
    for j in range(n_known):
        if j != left_out:
            memory.key[slot, j] = person.at[j]
            other.column[n], other.at[n] = person.column[j], person.at[j]
            n += 1
    collect(maps, classes, held, other, n, 0, AS_IS, memory.counts[slot], memory.sums[slot])
    for v in range(len(held.share)):
        memory.even[slot, v], memory.weighted[slot, v] = other.even[v], other.weighted[v]
        other.even[v], other.weighted[v] = 0, 0.0


@inner
def collect_one_mismatch(
    maps: Bitmaps,
    classes: Classes,
    held: HeldValues,
    person: Person,
    other: Person,
    n_known: int,
    memory: Memory,
    count: Ints,
    sums: Floats,
) -> None:
    """Sum over the classes that disagree with a person in at most one of two or more known columns.

    Parameters
    ----------
    maps, classes : Bitmaps, Classes
    held : HeldValues
        As a table, or without values.
    person : Person
        With its known values read.
    other : Person
        Scratch memory.
    n_known : int, at least 2
    memory : Memory
    count, sums : out
        As `collect` writes them.
    """
    # Weights of A are corrected once, so that what each A_j adds for them is gone in the end.
    collect(maps, classes, held, person, n_known, 0, CORRECTED, count, sums)
    n_values = len(held.share)
    count[CLASSES] *= 1 - n_known
    count[ROWS] *= 1 - n_known
    for v in range(n_values):
        person.even[v] *= 1 - n_known
    for j in range(n_known):
        slot = _slot(memory, person, n_known, j)
        if not _is_kept(memory, slot, person, n_known, j):
            _remember(maps, classes, held, person, other, n_known, j, memory, slot)
        least = float(classes.least[person.column[j]])
        count[CLASSES] += memory.counts[slot, CLASSES]
        count[ROWS] += memory.counts[slot, ROWS]
        sums[TOTAL] += least * memory.sums[slot, TOTAL]
        # A class of A weighs more than one that disagrees and is otherwise alike, so it need not be left out.
        sums[BEST] = max(sums[BEST], least * memory.sums[slot, BEST])
        for v in range(n_values):
            person.even[v] += memory.even[slot, v]
            person.weighted[v] += least * memory.weighted[slot, v]
