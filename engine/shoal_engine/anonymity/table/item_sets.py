"""Set-valued columns: lists become distinct codes row by row, and their combinations are counted."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.errors import ColumnError, InputError
from shoal_kernels._jit import freeze
from shoal_kernels.tables.item_sets import Counts, Forest, count_combinations, distinct_items, move_counts

if TYPE_CHECKING:
    from shoal_engine.anonymity.table.units import Units
    from shoal_engine.tables.columns import Domain

Ints = npt.NDArray[np.int64]

MOST_IN_A_ROW = 1 << 26
"""Combinations that one row may add; more would not fit in memory."""
MOST_CELLS = 1 << 27
"""Places for combinations of all rows together: 2 GiB."""
_WORD_BITS = 64
_FEW = 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class ItemSets:
    """A set-valued column.

    Attributes
    ----------
    domain : Domain
        Domain of the items; a null item is an item.
    start : (n_rows + 1,) int64
    item : (n_entries,) int64
        Codes of each row's items, ascending and distinct; of a null list none.
    unit : (n_rows or 0,) int64
        Unit of each row, where combinations are counted in units; rows of one unit may lie anywhere.
    """

    domain: "Domain"
    start: Ints
    item: Ints
    unit: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return self.start.size - 1

    def of_units(self, units: "Units | None") -> "ItemSets":
        """Return the sets with the unit of each row, or as they are where there are no units."""
        return self if units is None else replace(self, unit=units.of_row.astype(np.int64))

    def by_unit(self) -> "ItemSets":
        """Return the sets with the rows of each unit side by side."""
        if not self.unit.size or (np.diff(self.unit) >= 0).all():
            return self
        order = np.argsort(self.unit, kind="stable")
        length = np.diff(self.start)[order]
        start = np.concatenate([[0], np.cumsum(length)])
        place = np.repeat(self.start[:-1][order] - start[:-1], length) + np.arange(start[-1])
        return ItemSets(self.domain, start, self.item[place], self.unit[order])

    def mapped(self, node_of_item: Ints, rows: npt.NDArray[np.bool_] | None = None) -> "ItemSets":
        """Return the sets with every item replaced, or left out where negative; of some rows if asked."""
        item, start, unit = self.item, self.start, self.unit
        if rows is not None and not rows.all():
            length = np.diff(start)
            item = item[np.repeat(rows, length)]
            start = np.concatenate([[0], np.cumsum(length[rows])])
            unit = unit[rows] if unit.size else unit
        return replace(distinct(self.domain, start, node_of_item[item]), unit=unit)


def distinct(domain: "Domain", start: Ints, item: Ints) -> ItemSets:
    """Return the sets of some lists; negative items are left out."""
    begin, kept = np.empty(start.size, np.int64), np.empty(item.size, np.int64)
    distinct_items(start, item, begin, kept)
    return ItemSets(domain, begin, kept[: begin[-1]].copy())


def entries_of(name: str, column: pa.Array) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Return the items of a column of lists, one list behind the other, and how many each row has.

    Raises
    ------
    ColumnError
        The column holds no lists.
    """
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        msg = f"set-valued column {name!r} has type {kind} and holds no lists; give it lists, or another role"
        raise ColumnError(msg)
    # What stands under a null list is not a part of the column.
    length = pc.fill_null(pc.list_value_length(column), 0)
    return pc.list_flatten(column), length.to_numpy(zero_copy_only=False).astype(np.int32)


def bits_for(n_nodes: int, size: int, name: str) -> int:
    """Return the bits of a node in a combination of `size`; ColumnError where a word does not hold them."""
    bits = n_nodes.bit_length()
    if bits * size > _WORD_BITS:
        msg = (
            f"combinations of {size} of the {n_nodes:,} items and groups of {name!r} do not fit into {_WORD_BITS} bits"
            "; use a smaller `m`, or fewer items"
        )
        raise ColumnError(msg)
    return bits


def count_sets(sets: ItemSets, forest: Forest, size: int, name: str) -> tuple[Counts, int]:
    """Count the rows, or units, of every combination of `size` nodes that occurs; also return the bits of a node in it.

    Raises
    ------
    ColumnError
        A combination does not fit into a word.
    InputError
        A row, or all together, have too many combinations.
    """
    bits = bits_for(forest.parent.size, size, name)
    sets = sets.by_unit()
    of_units = bool(sets.unit.size)
    counts, state = _empty(_FEW, of_units=of_units), np.zeros(3, np.int64)
    while state[0] < sets.n_rows:
        count_combinations(forest, sets.start, sets.item, sets.unit, size, bits, counts, state)
        if state[2] > MOST_IN_A_ROW:
            msg = (
                f"a row of {name!r} holds too many items: it has over {MOST_IN_A_ROW:,} combinations of {size}; "
                "use a smaller `m`, or shorten such lists"
            )
            raise InputError(msg)
        if state[2]:
            capacity = max(2 * counts.key.size, 4 << int(state[1] + state[2]).bit_length())
            if capacity > MOST_CELLS:
                msg = (
                    f"the rows of {name!r} hold over {MOST_CELLS // 4:,} combinations of {size}, more than are counted"
                    "; use a smaller `m`, or shorten the longest lists"
                )
                raise InputError(msg)
            larger = _empty(capacity, of_units=of_units)
            move_counts(counts, larger)
            counts = larger
    return counts, bits


def least_support(sets: ItemSets, m: int, name: str) -> int | None:
    """Return the fewest rows, or units, that hold a combination of at most `m` items that occurs; None where none does.

    Raises
    ------
    ColumnError, InputError
        As `count_sets` does.
    """
    bits_for(sets.domain.size, m, name)
    if not sets.item.size:
        return None
    least = sets.n_rows
    for size in range(1, m + 1):
        counts, _ = count_sets(sets, flat(sets.domain.size), size, name)
        least = min(least, int(counts.rows[counts.key != 0].min(initial=least)))
    return least


def combinations_of(counts: Counts, size: int, bits: int) -> Iterator[Ints]:
    """Yield the nodes of all combinations, column by column, and then their rows."""
    held = np.flatnonzero(counts.key)
    key, rows = counts.key[held], counts.rows[held]
    order = np.lexsort((key, rows))
    for j in range(size):
        shift = np.uint64(bits * (size - 1 - j))
        yield ((key[order] >> shift) & np.uint64((1 << bits) - 1)).astype(np.int64) - 1
    yield rows[order]


def flat(n: int) -> Forest:
    """Return `n` items without anything above them."""
    return freeze(Forest(np.full(n, -1, np.int64), np.arange(n), np.arange(n)))


def _empty(capacity: int, *, of_units: bool) -> Counts:
    """Return a table without combinations."""
    last = np.zeros(capacity if of_units else 0, np.int64)
    return Counts(np.zeros(capacity, np.uint64), np.zeros(capacity, np.int64), last)
