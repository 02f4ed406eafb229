"""Which equivalence classes agree with what is known of a person: bitmaps over classes, one for each known value.

For every column and every group of known values that the same labels cover there is a bitmap with a bit a class, and
a summary with a bit for each word of it. A person's classes are the conjunction of one bitmap a known column; words
whose summaries have no bit in common are never read.
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Floats, Ints, Matrix, Vector, Words

_ONE, _ZERO = np.uint64(1), np.uint64(0)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_TOP = np.uint64(58)
_PLACE = np.zeros(64, np.int64)
for _bit in range(64):
    _PLACE[(0x03F79D71B4CB0A89 << _bit) % (1 << 64) >> 58] = _bit

CLASSES, ROWS = 0, 1
"""Places of what is counted of a person's classes."""
TOTAL, BEST, OWN = 0, 1, 2
"""Places of what they weigh."""


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
    best : (n_values,) float64
        The most that one of them weighs; kept where counts are in compressed rows.
    partial : (most + 1,) float64
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
    best: Floats
    partial: Floats
    touched: Ints
    n_touched: Ints


@inlined
def _lowest(word: np.uint64) -> int:
    """Return the place of the lowest bit of a word that is not 0 (Leiserson, Prokop, Randall 1998)."""
    return _PLACE[((word & (~word + _ONE)) * _DE_BRUIJN) >> _TOP]


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
            person.best[v] = max(person.best[v], weight)


@inner
def _load(words: Words, person: Person, n_known: int, place: int) -> None:
    """Load one word of each known map."""
    for j in range(n_known):
        person.word[j] = words[person.at[j], place]


@inner
def _corrected_weight(classes: Classes, person: Person, n_known: int, spare: int, c: int) -> float:
    """Return the sum of what a class weighs with up to `spare` known columns taken for ones that disagree, each a -1.

    The sum runs over all sets of that number of columns; `person.partial` holds it for each number of them.
    """
    partial = person.partial
    partial[0] = 1.0
    for i in range(1, spare + 1):
        partial[i] = 0.0
    for j in range(n_known):
        column = person.column[j]
        fill, least = float(classes.fill[c, column]), float(classes.least[column])
        for i in range(spare, 0, -1):
            partial[i] = partial[i] * fill - partial[i - 1] * least
        partial[0] *= fill
    total = 0.0
    for i in range(spare + 1):
        total += partial[i]
    return total


@inner
def collect(
    maps: Bitmaps,
    classes: Classes,
    held: HeldValues,
    person: Person,
    n_known: int,
    most: int,
    spare: int,
    count: Ints,
    sums: Floats,
) -> None:
    """Visit the classes that agree with a person in ascending order.

    With `spare` columns, which needs `most` = 0, each weighs as `_corrected_weight` states; `BEST` is not corrected.
    """
    if n_known == 0:
        for c in range(len(classes.size)):
            count[CLASSES] += 1
            count[ROWS] += classes.size[c]
            sums[TOTAL] += classes.size[c]
            _add(held, person, c, 1.0)
        sums[BEST] = 1.0
        return
    n_classes, n_rows, total, best = 0, 0, 0.0, 0.0
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
                weight: float = 1.0
                if most == 0:
                    # Nothing disagrees, and the bits need not be read again: a third of the time.
                    for j in range(n_known):
                        weight *= float(classes.fill[c, person.column[j]])
                else:
                    weight = _weight(classes, person, n_known, c)
                best = max(best, weight)
                if spare > 0:
                    weight = _corrected_weight(classes, person, n_known, spare, c)
                n_classes += 1
                n_rows += classes.size[c]
                total += classes.size[c] * weight
                _add(held, person, c, weight)
    count[CLASSES], count[ROWS] = n_classes, n_rows
    sums[TOTAL], sums[BEST] = total, best


@inner
def own_weight(maps: Bitmaps, classes: Classes, person: Person, n_known: int, most: int, c: int) -> float:
    """Return the weight of a row of the person's own class, 0 if it disagrees in more than `most` columns."""
    if n_known == 0:
        return 1.0
    _load(maps.bits, person, n_known, c >> 6)
    fails = 0
    for j in range(n_known):
        fails += int((person.word[j] >> np.uint64(c & 63)) & _ONE == _ZERO)
    return _weight(classes, person, n_known, c) if fails <= most else 0.0


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
        np.zeros(n_values),
        np.empty(most + 1),
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
