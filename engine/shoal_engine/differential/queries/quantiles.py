"""A quantile of a column, chosen by the exponential mechanism with a score that knows ties."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.estimates import Estimate, Part
from shoal_engine.differential.queries.grid import Grid, ValueSpec
from shoal_engine.differential.queries.group_sums import ColumnSums
from shoal_engine.differential.queries.moments import OfColumn
from shoal_engine.errors import PolicyError

Ints = npt.NDArray[np.int64]

CANDIDATES = 1024
"""Points among which a quantile is chosen, unless the query says how many."""
MOST_CANDIDATES = 1 << 20
"""Each group takes 8 bytes for each."""
MAX_DENOMINATOR = 1 << 30
"""Of the share: scores of 2**32 rows fit int64."""


@dataclass(frozen=True, slots=True)
class Quantile(OfColumn):
    """A quantile, chosen among candidates between the bounds by the exponential mechanism (Smith 2011, algorithm 2).

    Attributes
    ----------
    share : Fraction
        Share of the values at or below the quantile, between 0 and 1.
    candidates : int or tuple of Fraction
        Number of evenly spaced candidates, or the candidates themselves, ascending and within the bounds.
    is_whole : bool
        Whether the column holds integers; the answer is one too, if all candidates are.

    Notes
    -----
    Every value counts as the candidate nearest to it (of two equally near, the higher), a mapping of single rows. Of n
    rows let L(c) lie below candidate c and M(c) at or below it: with ties c holds all ranks from L(c) to M(c), so the
    score is the distance of the wanted rank from that interval,

        u(c) = -max(0, L(c) - share n, share n - M(c)),

    which is 0 for c exactly if c is a quantile of the mapped values (as in the rank interval of Smith 2011, extended
    to ties). Scores are integers after multiplication by the denominator d of share = a / d.

    *Sensitivity, add-remove*: one row more adds (d - a) or -a to ``d L(c) - a n``, and (a - d) or a to
    ``a n - d M(c)``. The maximum of numbers that move by at most t moves by at most t, so d u(c) moves by at most
    ``max(a, d - a)`` for every candidate. A unit of r rows in a group moves it by at most r times that.

    *Change-one*: exchanging a unit is removing one and adding one, which by the triangle inequality moves a score by
    at most twice as much; the query's factor of 2 pays for it.
    """

    share: Fraction = Fraction(1, 2)
    candidates: int | tuple[Fraction, ...] = CANDIDATES
    is_whole: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            msg = f"a quantile of {self.column!r} needs a share between 0 and 1, both left out, for example '0.9'"
            raise PolicyError(msg)
        if self.share.denominator > MAX_DENOMINATOR:
            msg = f"the share of a quantile of {self.column!r} has too many digits; give it with at most 9"
            raise PolicyError(msg)
        if isinstance(self.candidates, int):
            if not 2 <= self.candidates <= MOST_CANDIDATES:
                msg = (
                    f"a quantile of {self.column!r} needs at least two candidates to choose from, and takes at most "
                    f"{MOST_CANDIDATES}; give another number of them"
                )
                raise PolicyError(msg)
            return
        if len(self.candidates) > MOST_CANDIDATES:
            msg = f"a quantile of {self.column!r} takes at most {MOST_CANDIDATES} candidates; give fewer"
            raise PolicyError(msg)
        if len(self.candidates) < 2 or any(a >= b for a, b in pairwise(self.candidates)):
            msg = f"candidates of a quantile of {self.column!r} are two or more different numbers, ascending"
            raise PolicyError(msg)
        lower, upper = self.bounds
        if self.candidates[0] < lower or self.candidates[-1] > upper:
            msg = f"candidates of a quantile of {self.column!r} must lie within its bounds; widen these, or drop some"
            raise PolicyError(msg)

    def points(self) -> tuple[int, ...]:
        """Return the candidates, in steps of the grid.

        Raises
        ------
        PolicyError
            Two candidates fall on one point of the grid, as two between the same integers do.
        """
        grid = self._grid()
        if isinstance(self.candidates, int):
            n = min(self.candidates, grid.high - grid.low + 1)
            return tuple(grid.low + (grid.high - grid.low) * i // (n - 1) for i in range(n))
        points = tuple(grid.place(one) for one in self.candidates)
        if len(set(points)) < len(points):
            kind = "integers" if self._answers_whole else f"steps of {float(grid.step)}"
            msg = f"candidates of a quantile of {self.column!r} are nearer than {kind}; give fewer"
            raise PolicyError(msg)
        return points

    @property
    def _answers_whole(self) -> bool:
        """Whether every candidate is an integer, as the column's values are."""
        return self.is_whole and (
            isinstance(self.candidates, int) or all(one.denominator == 1 for one in self.candidates)
        )

    def _grid(self) -> Grid:
        finest = Grid.between(*self.bounds)
        return Grid.between(*self.bounds, exponent=min(0, finest.exponent)) if self._answers_whole else finest

    def spec(self) -> ValueSpec:
        """Return how values are mapped to the grid, and counted for the candidate nearest to them."""
        points = self.points()
        return self._spec(edges=tuple((low + high + 1) // 2 for low, high in pairwise(points)))

    def parts(self, bounds: Bounds) -> list[Part]:
        """Return the part of the exponential mechanism."""
        most = max(self.share.numerator, self.share.denominator - self.share.numerator)
        size, step = self._rows(bounds) * most, Fraction(1, self.share.denominator)
        return [Part(f"quantile {self.share}", size, bounds.max_groups, is_choice=True, unit="ranks", step=step)]

    def scores(self, column: ColumnSums) -> Ints:
        """Return the score of each candidate in each group times the share's denominator, (n_groups, n_candidates)."""
        assert column.bins is not None
        at_or_below = np.cumsum(column.bins, axis=1)
        below = at_or_below - column.bins
        wanted = self.share.numerator * column.present[:, None]
        beyond = np.maximum(self.share.denominator * below - wanted, wanted - self.share.denominator * at_or_below)
        return -np.maximum(beyond, 0)

    def estimate(self, chosen: Ints) -> Estimate:
        """Return the chosen candidates, int64 where they are integers of an integer column.

        Their error in value is not known without further cost.
        """
        grid, unknown = self._grid(), np.full(chosen.size, np.nan)
        exact = [point * grid.step for point in self.points()] if isinstance(self.candidates, int) else self.candidates
        if self._answers_whole:
            return Estimate(np.array([int(one) for one in exact], np.int64)[chosen], unknown, unknown, unknown)
        return Estimate(np.array([float(one) for one in exact])[chosen], unknown, unknown, unknown)
