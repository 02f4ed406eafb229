"""Which point to take: the most useful one that meets all limits, or that none does and which comes nearest."""

import math
from collections.abc import Sequence

from msgspec import Struct

from shoal_engine.errors import NumberError
from shoal_engine.frontier.points import Tried

_SLACK = 1e-12
"""Quotients that should be equal differ by less."""


class Limits(Struct, frozen=True, kw_only=True):
    """What a release must meet. None is a limit by default.

    Attributes
    ----------
    max_risk : float, optional
        Highest probability of the right record, above 0 and at most 1.
    max_mean_risk : float, optional
        Mean of it, likewise.
    max_error : float, optional
        95th percentile of the relative errors of the workload, at least 0.
    min_accuracy : float, optional
        That of the trained model, 0 to 1.
    """

    max_risk: float | None = None
    max_mean_risk: float | None = None
    max_error: float | None = None
    min_accuracy: float | None = None

    def __post_init__(self) -> None:
        """Check ranges.

        Raises
        ------
        NumberError
            A limit is out of range.
        """
        ranges = {
            "max_risk": (self.max_risk, 0.0, 1.0),
            "max_mean_risk": (self.max_mean_risk, 0.0, 1.0),
            "max_error": (self.max_error, -_SLACK, math.inf),
            "min_accuracy": (self.min_accuracy, -_SLACK, 1.0),
        }
        for name, (limit, above, most) in ranges.items():
            if limit is not None and not above < limit <= most:
                least = "above 0" if above == 0 else "at least 0"
                msg = f"{name} is {limit}; give a number {least}{' and at most 1' if most == 1 else ''}"
                raise NumberError(msg)

    @property
    def given(self) -> bool:
        """Return whether there is a limit at all."""
        return any(
            limit is not None for limit in (self.max_risk, self.max_mean_risk, self.max_error, self.min_accuracy)
        )


class Gap(Struct, frozen=True):
    """A limit that a release misses.

    Attributes
    ----------
    text : str
        The limit and what is measured.
    factor : float
        Measured value over limit, or the other way round where more is better; above 1.
    """

    text: str
    factor: float


class Recommendation(Struct, frozen=True, kw_only=True):
    """What to take.

    Attributes
    ----------
    place : int
        Place of the recommended point, or of the nearest one, among those that were tried.
    met : bool
        Whether it meets all limits.
    text : str
        One sentence with the reason.
    """

    place: int
    met: bool
    text: str


def gaps(point: Tried, limits: Limits) -> list[Gap]:
    """Return the limits that a point misses; limits of what it has no figure of are not looked at."""
    found = list[Gap]()
    for name, (words, value) in point.limited.items():
        limit: float | None = getattr(limits, name)
        if limit is None or value is None:
            continue
        if name.startswith("max_") and value > limit + _SLACK:
            found.append(Gap(f"{words} {value:.3g} is above {limit:.3g}", value / limit if limit else math.inf))
        if name.startswith("min_") and value < limit - _SLACK:
            found.append(Gap(f"{words} {value:.3g} is below {limit:.3g}", limit / value if value else math.inf))
    return found


def recommend(points: Sequence[Tried], limits: Limits) -> Recommendation | None:
    """Return the most useful point that meets all limits; if none does, the one that misses them by least.

    Ties go to the lower risk, then to the earlier point. The least miss is that of the smallest largest factor.

    Parameters
    ----------
    points : sequence of Tried, at least one
    limits : Limits

    Returns
    -------
    Recommendation, or None if there is no limit: which one is good enough is then for people to say.
    """
    if not limits.given:
        return None
    missed = [gaps(point, limits) for point in points]
    meeting = [place for place, found in enumerate(missed) if not found]
    if meeting:
        best = min(meeting, key=lambda place: (-points[place].usefulness, points[place].risk, place))
        return Recommendation(place=best, met=True, text=_reason(points[best], len(meeting), len(points)))
    nearest = min(range(len(points)), key=lambda place: (max(gap.factor for gap in missed[place]), place))
    why = "; ".join(gap.text for gap in missed[nearest])
    text = f"None of the {len(points)} meets all limits; {points[nearest].label} comes nearest: {why}."
    return Recommendation(place=nearest, met=False, text=text)


def _reason(one: Tried, meeting: int, tried: int) -> str:
    """Return why a point is recommended, in one sentence."""
    which = "the only one" if meeting == 1 else f"the most useful of the {meeting}"
    verb = "meets" if meeting == 1 else "meet"
    words, _ = one.limited["max_risk"]
    reached = f"with a {words} of {one.risk:.3g} and {one.worth}"
    return f"Take {one.label}: {which} of {tried} that {verb} all limits, {reached}."
