"""How many distinct sensitive values of a class are held by as many distinct units, exactly."""

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.table.units import GRID
from shoal_engine.tables.grouping import group

Ints = npt.NDArray[np.int64]


def least_carried(
    part_of_row: npt.NDArray[np.integer], value: npt.NDArray[np.integer], unit: npt.NDArray[np.integer]
) -> int:
    """Return the fewest distinct values of a part that distinct units hold, one each.

    That is the size of a largest matching of the values and the units of each part (Hopcroft, Karp 1973). Parts whose
    sums already show that they are not the worst are not matched.

    Parameters
    ----------
    part_of_row, value, unit : (n_rows,) integers
        Not negative; at least one row.
    """
    held = _distinct(part_of_row, value, unit)
    part, value_of, unit_of = held
    members, member_of = _groups(part, unit_of)
    kinds, kind_of = _groups(part, value_of)
    n_parts = int(part.max()) + 1
    n_units, n_values = np.bincount(members[0], minlength=n_parts), np.bincount(kinds[0], minlength=n_parts)
    occurs = n_units > 0
    best = int(np.minimum(n_units, n_values)[occurs].min())
    # Each unit is shared among its values: a fractional matching, and no largest matching is smaller.
    share = (GRID // np.bincount(member_of))[member_of]
    carried = np.minimum(np.bincount(kind_of, weights=share), GRID)
    fraction = np.bincount(kinds[0], weights=carried, minlength=n_parts) / GRID
    unclear = (occurs & (np.ceil(fraction - 1e-6) < best))[part]
    if not unclear.any():
        return best
    return min(best, _least_matched(kind_of[unclear], member_of[unclear], part[unclear]))


def _least_matched(left: Ints, right: Ints, part: Ints) -> int:
    """Return the size of the smallest part's largest matching, given the edges of all parts."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    _, first, row = np.unique(left, return_index=True, return_inverse=True)
    columns, column = np.unique(right, return_inverse=True)
    graph = csr_array((np.ones(row.size, np.int8), (row, column)), shape=(first.size, columns.size))
    partner = maximum_bipartite_matching(graph, perm_type="column")
    parts, place = np.unique(part[first], return_inverse=True)
    return int(np.bincount(place, weights=partner >= 0, minlength=parts.size).min())


def _distinct(*columns: npt.NDArray[np.integer]) -> list[Ints]:
    """Return the distinct rows of some columns."""
    return _groups(*columns)[0]


def _groups(*columns: npt.NDArray[np.integer]) -> tuple[list[Ints], Ints]:
    """Return the distinct rows of some columns, and which of them each row is."""
    codes = [np.ascontiguousarray(column, dtype=np.uint32) for column in columns]
    found = group(codes, [int(column.max()) + 1 for column in codes], n_threads=1)
    assert found.tuple_of_row is not None
    return [found.codes(j).astype(np.int64) for j in range(len(codes))], found.tuple_of_row.astype(np.int64)
