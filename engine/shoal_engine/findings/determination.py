"""How far the values of one column determine those of another: approximate functional dependencies.

Let X and Y be columns of codes. Over the r rows whose X repeats, in g groups of equal X, the g3 error of X -> Y
(Kivinen, Mannila 1995, section 2) is the least share of rows to leave out so that X determines Y: one less the rows
that hold their group's most common Y. One row of each group agrees with itself whatever the columns are, so we leave
it out on both sides::

    agreement = sum over groups of (rows with the most common Y - 1) / (r - g)
    base      = (rows with the most common Y of the table - 1) / (rows - 1)
    lift      = (agreement - base) / (1 - base)

The base is what guessing the most common value reaches, and the lift is the lambda of Goodman, Kruskal (1954,
section 5): the share of wrong guesses that knowing X spares. X *nearly determines* Y where agreement and lift are at
least `NEARLY` and `LIFT`, and chance does so with a probability of at most `CHANCE` (Chernoff's bound on r - g
independent guesses that are right with probability `base`).

Ordered columns are also compared along their order, where values need not repeat: two rows agree if they are
neighbors in X and the ranks of their Y differ by at most `WINDOW` of the rows; the base is that of any two rows. (Sums
of those differences are the coefficient of Chatterjee 2021, equation 2; we count differences, for a share of rows.)
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NEARLY = 0.9
LIFT = 0.8
CHANCE = 0.01
WINDOW = 0.05
_ALONG = 1 << 15
"""Rows that are compared along an order at most."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The distinct pairs of values of two columns, ascending by x, then y.

    Attributes
    ----------
    x, y : (n,) int64
        Codes.
    rows : (n,) int64
        Rows of each pair, at least 1.
    """

    x: Ints
    y: Ints
    rows: Ints

    @property
    def swapped(self) -> "Pairs":
        """Return the pairs with the columns exchanged."""
        order = np.lexsort((self.x, self.y))
        return Pairs(self.y[order], self.x[order], self.rows[order])


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often rows that agree on X agree on Y.

    Attributes
    ----------
    share, base : float
        Comparisons that agree, and those that would by guessing.
    compared : int
        Number of comparisons.
    """

    share: float
    base: float
    compared: int

    @property
    def nearly_determined(self) -> bool:
        """Return whether X nearly determines Y."""
        if self.base >= 1.0 or self.share < NEARLY or (self.share - self.base) / (1.0 - self.base) < LIFT:
            return False
        return self.compared * _divergence(self.share, self.base) >= -math.log(CHANCE)


def agreement(pairs: Pairs) -> Agreement:
    """Return how far X determines Y, over the rows whose X repeats.

    Examples
    --------
    >>> town, harbor = np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1])
    >>> agreement(Pairs(town, harbor, np.array([5, 8, 2, 5])))
    Agreement(share=0.8823529411764706, base=0.631578947368421, compared=17)
    """
    n_rows = int(pairs.rows.sum())
    if n_rows < 2:
        return Agreement(0.0, 0.0, 0)
    first = np.flatnonzero(np.r_[True, pairs.x[1:] != pairs.x[:-1]])
    size = np.add.reduceat(pairs.rows, first)
    most = np.maximum.reduceat(pairs.rows, first)
    compared = int((size - 1).sum())
    of_y = np.bincount(pairs.y, weights=pairs.rows)
    base = (float(of_y.max()) - 1.0) / (n_rows - 1)
    return Agreement(float((most - 1)[size > 1].sum()) / compared if compared else 0.0, base, compared)


def agreement_along(pairs: Pairs) -> Agreement:
    """Return how far X determines Y along the order of both, over neighbors in X.

    Examples
    --------
    >>> days = np.arange(1000)
    >>> agreement_along(Pairs(days, days // 365, np.ones(1000, np.int64))).share
    0.997997997997998
    """
    x, y = _thinned(pairs)
    n = len(x)
    if n < 2:
        return Agreement(0.0, 0.0, 0)
    rank = _middle_ranks(y) / n
    # Rows of equal x lie in no order that tells of y: mixed by their number among equal pairs.
    number = _number_in_run(x, y)
    order = np.lexsort((_mixed(y, number), x))
    gap = np.abs(np.diff(rank[order]))
    ascending = np.sort(rank)
    near = np.searchsorted(ascending, ascending + WINDOW + 1e-12, side="right") - np.arange(n) - 1
    base = float(near.sum()) / (n * (n - 1) / 2)
    return Agreement(float((gap <= WINDOW + 1e-12).mean()), base, n - 1)


def _divergence(share: float, base: float) -> float:
    """Return the relative entropy of a coin of probability `share` to one of `base`, in nats."""
    parts = [(share, base), (1.0 - share, 1.0 - base)]
    return sum(p * math.log(p / max(q, 1e-300)) for p, q in parts if p > 0.0)


def _thinned(pairs: Pairs) -> tuple[Ints, Ints]:
    """Return rows of the pairs, evenly spaced among them where there are too many."""
    upto = np.cumsum(pairs.rows)
    n_rows = int(upto[-1]) if upto.size else 0
    n = min(n_rows, _ALONG)
    at = np.searchsorted(upto, (np.arange(n) * n_rows) // max(1, n), side="right")
    return pairs.x[at], pairs.y[at]


def _middle_ranks(values: Ints) -> npt.NDArray[np.float64]:
    """Return the mean rank of the rows of equal value, from 0."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count + 1) / 2)[inverse]


def _number_in_run(x: Ints, y: Ints) -> Ints:
    """Return the number of each row among the rows of its pair, which lie side by side."""
    new = np.flatnonzero(np.r_[True, (x[1:] != x[:-1]) | (y[1:] != y[:-1])])
    return np.arange(len(x)) - np.repeat(new, np.diff(np.r_[new, len(x)]))


def _mixed(y: Ints, number: Ints) -> npt.NDArray[np.uint64]:
    """Return numbers that spread rows without regard to y; always the same for the same rows."""
    word = y.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + number.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        word = (word ^ (word >> np.uint64(shift))) * np.uint64(factor)
    return word ^ (word >> np.uint64(31))
