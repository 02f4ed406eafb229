"""What a policy says of dates and times."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from shoal_engine.declarations.policy_values import PolicyValue
from shoal_engine.errors import PolicyError

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
