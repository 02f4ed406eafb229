"""Which equivalence classes agree with what is known of a person: bitmaps over classes, one for each known value.

For every column and every group of known values that the same labels cover there is a bitmap with a bit a class, and
a summary with a bit for each word of it. A person's classes are the conjunction of one bitmap a known column; words
whose summaries have no bit in common are never read.
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Floats, Ints, Matrix, OutMatrix, OutVector, Vector, Words, kernel

_ONE, _ZERO = np.uint64(1), np.uint64(0)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_TOP = np.uint64(58)
_PLACE = np.zeros(64, np.int64)
for _bit in range(64):
    _PLACE[(0x03F79D71B4CB0A89 << _bit) % (1 << 64) >> 58] = _bit

N_COUNTS, N_WEIGHTS, N_DISTINCT, N_LEARNED = 2, 3, 2, 6
CLASSES, ROWS = 0, 1
TOTAL, BEST, OWN = 0, 1, 2
DISTINCT, GUESS = 0, 1
EVEN_TOP, TOP, EVEN_LIFT, LIFT, EVEN_OWN, OWN_VALUE = 0, 1, 2, 3, 4, 5


class Bitmaps(NamedTuple):
    """Sets of classes, one for each group of values of a column.

    Attributes
    ----------
    bits : (n_maps, n_words) uint64
        Class c is bit ``c & 63`` of word ``c >> 6``.
    summary : (n_maps, ceil(n_words / 64)) uint64
        Word w is bit ``w & 63`` of word ``w >> 6``, set where that word is not 0.
    """

    bits: Matrix[np.uint64]
    summary: Matrix[np.uint64]


class Classes(NamedTuple):
    """Equivalence classes of a release over d columns.

    Attributes
    ----------
    size : (n,) int64, at least 1
        Rows.
    fill : (n, d) float64, above 0, at most 1
        Share of each label that one of its values fills.
    least : (d,) float64
        Share of all values of the column that one of them fills; that of a column that disagrees.
    """

    size: Vector[np.int64]
    fill: Matrix[np.float64]
    least: Vector[np.float64]


class HeldValues(NamedTuple):
    """Values of one sensitive column in each class: a table of counts, or counts in compressed rows.

    Attributes
    ----------
    table : (n, n_values) int32, or (0, 0)
        Rows with each value.
    start : (n + 1,) int64, or (1,)
    value : (n_cells,) int64
    rows : (n_cells,) int64, at least 1
    share : (n_values,) float64, above 0
        Of all rows; empty if there is no sensitive column.
    """

    table: Matrix[np.int32]
    start: Vector[np.int64]
    value: Vector[np.int64]
    rows: Vector[np.int64]
    share: Vector[np.float64]


class Person(NamedTuple):
    """What is known of one person, and scratch memory for it.

    Attributes
    ----------
    column : (d,) int64
        Known columns.
    at : (d,) int64
        Map of each of their values.
    word : (d,) uint64
        Current word of each map.
    agree : (most + 1,) uint64
    even : (n_values,) int64
        Rows of the candidates with each sensitive value.
    weighted : (n_values,) float64
        Their weights.
    touched : (n_values,) int64
        Values that candidates have, in the order in which they were met; kept where counts are in compressed rows.
    n_touched : (1,) int64
    """

    column: Ints
    at: Ints
    word: Words
    agree: Words
    even: Ints
    weighted: Floats
    touched: Ints
    n_touched: Ints


@inlined
def _lowest(word: np.uint64) -> int:
    """Return the place of the lowest bit of a word that is not 0 (Leiserson, Prokop, Randall 1998)."""
    return _PLACE[((word & (~word + _ONE)) * _DE_BRUIJN) >> _TOP]


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
def _agreeing(words: Words, n_known: int, most: int, agree: Words) -> np.uint64:
    """Return the bits that fail in at most `most` of the known maps' words.

    ``agree[i]`` holds the bits that failed at most i times so far: a further map leaves those that it has, and those
    that failed at most i - 1 times.
    """
    if most == 0:
        every = words[0]
        for j in range(1, n_known):
            every &= words[j]
        return every
    for i in range(most + 1):
        agree[i] = ~_ZERO
    for j in range(n_known):
        for i in range(most, 0, -1):
            agree[i] = (agree[i] & words[j]) | agree[i - 1]
        agree[0] &= words[j]
    return agree[most]


@inner
def _weight(classes: Classes, person: Person, n_known: int, c: int) -> float:
    """Return the probability that a row of a class has the known values, if values share their label evenly.

    ``person.word`` holds the words of the class; a column that disagrees counts as a label of all values.
    """
    weight: float = 1.0
    bit = np.uint64(c & 63)
    for j in range(n_known):
        column = person.column[j]
        # Both are loaded, so that the choice is no branch: with mismatches it is as good as random.
        fill, least = float(classes.fill[c, column]), float(classes.least[column])
        weight *= fill if (person.word[j] >> bit) & _ONE != _ZERO else least
    return weight


@inner
def _add(held: HeldValues, person: Person, c: int, weight: float) -> None:
    """Add the sensitive values of a class to those of the person's candidates."""
    n_values = len(held.share)
    if len(held.table) > 0:
        for v in range(n_values):
            rows = held.table[c, v]
            person.even[v] += rows
            person.weighted[v] += rows * weight
    elif n_values > 0:
        for e in range(held.start[c], held.start[c + 1]):
            v = held.value[e]
            if person.even[v] == 0:
                person.touched[person.n_touched[0]] = v
                person.n_touched[0] += 1
            person.even[v] += held.rows[e]
            person.weighted[v] += held.rows[e] * weight


