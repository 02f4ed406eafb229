"""The frontier of a report: privacy against usefulness of the releases that were tried, given as JSON.

The JSON has ``strength`` (the name of what was varied, such as k), ``usefulness`` (the name of the measure), ``points``
with ``method``, ``strength``, ``risk``, ``usefulness`` and ``chosen``, ``lines`` from names to levels of the same
measure (raw rows, majority), and the ``recommendation`` in one sentence.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from shoal.report.facts import Figure, FrontierFacts, FrontierPoint, Mark
from shoal.report.figures import decimal, share
from shoal_engine.errors import InputError

Frontier: TypeAlias = str | Path | Mapping[str, Any]
LEFT, RIGHT, TOP, BOTTOM = 40.0, 364.0, 14.0, 194.0
"""Edges of the plot, in units of the picture: 420 by 230."""
_MARKS = 6


class GivenPoint(Struct, frozen=True, kw_only=True):
    """One release that was tried."""

    method: str
    strength: float
    risk: float
    usefulness: float
    chosen: bool = False


class GivenFrontier(Struct, frozen=True, kw_only=True):
    """A frontier as it is given; fields beyond these are ignored."""

    strength: str
    usefulness: str
    points: tuple[GivenPoint, ...]
    lines: dict[str, float] = {}
    recommendation: str = ""


def frontier_of(given: Frontier | None) -> FrontierFacts | None:
    """Return a frontier with the places of its points in the picture.

    Raises
    ------
    InputError
        It cannot be read, lacks a part, or has a number that is not finite or a strength of 0 or less.
    """
    if given is None:
        return None
    try:
        content = Path(given).read_bytes() if isinstance(given, str | Path) else msgspec.json.encode(given)
        found = msgspec.json.decode(content, type=GivenFrontier)
    except (OSError, msgspec.MsgspecError, UnicodeError, TypeError):
        msg = "this is not a frontier: it needs strength, usefulness and points as JSON, as `shoal frontier` writes it"
        raise InputError(msg) from None
    numbers = [*found.lines.values()]
    for one in found.points:
        numbers += [one.risk, one.usefulness, one.strength]
    if not found.points or not all(map(math.isfinite, numbers)) or min(one.strength for one in found.points) <= 0:
        msg = "a frontier needs at least one point, finite numbers, and strengths above 0"
        raise InputError(msg)
    return _drawn(found)


def _drawn(found: GivenFrontier) -> FrontierFacts:
    """Return the facts of a frontier."""
    strengths = sorted({one.strength for one in found.points})
    across = _scale([math.log(one) for one in strengths], LEFT, RIGHT)
    ticks = _ticks([*(one.usefulness for one in found.points), *found.lines.values()])
    up = _scale(ticks, BOTTOM, TOP)
    methods = list(dict.fromkeys(one.method for one in found.points))
    points = tuple(
        FrontierPoint(
            one.method,
            _strength(one.strength),
            share(one.risk, 2),
            decimal(one.usefulness),
            one.chosen,
            across(math.log(one.strength)),
            up(one.usefulness),
        )
        for one in sorted(found.points, key=lambda one: (methods.index(one.method), one.strength))
    )
    digits = max(0, 1 - math.floor(math.log10(ticks[1] - ticks[0])) - 1)
    return FrontierFacts(
        found.recommendation,
        found.strength,
        found.usefulness,
        points,
        tuple(methods),
        tuple(Mark(f"{name} {decimal(level).text}", up(level)) for name, level in found.lines.items()),
        tuple(Mark(_strength(one).text, across(math.log(one))) for one in strengths),
        tuple(Mark(f"{tick:.{digits}f}", up(tick)) for tick in ticks),
        _description(found),
    )


def _description(found: GivenFrontier) -> str:
    """Return the picture in words."""
    texts = []
    for method in dict.fromkeys(one.method for one in found.points):
        ends = sorted((one.strength, one.usefulness) for one in found.points if one.method == method)
        (first, high), (last, low) = ends[0], ends[-1]
        here = f"{method}: {decimal(high).text} at {found.strength} = {_strength(first).text}"
        texts.append(f"{here}, {decimal(low).text} at {found.strength} = {_strength(last).text}")
    return f"{found.usefulness} against {found.strength}. {'; '.join(texts)}. The table below has every figure."


def _strength(number: float) -> Figure:
    return Figure(number, f"{number:,g}")


def _scale(values: Sequence[float], first: float, last: float) -> Any:
    """Return the place of a value between two edges."""
    low, high = min(values), max(values)
    width = high - low

    def place(value: float) -> float:
        return round((first + last) / 2 if not width else first + (last - first) * (value - low) / width, 1)

    return place


def _ticks(values: Sequence[float]) -> list[float]:
    """Return round numbers around all values, at most 7 or so."""
    low, high = min(values), max(values)
    if high == low:
        low, high = low - 0.005, high + 0.005
    rough = (high - low) / (_MARKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(part * power for part in (1, 2, 5, 10) if part * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 12) for number in range(first, last + 1)]
