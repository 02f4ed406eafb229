"""Rows that a pseudonym joins across classes: allowed only where the joined rows protect as the policy promises.

Who joins the rows of a pseudonym sees the classes that a person's rows lie in, and how many lie in each: a trace. It is
what a further quasi-identifier would reveal. So classes are split by the traces of their rows, and what is left has to
hold the policy: each trace is shared by k units, and so on. The same danger is known of trajectories and of repeated
releases (Terrovitis, Mamoulis 2008, "Privacy preservation in the publication of trajectories").
"""

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.unit_criteria import UnitJudge
from shoal_engine.anonymity.fit import Fit
from shoal_engine.errors import PolicyNotMet
from shoal_engine.tables.grouping import group

Ints = npt.NDArray[np.int64]


def check_linked_rows(fitted: Fit) -> None:
    """Check every pseudonym that is the same in all classes, where the policy names a unit.

    Raises
    ------
    PolicyNotMet
        Joined rows do not hold the policy.
    """
    policy = fitted.table.policy
    linked = [name for name, role in policy.identifiers.items() if role.action == "pseudonym"]
    linked = [name for name in linked if policy.link_of(name) == "table"]
    if not policy.unit or not linked or not fitted.classes.class_rows.size:
        return
    judge = UnitJudge(fitted.table)
    _, place = fitted.classes.recoding.stated()
    class_of_row = judge.class_of_row(fitted.class_of_tuple)
    stated_of_row = np.where(class_of_row >= 0, place[class_of_row], -1)
    for name in linked:
        _, codes = fitted.table.coded[name]
        part, n_parts = split_by_trace(stated_of_row, codes)
        if not judge.holding_rows(part, n_parts).all():
            msg = (
                f"`identifier.{name}` asks for link = 'table', and rows that its pseudonyms join across classes do not "
                f"hold the policy (k = {policy.k}): few share the combination of classes; use link = 'class'"
            )
            raise PolicyNotMet(msg, nearest={"link": "class"})


def split_by_trace(class_of_row: Ints, value: npt.NDArray[np.unsignedinteger]) -> tuple[Ints, int]:
    """Split classes by the traces of the values of their rows.

    Parameters
    ----------
    class_of_row : (n_rows,) int64
        Negative where a row is not released.
    value : (n_rows,) unsigned
        What joins rows.

    Returns
    -------
    part_of_row : (n_rows,) int64
        Numbered from 0 without gaps; -1 where a row is not released.
    n_parts : int
    """
    kept = np.flatnonzero(class_of_row >= 0)
    classes, values = class_of_row[kept].astype(np.uint32), value[kept].astype(np.uint32)
    sizes = [int(values.max(initial=0)) + 1, int(classes.max(initial=0)) + 1]
    pairs = group([values, classes], sizes, n_threads=1)
    owner = pairs.codes(0)
    # Pairs lie value by value: each value's classes and their rows are one stretch.
    row = np.stack([pairs.codes(1).astype(np.int64), pairs.weight], axis=1)
    bounds = np.append(np.flatnonzero(np.append(True, owner[1:] != owner[:-1])), owner.size)
    traces: dict[bytes, int] = {}
    trace_of_value = np.zeros(sizes[0], np.uint32)
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        trace_of_value[owner[first]] = traces.setdefault(row[first:last].tobytes(), len(traces))
    split = group([classes, trace_of_value[values]], [sizes[1], max(1, len(traces))], n_threads=1)
    assert split.tuple_of_row is not None
    part = np.full(class_of_row.size, -1, np.int64)
    part[kept] = split.tuple_of_row
    return part, split.n_tuples
