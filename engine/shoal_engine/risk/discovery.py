"""Quasi-identifier discovery: how many pairs of rows differ in each set of columns, and which sets are minimal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import InputError
from shoal_engine.risk.column_sets import ColumnSets, Part, Set, smaller_sets
from shoal_engine.tables.grouping import Codes
from shoal_engine.threads import in_threads

Measure = Literal["separation", "distinctness"]
_CUT = 4
"""Columns that cut the walk into parts: the most distinct ones, in which most rows may be unique already."""
_KEY_SIZE = 2
"""Keys of so many columns are looked for first, so that what contains one need not be counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Discovery:
    """Rows and pairs that each set of columns separates.

    Attributes
    ----------
    sets : list of tuple of int
        Columns by place, ascending; smaller sets first.
    n_rows : int
    distinct, alone : (n_sets,) int64
        Distinct tuples, and rows that no other equals.
    separation : (n_sets,) float64
        Share of the pairs of rows that differ; 1 where there is only one row.
    enough, minimal : (n_sets,) bool
        The set reaches the share asked for, and none of its proper subsets does.
    """

    sets: list[Set]
    n_rows: int
    distinct: npt.NDArray[np.int64]
    alone: npt.NDArray[np.int64]
    separation: npt.NDArray[np.float64]
    enough: npt.NDArray[np.bool_]
    minimal: npt.NDArray[np.bool_]


def discover(
    codes: Sequence[Codes],
    sizes: Sequence[int],
    *,
    max_size: int | None,
    alpha: float,
    measure: Measure,
    n_threads: int,
) -> Discovery:
    """Measure every set of up to `max_size` columns.

    Raises
    ------
    InputError
        `max_size`, `alpha` or `measure` is out of range, or there are too many sets of columns.

    Notes
    -----
    Both shares grow with the set, so a set is minimal where none with one column less reaches `alpha`. What
    contains a key of one or two columns is known without counting (Heise et al. 2013, section 3: pruning).

    References
    ----------
    Motwani, Xu (2007), Efficient algorithms for masking and finding quasi-identifiers, section 2: distinct and
    separation ratio. Heise, Quiane-Ruiz, Abedjan, Jentzsch, Naumann (2013), Scalable discovery of unique column
    combinations, PVLDB 7(4).
    """
    from shoal_kernels.risk.column_sets import count_sets

    if not 0 < alpha <= 1:
        msg = f"alpha = {alpha}; give the share of pairs that must differ, above 0 and at most 1"
        raise InputError(msg)
    if measure not in ("separation", "distinctness"):
        msg = f"there is no measure {measure!r}; choose separation or distinctness"
        raise InputError(msg)
    space = ColumnSets.of(codes, sizes, max_size=max_size, row_ids=False, n_threads=n_threads)
    weight, words = space.grouped.weight, np.ascontiguousarray(space.grouped.words)
    n_rows = space.grouped.n_rows
    # A set that no walk reaches contains a key.
    figures = np.tile(np.array([n_rows, n_rows, 0], np.int64), (len(space.sets), 1))

    lattice = space.lattice()

    def count(part: Part) -> None:
        """Count a part's sets; rows that are unique in the columns of all of them are counted once."""
        alone = space.alone(part.kept)
        here = part.steps.number[part.steps.number >= 0]
        found = np.zeros_like(figures)
        if not alone.all():
            rest = ~alone
            count_sets(lattice, part.steps, np.ascontiguousarray(words[:, rest]), weight[rest], found)
        figures[here] = found[here] + [int(alone.sum()), int(alone.sum()), 0]

    def walk(known: Sequence[Set], most: int) -> None:
        in_threads(count, space.parts(cut=_CUT, known=known, most=most), n_threads)

    keys: list[Set] = []
    if len(weight) == n_rows:
        keys = [(j,) for j in range(len(codes)) if sizes[j] == n_rows]
        if space.max_size > _KEY_SIZE:
            walk(keys, _KEY_SIZE)
            small = [number for number, columns in enumerate(space.sets) if len(columns) <= _KEY_SIZE]
            keys = [space.sets[number] for number in small if figures[number, 2] == 0]
    walk(keys, space.max_size)
    distinct, alone, alike = figures.T
    pairs = n_rows * (n_rows - 1)
    enough = alike <= (1 - alpha) * pairs if measure == "separation" else distinct >= alpha * n_rows
    smaller = smaller_sets(space.sets, len(codes))
    redundant = (enough[smaller] & (smaller >= 0)).any(axis=1)
    separation = 1 - alike / pairs if pairs else np.ones(len(alike))
    return Discovery(space.sets, n_rows, distinct, alone, separation, enough, enough & ~redundant)