@inner
def _load(words: Words, person: Person, n_known: int, place: int) -> None:
    """Load one word of each known map."""
    for j in range(n_known):
        person.word[j] = words[person.at[j], place]


@inner
def collect(
    maps: Bitmaps,
    classes: Classes,
    held: HeldValues,
    person: Person,
    n_known: int,
    most: int,
    count: Ints,
    sums: Floats,
) -> None:
    """Visit the classes that agree with a person in ascending order."""
    if n_known == 0:
        for c in range(len(classes.size)):
            count[CLASSES] += 1
            count[ROWS] += classes.size[c]
            sums[TOTAL] += classes.size[c]
            _add(held, person, c, 1.0)
        sums[BEST] = 1.0
        return
    for s in range(maps.summary.shape[1]):
        _load(maps.summary, person, n_known, s)
        busy = _agreeing(person.word, n_known, most, person.agree)
        while busy != _ZERO:
            w = (s << 6) + _lowest(busy)
            busy &= busy - _ONE
            if w >= maps.bits.shape[1]:
                break
            _load(maps.bits, person, n_known, w)
            word = _agreeing(person.word, n_known, most, person.agree)
            while word != _ZERO:
                c = (w << 6) + _lowest(word)
                word &= word - _ONE
                if c >= len(classes.size):
                    break
                weight = _weight(classes, person, n_known, c)
                count[CLASSES] += 1
                count[ROWS] += classes.size[c]
                sums[TOTAL] += classes.size[c] * weight
                sums[BEST] = max(sums[BEST], weight)
                _add(held, person, c, weight)


@inner
def _own(maps: Bitmaps, classes: Classes, person: Person, n_known: int, most: int, c: int) -> float:
    """Return the weight of a row of the person's own class, 0 if it disagrees in more than `most` columns."""
    if n_known == 0:
        return 1.0
    _load(maps.bits, person, n_known, c >> 6)
    fails = 0
    for j in range(n_known):
        fails += int((person.word[j] >> np.uint64(c & 63)) & _ONE == _ZERO)
    return _weight(classes, person, n_known, c) if fails <= most else 0.0


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


@inner
def new_person(d: int, most: int, n_values: int) -> Person:
    """Return scratch memory for a person."""
    return Person(
        np.empty(d, np.int64),
        np.empty(d, np.int64),
        np.empty(d + 1, np.uint64),
        np.empty(most + 1, np.uint64),
        np.zeros(n_values, np.int64),
        np.zeros(n_values),
        np.empty(n_values, np.int64),
        np.zeros(1, np.int64),
    )


@inner
def read_target(target: Ints, person: Person) -> int:
    """List the columns that are known of a person and their maps; return their number."""
    n_known = 0
    for j in range(len(target)):
        if target[j] >= 0:
            person.column[n_known], person.at[n_known] = j, target[j]
            n_known += 1
    return n_known


@kernel
def match_classes(
    maps: Bitmaps,
    classes: Classes,
    held: HeldValues,
    most: int,
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
    person = new_person(targets.shape[1], most, len(held.share))
    counts[:], weights[:] = 0, 0.0
    for t in range(len(targets)):
        n_known = read_target(targets[t], person)
        collect(maps, classes, held, person, n_known, most, counts[t], weights[t])
        if own[t] >= 0:
            weights[t, OWN] = _own(maps, classes, person, n_known, most, own[t])
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
        collect(first, first_classes, first_held, one, n_known, most, counts, sums)
        n_known = read_target(second_targets[t], two)
        collect(second, second_classes, second_held, two, n_known, most, counts, sums)
        n = 0
        for v in one.touched[: one.n_touched[0]]:
            n += min(one.even[v], two.even[v])
            one.even[v], one.weighted[v] = 0, 0.0
        for v in two.touched[: two.n_touched[0]]:
            two.even[v], two.weighted[v] = 0, 0.0
        one.n_touched[0], two.n_touched[0] = 0, 0
        candidates[t] = n
