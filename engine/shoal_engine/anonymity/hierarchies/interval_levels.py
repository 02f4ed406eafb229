"""Levels of intervals: of numbers, and of the calendar over dates and datetimes."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.hierarchies.levels import Level, level_of
from shoal_engine.anonymity.policy.intervals import DateLevel, Dates, Intervals, Number
from shoal_engine.errors import ColumnError, HierarchyError

MAX_INTERVALS = 1_000_000
"""More in one level are taken for a mistake in a width."""
_WITHIN_A_DAY = ("second", "minute", "hour", "day")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def interval_levels(intervals: Intervals, values: pa.Array, column: str) -> list[Level]:
    """Return the levels between the values and the root, finest first.

    A value on a bound belongs to the interval above it: 20 is in ``[20, 25)``.

    Parameters
    ----------
    intervals : Intervals
    values : pa.Array
        Distinct integers, floats or decimals.
    column : str
        For messages.

    Raises
    ------
    ColumnError
        The values are not numbers.
    HierarchyError
        A value lies outside the line, or there are more than `MAX_INTERVALS` intervals in a level.
    """
    numbers = _numbers(values, column)
    return [
        _level(intervals, height, bounds, numbers, column) for height, bounds in enumerate(_bounds(intervals, column))
    ]


def _numbers(values: pa.Array, column: str) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
    """Return the values as int64 where they fit, as float64 otherwise."""
    if pa.types.is_signed_integer(values.type) or pa.types.is_uint8(values.type):
        return values.to_numpy(zero_copy_only=False).astype(np.int64)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        return pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    msg = f"column `{column}` has type {values.type}, and intervals need numbers; cast it"
    raise ColumnError(msg)


def _bounds(intervals: Intervals, column: str) -> list[Sequence[Number]]:
    """Return the bounds of each level, from where the lowest interval begins to where the highest ends."""
    levels = _cuts_by_width(intervals, column) if intervals.width else _cuts_by_bounds(intervals)
    low, high = intervals.line
    low = low if intervals.bottom is None else intervals.bottom
    high = high if intervals.top is None else intervals.top
    return [[low, *cuts, high] for cuts in levels]


def _cuts_by_bounds(intervals: Intervals) -> list[Sequence[Number]]:
    """Return where the levels of declared bounds cut the line."""
    levels = list(intervals.bounds)
    for fanout in intervals.fanout:
        levels.append([*levels[-1][:-1:fanout], levels[-1][-1]])
    return [level[1:-1] for level in levels]


def _cuts_by_width(intervals: Intervals, column: str) -> list[Sequence[Number]]:
    """Return where the levels of declared widths cut the line, its ends left out."""
    # As decimal fractions, so that 0.1 * 3 is the bound 0.3 that the policy means.
    low, high = (Fraction(str(end)) for end in intervals.line)
    origin = low if intervals.origin is None else Fraction(str(intervals.origin))
    widths = [Fraction(str(width)) for width in intervals.width]
    for fanout in intervals.fanout:
        widths.append(widths[-1] * fanout)
    levels: list[Sequence[Number]] = []
    for step in widths:
        if (high - low) / step > MAX_INTERVALS:
            msg = f"hierarchy of `{column}` has more than {MAX_INTERVALS} intervals of one width; widen it"
            raise HierarchyError(msg)
        first, end = (low - origin) // step + 1, -((origin - high) // step)
        levels.append([_number(origin + step * i) for i in range(first, end)])
    return levels


def _number(exact: Fraction) -> Number:
    return int(exact) if exact.denominator == 1 else float(exact)


def _level(
    intervals: Intervals,
    height: int,
    bounds: Sequence[Number],
    numbers: npt.NDArray[np.int64] | npt.NDArray[np.float64],
    column: str,
) -> Level:
    """Return the level of intervals between the bounds, and of the nodes below and above them."""
    n = len(bounds) - 1
    least = bounds[0] if intervals.bottom is None else -math.inf if intervals.minimum is None else intervals.minimum
    most = bounds[-1] if intervals.top is None else math.inf if intervals.maximum is None else intervals.maximum
    # Where no end is declared, infinity has a node; what is no number never has.
    known = (numbers >= least) & ((numbers < most) | (most == math.inf)) & ~np.isnan(numbers)
    if not known.all():
        msg = (
            f"hierarchy of `{column}` does not cover the data: values lie outside "
            f"[{least}, {most}); widen it, or set them to null first"
        )
        raise HierarchyError(msg)
    names = [f"[{lower}, {upper})" for lower, upper in pairwise(bounds)]
    if intervals.labels:
        if len(intervals.labels[height]) != n:
            msg = (
                f"hierarchy of `{column}` has {n} intervals in level {height + 1} and "
                f"{len(intervals.labels[height])} `labels` for them; name each of them"
            )
            raise HierarchyError(msg)
        names = list(intervals.labels[height])
    # Interval 0 is what lies below the line, interval n + 1 what lies above it.
    interval = np.searchsorted(np.array(bounds), numbers, side="right")
    occurring, node = np.unique(interval, return_inverse=True)
    names = [f"<{bounds[0]}", *names, f">={bounds[-1]}"]
    labels = [names[i] for i in occurring]
    return Level(node.astype(np.int64), labels, np.bincount(node, minlength=len(labels)).astype(np.int64))


def date_levels(dates: Dates, values: pa.Array, column: str) -> list[Level]:
    """Return the declared levels between the values and the root, finest first.

    Labels are ``2024-05-17T14:30:05``, ``2024-05-17T14:30``, ``2024-05-17T14``, ``2024-05-17``, ``2024-W20``,
    ``2024-05``, ``2024-Q2``, ``2024``, ``2020-2029``, ``2000-2099``, and of what comes around again ``14:00``,
    ``Friday``, ``May``, ``Q2``. A date is its own day, so levels up to days exist only over datetimes; these
    are read in their time zone.

    Parameters
    ----------
    dates : Dates
    values : pa.Array
        Distinct dates or timestamps.
    column : str
        For messages.

    Raises
    ------
    ColumnError
        The values are neither dates nor timestamps, or dates where the time of day is asked for.
    """
    is_date = pa.types.is_date(values.type)
    if not is_date and not pa.types.is_timestamp(values.type):
        msg = f"column `{column}` has type {values.type}, and a hierarchy of kind date needs dates; cast it"
        raise ColumnError(msg)
    if is_date and "hour_of_day" in dates.levels:
        msg = f"column `{column}` has type {values.type}, which has no hour_of_day; leave that level out"
        raise ColumnError(msg)
    labels = [_LABELS[level](values) for level in dates.levels if not is_date or level not in _WITHIN_A_DAY]
    return [level_of(label, label) for label in labels]


def _text(number: pa.Array, digits: int) -> pa.StringArray:
    return pc.utf8_lpad(pc.cast(number, pa.string()), digits, "0")


def _joined(separator: str, *parts: pa.StringArray | pa.StringScalar) -> pa.StringArray:
    return pc.binary_join_element_wise(*parts, separator)


def _named(names: Sequence[str], place: pa.Array) -> pa.StringArray:
    return pa.array(names, pa.string()).take(place)


def _year(values: pa.Array) -> pa.StringArray:
    return _text(pc.year(values), 4)


def _years(values: pa.Array, count: int) -> pa.StringArray:
    first = pc.multiply(pc.cast(pc.floor(pc.divide(pc.cast(pc.year(values), pa.float64()), count)), pa.int64()), count)
    return _joined("-", _text(first, 4), _text(pc.add(first, count - 1), 4))


def _quarter(values: pa.Array) -> pa.StringArray:
    return _joined("-Q", _year(values), _text(pc.quarter(values), 1))


def _month(values: pa.Array) -> pa.StringArray:
    return _joined("-", _year(values), _text(pc.month(values), 2))


def _week(values: pa.Array) -> pa.StringArray:
    return _joined("-W", _text(pc.iso_year(values), 4), _text(pc.iso_week(values), 2))


def _day(values: pa.Array) -> pa.StringArray:
    return _joined("-", _month(values), _text(pc.day(values), 2))


def _hour(values: pa.Array) -> pa.StringArray:
    return _joined("T", _day(values), _text(pc.hour(values), 2))


def _minute(values: pa.Array) -> pa.StringArray:
    return _joined(":", _hour(values), _text(pc.minute(values), 2))


def _second(values: pa.Array) -> pa.StringArray:
    return _joined(":", _minute(values), _text(pc.second(values), 2))


def _hour_of_day(values: pa.Array) -> pa.StringArray:
    return _joined("", _text(pc.hour(values), 2), pa.scalar(":00"))


def _weekday(values: pa.Array) -> pa.StringArray:
    return _named(_WEEKDAYS, pc.day_of_week(values))


def _month_of_year(values: pa.Array) -> pa.StringArray:
    return _named(_MONTHS, pc.subtract(pc.month(values), 1))


def _quarter_of_year(values: pa.Array) -> pa.StringArray:
    return _joined("", pa.scalar("Q"), _text(pc.quarter(values), 1))


_LABELS: dict[DateLevel, Callable[[pa.Array], pa.StringArray]] = {
    "second": _second,
    "minute": _minute,
    "hour": _hour,
    "hour_of_day": _hour_of_day,
    "day": _day,
    "weekday": _weekday,
    "week": _week,
    "month": _month,
    "month_of_year": _month_of_year,
    "quarter": _quarter,
    "quarter_of_year": _quarter_of_year,
    "year": _year,
    "decade": partial(_years, count=10),
    "century": partial(_years, count=100),
}
