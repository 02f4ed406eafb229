"""Classes counted in units: judged exactly once they are made, and merged where they miss a model.

While classes are cut, a unit with rows in several of them weighs less than one in each, so weights are less than the
units, and shares of values are not quite those that units have in a class. Classes that miss a model once their units
count one each are merged with their neighbors, which tends to the whole segment: there both are the same.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.binding import BoundTable, bind
from shoal_engine.anonymity.criteria.people import with_people
from shoal_engine.anonymity.criteria.unit_criteria import UnitJudge, with_units
from shoal_engine.anonymity.methods.partitioning import segment_numbers
from shoal_engine.anonymity.table.table import Table
from shoal_engine.errors import PolicyNotMet

Ints = npt.NDArray[np.int64]


def bind_units_and_people(table: Table) -> BoundTable:
    """Bind a table's models as classes are made: with the weights of its units, and the people of a population."""
    bound = bind(table)
    if table.units is None:
        return with_people(bound)
    segment_of_tuple = segment_numbers(table.space.arrays, table.grouped.words, table.space.apart)
    return with_people(with_units(bound, segment_of_tuple))


def settled_in_units(
    table: BoundTable, class_of_tuple: Ints, untrimmed: Ints, *, state: Callable[[Ints], Ints]
) -> Ints:
    """Return classes that hold every model in units.

    Parameters
    ----------
    table : BoundTable
        With the weights of its units.
    class_of_tuple : (n,) int64
        Numbered from 0 without gaps, those of one segment in a row; negative where left out.
    untrimmed : (n,) int64
        The same before rows were left out of classes.
    state : callable
        Numbers what each of some classes states: two that state the same are one for whoever sees them.

    Raises
    ------
    PolicyNotMet
        Not even whole segments hold the models.
    """
    judge = UnitJudge(table)
    segment_of_tuple = segment_numbers(table.space.arrays, table.grouped.words, table.space.apart)
    for classes in (class_of_tuple, untrimmed):
        found = _merged(judge, classes, segment_of_tuple, state)
        if found is not None:
            return found
    msg = "no classes of this table hold the models of its sensitive columns when every unit counts once; loosen them"
    raise PolicyNotMet(msg, nearest={})


def _merged(
    judge: UnitJudge, class_of_tuple: Ints, segment_of_tuple: Ints, state: Callable[[Ints], Ints]
) -> Ints | None:
    """Return the classes, those that miss a model merged with the next of their segment; None where that is no help."""
    kept = class_of_tuple >= 0
    while kept.any():
        n = int(class_of_tuple.max()) + 1
        stated = state(class_of_tuple)
        if int(stated.max()) + 1 < n:
            class_of_tuple = np.append(stated, -1)[class_of_tuple]
            n = int(stated.max()) + 1
        missing = np.flatnonzero(~judge.holding(class_of_tuple, n))
        if not missing.size:
            return class_of_tuple
        segment = np.empty(n, np.int64)
        segment[class_of_tuple[kept]] = segment_of_tuple[kept]
        target = _joined(missing, segment)
        if target is None:
            return None
        class_of_tuple = np.append(target, -1)[class_of_tuple]
    return None


def _joined(missing: Ints, segment: Ints) -> Ints | None:
    """Return the new number of each class: each of `missing` joins its neighbor; None where all have none."""
    n = segment.size
    joins_next = np.zeros(n, np.bool_)
    same = np.append(segment[1:] == segment[:-1], False)
    joins_next[missing] = same[missing]
    last = missing[~same[missing]]
    before = last[last > 0] - 1
    joins_next[before[segment[before] == segment[before + 1]]] = True
    if not joins_next.any():
        # Classes that have nobody to join may miss what others took of the reference: then all are joined.
        joins_next = same
        if not joins_next.any():
            return None
    return np.concatenate([[0], np.cumsum(~joins_next[:-1])]).astype(np.int64)
