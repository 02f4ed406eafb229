"""What a policy says of intervals of numbers, of dates and of times."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from shoal_engine.errors import PolicyError
from shoal_engine.policy_values import MOST, PolicyValue

Number: TypeAlias = int | float
Fanout: TypeAlias = Annotated[int, Meta(ge=2, le=MOST)]
DateLevel: TypeAlias = Literal[
    "second",
    "minute",
    "hour",
    "hour_of_day",
    "day",
    "weekday",
    "week",
    "month",
    "month_of_year",
    "quarter",
    "quarter_of_year",
    "year",
    "decade",
    "century",
]

_WITHIN: dict[str, tuple[str, ...]] = {
    "second": ("minute",),
    "minute": ("hour",),
    "hour": ("day", "hour_of_day"),
    "hour_of_day": (),
    "day": ("month", "week", "weekday"),
    "weekday": (),
    "week": (),
    "month": ("quarter", "month_of_year"),
    "month_of_year": ("quarter_of_year",),
    "quarter": ("year", "quarter_of_year"),
    "quarter_of_year": (),
    "year": ("decade",),
    "decade": ("century",),
    "century": (),
}
"""The next larger units that each lies in whole: a week crosses months and years, so it lies in none."""


class Intervals(PolicyValue, frozen=True, tag_field="kind", tag="intervals"):
    """Half-open intervals of numbers, finer levels first; a value on a bound belongs to the upper one.

    Either `width` with `lower` and `upper`, or `bounds`.

    Attributes
    ----------
    width : sequence of numbers
        One width a level, each a multiple of the one before, from `lower` up to `upper`. The last interval of
        a level ends at `upper`.
    lower, upper : number
        The line that is cut up; ``lower <= value < upper``.
    origin : number, optional
        Where widths are counted from; `lower` unless given. The first interval of a level starts at `lower`
        all the same: with a width of 5 from 0 and `lower` = 18 it is ``[18, 20)``.
    bounds : sequence of sequences of numbers
        The ends of the intervals, ascending, one sequence a level, each made of bounds of the one before,
        all with the same first and last bound.
    fanout : sequence of int
        Further levels: how many neighbors of the level before make one interval; counted from `origin`, or
        from the first of the `bounds`.
    bottom, top : number, optional
        The lowest interval of every level reaches down to `bottom` and the highest up to `top`, so values
        beyond the line snap to them. What lies below `bottom`, or at `top` and above, is one node of every
        level, ``<0`` or ``>=120``. Equal to the end of the line for such a node without snapping.
    minimum, maximum : number, optional
        Values below the one, or at the other and above, are refused; without them, none is that has a node.
    labels : sequence of sequences of str
        Names of the intervals, one sequence a level; ``[0, 5)`` and so on unless given.
    """

    width: Sequence[Number] = ()
    lower: Number | None = None
    upper: Number | None = None
    origin: Number | None = None
    bounds: Sequence[Sequence[Number]] = ()
    fanout: Sequence[Fanout] = ()
    bottom: Number | None = None
    top: Number | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    labels: Sequence[Sequence[str]] = ()

    def _check(self) -> None:
        """Check that exactly one way is used, and that levels nest."""
        by_width = bool(self.width) or any(end is not None for end in (self.lower, self.upper, self.origin))
        if by_width == bool(self.bounds):
            msg = "intervals need either `width` with `lower` and `upper`, or `bounds`"
            raise PolicyError(msg)
        ends = (self.lower, self.upper, self.origin, self.bottom, self.top, self.minimum, self.maximum)
        numbers = [*self.width, *(n for level in self.bounds for n in level), *(end or 0 for end in ends)]
        if not all(math.isfinite(n) for n in numbers):
            msg = "intervals need finite numbers"
            raise PolicyError(msg)
        if by_width:
            self._check_width()
        else:
            self._check_bounds()
        self._check_ends()
        check_labels(self.labels, len(self.width) + len(self.bounds) + len(self.fanout))

    def _check_width(self) -> None:
        """Check widths and the line that they cut."""
        if not self.width or self.lower is None or self.upper is None or self.lower >= self.upper:
            msg = "intervals by `width` need at least one width, and `lower` below `upper`"
            raise PolicyError(msg)
        if min(self.width) <= 0:
            msg = "every `width` must be above 0"
            raise PolicyError(msg)
        exact = [Fraction(str(width)) for width in self.width]
        if any(wide <= narrow or wide % narrow for narrow, wide in pairwise(exact)):
            msg = "each `width` must be a larger multiple of the one before, as in width = [5, 10]"
            raise PolicyError(msg)

    def _check_bounds(self) -> None:
        """Check that bounds ascend and that levels nest."""
        finer: Sequence[Number] = self.bounds[0]
        for level in self.bounds:
            if len(level) < 2 or any(a >= b for a, b in pairwise(level)):
                msg = "each level of `bounds` needs at least two numbers, ascending"
                raise PolicyError(msg)
            if not set(level) <= set(finer) or (level[0], level[-1]) != (finer[0], finer[-1]):
                msg = "each level of `bounds` uses bounds of the level before it, the first and last included"
                raise PolicyError(msg)
            finer = level

    def _check_ends(self) -> None:
        """Check that the ends go outwards: the line, where coding begins, where values are refused."""
        lower, upper = self.line
        for outer, inner, needs in (("minimum", "bottom", self.bottom), ("maximum", "top", self.top)):
            if getattr(self, outer) is not None and needs is None:
                msg = f"`{outer}` needs `{inner}`: values between the two share one node"
                raise PolicyError(msg)
        low = [end for end in (self.minimum, self.bottom, lower) if end is not None]
        high = [end for end in (upper, self.top, self.maximum) if end is not None]
        if low != sorted(low) or high != sorted(high):
            msg = "the ends of intervals go outwards: minimum <= bottom <= lower and upper <= top <= maximum"
            raise PolicyError(msg)

    @property
    def line(self) -> tuple[Number, Number]:
        """Return the ends of the line that is cut up."""
        if self.bounds:
            return self.bounds[0][0], self.bounds[0][-1]
        assert self.lower is not None
        assert self.upper is not None
        return self.lower, self.upper


def check_labels(labels: Sequence[Sequence[str]], n_levels: int) -> None:
    """Raise PolicyError unless there are no labels, or distinct ones for each declared level."""
    if labels and len(labels) != n_levels:
        msg = f"`labels` holds {len(labels)} lists for {n_levels} levels; give one list a level, or none"
        raise PolicyError(msg)
    if any(len(set(level)) < len(level) for level in labels):
        msg = "`labels` names two nodes of a level alike; give each its own name"
        raise PolicyError(msg)


class Dates(PolicyValue, frozen=True, tag_field="kind", tag="date"):
    """Dates by calendar: 2024-05-17, 2024-05, 2024-Q2, 2024.

    Attributes
    ----------
    levels : sequence of str
        Some of second, minute, hour, day, month, quarter, year, decade, century, finer first. A week (ISO
        8601), and what comes around again (hour_of_day, weekday, month_of_year, quarter_of_year), can only be
        followed by a level that holds it whole, so mostly it is the last.
    """

    levels: Annotated[Sequence[DateLevel], Meta(min_length=1)] = ("day", "month", "quarter", "year")

    def _check(self) -> None:
        """Check that each level lies in the next."""
        for fine, coarse in pairwise(level for level in self.levels if level in _WITHIN):
            if not _lies_in(fine, coarse):
                msg = (
                    f"`levels` must go from fine to coarse, and a {fine} lies in no {coarse}; "
                    "levels = ['day', 'month', 'quarter', 'year'] do, and ['day', 'week']"
                )
                raise PolicyError(msg)


def _lies_in(fine: str, coarse: str) -> bool:
    """Return whether every `fine` unit is part of one `coarse` unit, and not the same."""
    return any(next_ == coarse or _lies_in(next_, coarse) for next_ in _WITHIN[fine])
