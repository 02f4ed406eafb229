"""Sensitive values and privacy models, as arrays for kernels.

Sensitive values of all columns share one numbering: column c owns values ``first[c]`` up to ``last[c]``.
Each tuple carries its sensitive values as counts, in compressed rows: the cells of tuple i are
``start[i]`` up to ``start[i + 1]``. One histogram over all values describes a class for every model.
"""

from typing import NamedTuple

import numpy as np

from shoal_kernels._types import Vector

DISTINCT = 0
"""At least `count` distinct values (Machanavajjhala et al. 2007, section 3)."""
ENTROPY = 1
"""Entropy at least log(`limit`) nats (definition 4.1)."""
RECURSIVE = 2
"""r1 < `limit` * (r_count + ... + r_m) (definition 4.2)."""
CLOSE_EQUAL = 3
"""Variational distance to the reference at most `limit` (Li et al. 2007, section 4)."""
CLOSE_ORDERED = 4
"""Earth mover's distance over equally spaced ranks at most `limit` (section 4.1)."""
CLOSE_TREE = 5
"""Earth mover's distance over a hierarchy at most `limit` (section 4.2)."""
GRASSBERGER = 6
"""At least `limit` values, and their entropy as Grassberger 2003 estimates it at least log(`limit`) nats."""
DELTA = 7
"""abs(ln(q / p)) < `limit` for every value that the class holds (Brickell, Shmatikov 2008, section 4)."""
DELTA_STRICT = 8
"""The same for every value of the table; one that the class lacks breaks it."""
BETA = 9
"""(q - p) / p at most `limit` for every value (Cao, Karras 2012, section 3, equation 1)."""
BETA_ENHANCED = 10
"""The same, and at most -ln p (definition 3)."""
ALPHA = 11
"""Every bound value's share of the class at most `limit` (Wong et al. 2006, section 2)."""
K_MAP = 12
"""At least `count` people (Sweeney 2001). People are counted like a sensitive value that every row has."""
PRESENCE_MOST = 13
"""Rows / people at most `limit` (Nergiz et al. 2007, definition 1)."""
PRESENCE_LEAST = 14
"""Rows / people at least `limit`; a class of people without rows misses it."""
CARRIED = 15
"""At least `count` of weight where no value counts for more than `limit`: values carried by distinct units."""
WEIGHED = 16
"""No condition: the count of the column's only value is the weight of the class, to which k and shares refer."""


class Cells(NamedTuple):
    """Sensitive values of each tuple, as counts in compressed rows.

    Attributes
    ----------
    start : (n + 1,) int64
    value : (n_cells,) int64, each below n_values
    count : (n_cells,) int64, each at least 1
        Per tuple and column the counts sum to the tuple's weight; people, counted like a column, may be more.
    """

    start: Vector[np.int64]
    value: Vector[np.int64]
    count: Vector[np.int64]  # pyright: ignore[reportIncompatibleMethodOverride] - hides tuple.count


class Models(NamedTuple):
    """A conjunction of k-anonymity and m other privacy models.

    Attributes
    ----------
    k : (1,) int64
        Rows that each class must hold.
    kind : (m,) int64
    first, last : (m,) int64
        The column's values are ``first`` up to, not including, ``last``.
    count : (m,) int64
        l of DISTINCT and RECURSIVE, k of K_MAP, l of CARRIED times the weight of a unit.
    limit : (m,) float64
        l of ENTROPY and GRASSBERGER, c of RECURSIVE, t of the CLOSE models, delta of DELTA in nats, beta, alpha,
        share of the PRESENCE models, weight of a unit for CARRIED.
    reference : (n_values,) float64
        Share of each value in the whole table; sums to 1 over each column.
    depth : (m,) int64
        CLOSE_TREE: number of levels, leaf and root included. ALPHA: 1 where only some values are bound.
        0 otherwise.
    tree_start : (m,) int64
        Where the model's rows begin in `ancestor`, level-major, ``last - first`` entries a level.
    ancestor : (any,) int64
        CLOSE_TREE: node of each value at each level, numbered from 0 within each level of each model. ALPHA: 1
        for a value that is bound, 0 for others.
    """

    k: Vector[np.int64]
    kind: Vector[np.int64]
    first: Vector[np.int64]
    last: Vector[np.int64]
    count: Vector[np.int64]  # pyright: ignore[reportIncompatibleMethodOverride] - hides tuple.count
    limit: Vector[np.float64]
    reference: Vector[np.float64]
    depth: Vector[np.int64]
    tree_start: Vector[np.int64]
    ancestor: Vector[np.int64]
