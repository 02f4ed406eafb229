"""Class counts of many sets of columns: the classes of a set are merged from those of a superset, never from rows.

A set of columns is a node of a lattice with two levels per column, kept and dropped. A walk is a list of steps,
depth first: each drops columns `first` to `last` - 1 from the classes of the last step at the depth before
(LeFevre, DeWitt, Ramakrishnan 2005, "Incognito", section 3: the rollup property).
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Ints, Matrix, OutMatrix, Vector, Words, Words32, kernel
from shoal_kernels.full_domain.lattice import Lattice, roll_up


class Steps(NamedTuple):
    """A walk over sets of columns, depth first; n steps.

    Attributes
    ----------
    depth : (n,) int64, at least 1
        Tuples lie at depth 0.
    first, last : (n,) int64
        Columns dropped; empty if equal.
    number : (n,) int64
        Number of the resulting set, or -1 if it is only a step to others.
    """

    depth: Vector[np.int64]
    first: Vector[np.int64]
    last: Vector[np.int64]
    number: Vector[np.int64]


class _Classes(NamedTuple):
    """Classes of all sets on the way to the current one, one set after the other.

    Attributes
    ----------
    words : (n_words, any) uint64
    rows : (any,) int64
    begin : (depths + 1,) int64
        First class at each depth, and end of those of the current set.
    class_of : (n_tuples,) uint32
    slots : (a power of two,) uint32
    level : (d,) int64
        Zeros: the only level of the lattice is the one where a column is dropped.
    """

    words: Words
    rows: Ints
    begin: Ints
    class_of: Words32
    slots: Words32
    level: Ints


@inner
def _start(lattice: Lattice, steps: Steps, words: Words, weight: Ints) -> _Classes:
    """Put the tuples at depth 0; memory that no step needs is never touched."""
    n, deepest = len(weight), 1
    for depth in steps.depth:
        deepest = max(deepest, depth)
    room = (deepest + 1) * n
    n_slots = 2
    while n_slots < 2 * n:
        n_slots *= 2
    classes = _Classes(
        np.empty((words.shape[0], room), np.uint64),
        np.empty(room, np.int64),
        np.zeros(deepest + 2, np.int64),
        np.empty(n, np.uint32),
        np.empty(n_slots, np.uint32),
        np.zeros(len(lattice.size), np.int64),
    )
    classes.words[:, :n] = words
    classes.rows[:n] = weight
    classes.begin[1] = n
    return classes


@inner
def _take(lattice: Lattice, steps: Steps, step: int, classes: _Classes) -> None:
    """Merge the classes of one step; its set then ends at ``begin[depth + 1]``."""
    depth = steps.depth[step]
    source, target = int(classes.begin[depth - 1]), int(classes.begin[depth])
    n = roll_up(
        lattice,
        classes.level,
        steps.first[step],
        steps.last[step],
        classes.words,
        classes.rows,
        source,
        target - source,
        target,
        classes.class_of,
        classes.slots,
    )
    classes.begin[depth + 1] = target + n


@kernel
def count_sets(
    lattice: Lattice, steps: Steps, words: Matrix[np.uint64], weight: Vector[np.int64], figures: OutMatrix[np.int64]
) -> None:
    """Count the classes of every numbered set of columns of a walk.

    Parameters
    ----------
    lattice : Lattice
        One level a column, at which every code is represented by 0.
    steps : Steps
    words : (n_words, n) uint64
    weight : (n,) int64
    figures : (n_sets, 3) int64, out
        For each number in the walk: classes, unique rows, and ordered pairs of rows that share a class; other
        entries are not written.
    """
    classes = _start(lattice, steps, words, weight)
    for step in range(len(steps.depth)):
        _take(lattice, steps, step, classes)
        number = steps.number[step]
        if number < 0:
            continue
        depth = steps.depth[step]
        alone, alike = 0, 0
        for rows in classes.rows[classes.begin[depth] : classes.begin[depth + 1]]:
            alone += rows == 1
            alike += rows * (rows - 1)
        figures[number, 0] = classes.begin[depth + 1] - classes.begin[depth]
        figures[number, 1], figures[number, 2] = alone, alike
