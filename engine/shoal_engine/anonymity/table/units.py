"""People, not rows: what a row weighs where a policy names the unit that its promises are about.

In every class a unit counts one, shared equally by its rows there. So a class has as many people as distinct units,
and a value's share of a class is that of its rows' weights. Weights are integers: of a unit's n rows in a class each
weighs ``GRID // n``, exact for every n up to 22, else rounded down, towards privacy.

A method does not know its classes before it makes them. It counts a row by the rows that its unit has in the whole
segment that classes are cut from (all rows, or those with null in the same columns kept apart), which are never
fewer. A class then weighs at most what its units do: ``sum over rows of 1/n <= sum over units of (rows here)/n <=
units``. So k units' weight proves k units, whatever is cut, merged or suppressed, and the weights add up like rows.

Values are l-diverse where l distinct values are held by l distinct units, one each: what one person holds alone counts
once (a system of distinct representatives: Hall 1935, "On representatives of subsets"). A class whose weights, no
value counting for more than one unit, sum to l units has that: they are a fractional matching of values and units,
and a bipartite graph has a matching at least as large as any fractional one (Schrijver 2003, theorem 18.1).
Google's Sensitive Data Protection counts in the same way: `entity_id` of its KAnonymityConfig makes all rows of one
id one member of a class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import ColumnError, InputError
from shoal_engine.tables.columns import Domain
from shoal_engine.tables.grouping import group
from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import Cells

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.unsignedinteger]

GRID = 232_792_560
"""What a unit weighs in a class: the least common multiple of 1 to 22. 2**32 units weigh less than 2**60."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The units of a table, row by row.

    Attributes
    ----------
    name : str
        The column.
    of_row : (n_rows,) unsigned
        Below `size`.
    size : int
        Number of units.
    """

    name: str
    of_row: Codes
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """How the units of each part of a table are shared by their rows.

    Attributes
    ----------
    units : (n_parts,) int64
        Distinct units of each part.
    weight : (n_rows,) int64
        What each row weighs in its part; 0 where it lies in none.
    grid : int
        What a unit weighs; `GRID` without the factors that all weights have, so that it is 1 where no unit has two
        rows in a part.
    """

    units: Ints
    weight: Ints
    grid: int


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What rows weigh while classes are made.

    Attributes
    ----------
    of_row : (n_rows,) int64
    of_tuple : (n_tuples,) int64
        Sum over the rows of each tuple.
    grid : int
        What a unit weighs; above 1.
    """

    of_row: Ints
    of_tuple: Ints
    grid: int


def units_of(name: str, domain: Domain, codes: Codes) -> Units:
    """Return the units that a column names.

    Raises
    ------
    ColumnError
        Some row has none: null, or a blank text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    blank = domain.has_null
    if pa.types.is_large_string(domain.type) and not blank:
        blank = bool(pc.any(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(domain.values)), 0)).as_py())
    if blank:
        msg = (
            f"column {name!r} is the unit and names nobody in some rows (null, or blank): whose they are is not known, "
            "so nobody can be counted; give each row its unit, or leave those rows out"
        )
        raise ColumnError(msg)
    return Units(name, codes, domain.size)


def shares_of(units: Units, part_of_row: npt.NDArray[np.integer], n_parts: int) -> Shares:
    """Share each unit of each part equally among its rows there.

    Parameters
    ----------
    units : Units
    part_of_row : (n_rows,) integers, below n_parts
        Negative where a row lies in no part.
    n_parts : int

    Raises
    ------
    InputError
        A unit has more rows than the grid can separate.
    """
    inside = np.flatnonzero(part_of_row >= 0) if part_of_row.dtype.kind == "i" else np.arange(part_of_row.size)
    weight = np.zeros(part_of_row.size, np.int64)
    if not inside.size:
        return Shares(np.zeros(n_parts, np.int64), weight, 1)
    pairs = group(
        [part_of_row[inside].astype(np.uint32), units.of_row[inside]], [max(1, n_parts), units.size], n_threads=1
    )
    assert pairs.tuple_of_row is not None
    rows = pairs.weight
    if int(rows.max()) > GRID:
        msg = f"a unit of column {units.name!r} has more than {GRID:,} rows; correct the unit"
        raise InputError(msg)
    each = GRID // rows
    common = int(np.gcd.reduce(np.append(np.unique(each), GRID)))
    weight[inside] = (each // common)[pairs.tuple_of_row]
    found = np.bincount(pairs.codes(0), minlength=n_parts).astype(np.int64)
    return Shares(found, weight, GRID // common)


def summed(index: npt.NDArray[np.integer], weight: Ints, n: int) -> Ints:
    """Sum weights by index, exactly: by halves that no float64 rounds."""
    low = np.bincount(index, weights=weight & 0x3FFF, minlength=n).astype(np.int64)
    return (np.bincount(index, weights=weight >> 14, minlength=n).astype(np.int64) << 14) + low


def weighed_cells(
    part_of_row: npt.NDArray[np.integer],
    values: Sequence[npt.NDArray[np.integer]],
    n_values: int,
    weight: Ints,
    n_parts: int,
) -> Cells:
    """Return the weight of each sensitive value of each part.

    Parameters
    ----------
    part_of_row : (n_rows,) integers
        Negative where a row lies in no part.
    values : one (n_rows,) integers a column
        In the common numbering, below n_values.
    n_values : int
    weight : (n_rows,) int64
        At least 1 in a part.
    n_parts : int
    """
    inside = np.flatnonzero(part_of_row >= 0) if part_of_row.dtype.kind == "i" else np.arange(part_of_row.size)
    part, mine = part_of_row[inside].astype(np.uint32), weight[inside]
    parts, found, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for column in values if inside.size else ():
        pairs = group([part, column[inside].astype(np.uint32)], [max(1, n_parts), n_values], n_threads=1)
        assert pairs.tuple_of_row is not None
        parts.append(pairs.codes(0).astype(np.int64))
        found.append(pairs.codes(1).astype(np.int64))
        counts.append(summed(pairs.tuple_of_row, mine, pairs.n_tuples))
    owner, value, count = np.concatenate(parts), np.concatenate(found), np.concatenate(counts)
    order = np.lexsort((value, owner))
    start = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=n_parts))]).astype(np.int64)
    return freeze(Cells(start, value[order], count[order]))


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
