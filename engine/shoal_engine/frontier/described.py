"""Points of a frontier as JSON has them: the one form that reports draw, whatever was tried."""

from collections.abc import Sequence
from typing import Any

import msgspec

from shoal_engine.frontier.points import Tried, front
from shoal_engine.frontier.recommendation import Recommendation


def described(
    points: Sequence[Tried], chosen: Recommendation | None, *, strength: str, usefulness: str, lines: dict[str, float]
) -> dict[str, Any]:
    """Return points, lines and the recommendation.

    Parameters
    ----------
    points : sequence of Struct
        With a `method`, and an attribute of the name that `strength` is.
    chosen : Recommendation, optional
    strength : str
        Name of what was varied: k, epsilon, parties.
    usefulness : str
        Measure of usefulness, in words.
    lines : dict of str to float
        Levels of the same measure next to the points.
    """
    met = chosen is not None and chosen.met
    found = [
        {
            **msgspec.to_builtins(one),
            "strength": getattr(one, strength),
            "usefulness": one.usefulness,
            "front": best,
            "chosen": chosen is not None and met and chosen.place == place,
        }
        for place, (one, best) in enumerate(zip(points, front(points), strict=True))
    ]
    text = "" if chosen is None else chosen.text
    return {
        "strength": strength,
        "usefulness": usefulness,
        "points": found,
        "lines": lines,
        "recommendation": text,
        "met": met,
    }
