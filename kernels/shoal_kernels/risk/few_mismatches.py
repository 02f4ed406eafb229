"""Classes that may disagree in a few known columns, by inclusion and exclusion over sets of columns.

With D known columns and at most m that may disagree, let A(S) be the classes that agree with all columns of S, and
maybe with others; S runs over all sets of at least D - m columns. A class that agrees with exactly the columns of T
is in A(S) for each S within T, so that Möbius inversion over sets gives sums over classes that disagree in at most m
from sums over A(S) alone: rows of A(S) count sum_t (-1)^(|S| - t) C(|S|, t) over t from D - m to |S|, and weights are
those of `corrected_weight`. Few people differ in what is left when a column is left out, above all the most
distinctive one, so that the sums over A(S) are remembered. No term exceeds the weight that its class has in the
result, so that little is lost to rounding.
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints
from shoal_kernels.risk.class_bitmaps import BEST, CLASSES, ROWS, TOTAL, Bitmaps, Classes, HeldValues, Person, collect

MOST_SETS = 128
"""Sets of columns for one person up to which inclusion and exclusion is used."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


class Memory(NamedTuple):
    """Sums over classes for sets of known values, one set a slot, the last that came there.

    Attributes
    ----------
    key : (n_slots, d + 1) int64
        Columns that may still disagree, then the maps of the known values, padded with -1; -1 first in an empty slot.
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
        np.full((n_slots, d + 1), -1),
        np.zeros((n_slots, 2), np.int64),
        np.zeros((n_slots, 2)),
        np.zeros((n_slots, n_values), np.int64),
        np.zeros((n_slots, n_values)),
    )


@inner
def n_sets(n_known: int, most: int) -> int:
    """Return the number of ways to leave out at most `most` of some columns, or any number above `MOST_SETS`."""
    total, ways = 0, 1
    for i in range(min(n_known, most) + 1):
        total += ways
        if total > MOST_SETS:
            break
        ways = ways * (n_known - i) // (i + 1)
    return total


@inner
def _sign_sum(n: int, least: int) -> int:
    """Return the sum over t from `least` to n of (-1)^(n - t) C(n, t)."""
    total, ways = 0, 1
    for left_out in range(n - max(least, 0) + 1):
        total += ways if left_out % 2 == 0 else -ways
        ways = ways * (n - left_out) // (left_out + 1)
    return total


@inner
def _slot(memory: Memory, other: Person, n: int, spare: int) -> int:
    """Return the slot of n known values."""
    mixed = np.uint64(spare)
    for j in range(n):
        # Maps are numbered through all columns, so that a map names its column.
        mixed = (mixed ^ np.uint64(other.at[j] + 1)) * _MIX
        mixed ^= mixed >> _SHIFT
    return int(mixed & np.uint64(len(memory.key) - 1))


@inner
def _is_kept(memory: Memory, slot: int, other: Person, n: int, spare: int) -> bool:
    """Return whether a slot holds n known values."""
    fits = memory.key[slot, 0] == spare
    for j in range(memory.key.shape[1] - 1):
        fits &= memory.key[slot, 1 + j] == (other.at[j] if j < n else -1)
    return fits


@inner
def _remember(
    maps: Bitmaps,
    classes: Classes,
    held: HeldValues,
    other: Person,
    n: int,
    spare: int,
    memory: Memory,
    slot: int,
) -> None:
    """Sum over the classes that agree with n known values, into a slot."""
    memory.key[slot, 0] = spare
    for j in range(memory.key.shape[1] - 1):
        memory.key[slot, 1 + j] = other.at[j] if j < n else -1
    memory.counts[slot, :] = 0
    memory.sums[slot, :] = 0.0
    collect(maps, classes, held, other, n, 0, spare, memory.counts[slot], memory.sums[slot])
    for v in range(len(held.share)):
        memory.even[slot, v], memory.weighted[slot, v] = other.even[v], other.weighted[v]
        other.even[v], other.weighted[v] = 0, 0.0


@inner
def _next_set(left: Ints, n_left: int, n: int) -> bool:
    """Go to the next n_left of n places in lexical order; return whether there is one."""
    i = n_left - 1
    while i >= 0 and left[i] == n - n_left + i:
        i -= 1
    if i < 0:
        return False
    left[i] += 1
    for j in range(i + 1, n_left):
        left[j] = left[j - 1] + 1
    return True


@inner
def _leave_out(classes: Classes, person: Person, n_known: int, left: Ints, n_left: int, other: Person) -> float:
    """Copy the known values but some; return what disagreeing in those weighs."""
    n, skipped = 0, 0
    least: float = 1.0
    for j in range(n_known):
        if skipped < n_left and left[skipped] == j:
            least *= float(classes.least[person.column[j]])
            skipped += 1
        else:
            other.column[n], other.at[n] = person.column[j], person.at[j]
            n += 1
    return least


@inner
def collect_few_mismatches(
    maps: Bitmaps,
    classes: Classes,
    held: HeldValues,
    person: Person,
    other: Person,
    n_known: int,
    most: int,
    memory: Memory,
    count: Ints,
    sums: Floats,
) -> None:
    """Sum over the classes that disagree with a person in at most `most` known columns.

    Parameters
    ----------
    maps, classes : Bitmaps, Classes
    held : HeldValues
        As a table, or without values.
    person : Person
        With its known values read.
    other : Person
        Scratch memory, for as many mismatches.
    n_known, most : int
    memory : Memory
    count, sums : out, 0 before
        As `collect` writes them.
    """
    left = np.empty(max(1, n_known), np.int64)
    for n_left in range(min(most, n_known) + 1):
        n = n_known - n_left
        sign = _sign_sum(n, n_known - most)
        for j in range(n_left):
            left[j] = j
        more = True
        while more:
            least = _leave_out(classes, person, n_known, left, n_left, other)
            slot = _slot(memory, other, n, most - n_left)
            if not _is_kept(memory, slot, other, n, most - n_left):
                _remember(maps, classes, held, other, n, most - n_left, memory, slot)
            count[CLASSES] += sign * memory.counts[slot, CLASSES]
            count[ROWS] += sign * memory.counts[slot, ROWS]
            sums[TOTAL] += least * memory.sums[slot, TOTAL]
            # A class weighs no more here than where all that it agrees with is in the set.
            sums[BEST] = max(sums[BEST], least * memory.sums[slot, BEST])
            for v in range(len(held.share)):
                person.even[v] += sign * memory.even[slot, v]
                person.weighted[v] += least * memory.weighted[slot, v]
            more = _next_set(left, n_left, n_known)
