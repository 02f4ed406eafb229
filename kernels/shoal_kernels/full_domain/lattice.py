"""The generalization lattice as arrays, and the roll-up of classes from a finer node to a coarser one.

A *node* assigns every quasi-identifier one level of its hierarchy. At a node the class of a tuple is identified by
the tuple's packed words with each code replaced by the *representative* of its hierarchy node: the lowest leaf
under it. A representative is itself a leaf, so one table maps the codes of any finer node to any coarser one,
and the classes of a node are rolled up from those of a finer node, never from rows
(LeFevre, DeWitt, Ramakrishnan 2005, "Incognito", section 3: the rollup property).
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Ints, OutMatrix, OutVector, Vector, Words, Words32, kernel


class Lattice(NamedTuple):
    """The levels of d quasi-identifiers.

    Attributes
    ----------
    word, shift : (d,) int64
        ``code = (words[word, i] >> shift) & mask``.
    mask : (d,) uint64
    size : (d,) int64
        Leaves; codes run from 0 to size - 1.
    n_levels : (d,) int64
        At least 1; level 0 are the leaves.
    start : (d,) int64
        Where the entries of a quasi-identifier begin in the tables: level-major, ``size`` entries a level.
    representative : (sum of n_levels * size,) int64
        Lowest leaf under the node of each leaf.
    cost : (as representative,) float64
        Cost of a released row of that leaf in that column.
    leaves : (as representative,) float64
        Leaves of the hierarchy under the node.
    """

    word: Vector[np.int64]
    shift: Vector[np.int64]
    mask: Vector[np.uint64]
    size: Vector[np.int64]
    n_levels: Vector[np.int64]
    start: Vector[np.int64]
    representative: Vector[np.int64]
    cost: Vector[np.float64]
    leaves: Vector[np.float64]


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@inlined
def entry(lattice: Lattice, words: Words, j: int, level: int, i: int) -> int:
    """Return the place in the tables of class `i`, at `level` of quasi-identifier `j` or below."""
    code = np.int64((words[lattice.word[j], i] >> np.uint64(lattice.shift[j])) & lattice.mask[j])
    return int(lattice.start[j] + level * lattice.size[j] + code)


@inner
def roll_up(
    lattice: Lattice,
    level: Ints,
    first: int,
    last: int,
    words: Words,
    rows: Ints,
    source: int,
    n: int,
    target: int,
    class_of: Words32,
    slots: Words32,
) -> int:
    """Merge the classes that become equal when quasi-identifiers `first` to `last` - 1 move to their `level`.

    Parameters
    ----------
    lattice : Lattice
    level : (d,) int64
    first, last : int
        Other quasi-identifiers keep their codes.
    words : (n_words, any) uint64, in and out
        The n classes from place `source` on; the merged ones are written from place `target` on, which is
        `source` or after the n classes.
    rows : (any,) int64, in and out
        Rows of the classes, placed alike.
    class_of : (at least n,) uint32, out
        Merged class of each class, from 0, numbered by first appearance.
    slots : (a power of two, at least 2 n,) uint32, out

    Returns
    -------
    int
        Number of merged classes.
    """
    n_words = words.shape[0]
    if target != source:
        for w in range(n_words):
            words[w, target : target + n] = words[w, source : source + n]
        rows[target : target + n] = rows[source : source + n]
    # Two steps: generalize the codes in place, then merge equal words by hashing: O(n (columns + words)) in all.
    for j in range(first, last):
        _generalize(lattice, j, level[j], words[lattice.word[j], target : target + n])
    if n_words == 1:
        return _join(words[0, target : target + n], rows[target : target + n], class_of, slots)
    return _join_wide(words[:, target : target + n], rows[target : target + n], class_of, slots)


@inner
def _generalize(lattice: Lattice, j: int, level: int, words: Words) -> None:
    """Replace the codes of one quasi-identifier by their representatives at `level`."""
    shift, mask = np.uint64(lattice.shift[j]), lattice.mask[j]
    begin = lattice.start[j] + level * lattice.size[j]
    representative = lattice.representative[begin : begin + lattice.size[j]]
    # The field is replaced by one xor; the other fields are never unpacked.
    for i in range(len(words)):
        code = (words[i] >> shift) & mask
        words[i] ^= (code ^ np.uint64(representative[np.int64(code)])) << shift


@inlined
def _slot_bits(n: int) -> int:
    """Return the bits of a slot's number, such that at least half of the slots stay empty."""
    # Fit the table to n: late, small roll-ups then clear and probe only a few slots.
    bits = 1
    while (1 << bits) < 2 * n:
        bits += 1
    return bits


@inner
def _join(words: Words, rows: Ints, class_of: Words32, slots: Words32) -> int:
    """Merge equal classes of one word each, in place; return their number."""
    bits = _slot_bits(len(words))
    down, mask = np.uint64(64 - bits), np.int64((1 << bits) - 1)
    slots[: mask + 1] = 0
    found = 0
    for i in range(len(words)):
        # A slot holds 1 + the number of a merged class, whose word was moved to the front: found <= i.
        word, count = words[i], rows[i]
        slot = np.int64((word * _GOLDEN) >> down)
        c = np.int64(slots[slot])
        while c > 0 and words[c - 1] != word:
            slot = (slot + 1) & mask
            c = np.int64(slots[slot])
        if c == 0:
            # First appearance: the class moves to the front, to a place already read.
            words[found], rows[found] = word, count
            found += 1
            c = found
            slots[slot] = np.uint32(c)
        else:
            rows[c - 1] += count
        class_of[i] = np.uint32(c - 1)
    return found


@inlined
def _equal(words: Words, a: int, b: int) -> bool:
    """Return whether two classes have the same words."""
    differing = np.uint64(0)
    for w in range(words.shape[0]):
        differing |= words[w, a] ^ words[w, b]
    return bool(differing == np.uint64(0))


@inner
def _join_wide(words: Words, rows: Ints, class_of: Words32, slots: Words32) -> int:
    """Merge equal classes of several words each, as `_join` does."""
    bits = _slot_bits(words.shape[1])
    down, mask = np.uint64(64 - bits), np.int64((1 << bits) - 1)
    slots[: mask + 1] = 0
    found = 0
    for i in range(words.shape[1]):
        # Hash all words of a class; a slot match still compares every word.
        digest = np.uint64(0)
        for w in range(words.shape[0]):
            digest = (digest ^ (digest >> np.uint64(29)) ^ words[w, i]) * _GOLDEN
        slot = np.int64(digest >> down)
        c = np.int64(slots[slot])
        while c > 0 and not _equal(words, int(c - 1), i):
            slot = (slot + 1) & mask
            c = np.int64(slots[slot])
        if c == 0:
            for w in range(words.shape[0]):
                words[w, found] = words[w, i]
            rows[found] = rows[i]
            found += 1
            c = found
            slots[slot] = np.uint32(c)
        else:
            rows[c - 1] += rows[i]
        class_of[i] = np.uint32(c - 1)
    return found


@kernel
def roll_up_all(
    lattice: Lattice,
    level: Vector[np.int64],
    words: OutMatrix[np.uint64],
    rows: OutVector[np.int64],
    n: int,
    class_of: OutVector[np.uint32],
    slots: OutVector[np.uint32],
    n_classes: OutVector[np.int64],
) -> None:
    """Merge n classes or tuples into the classes of one node, in place; see `roll_up`."""
    n_classes[0] = roll_up(lattice, level, 0, len(level), words, rows, 0, n, 0, class_of, slots)
