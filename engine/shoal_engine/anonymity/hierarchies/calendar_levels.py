"""Levels of the calendar over dates and datetimes."""

from collections.abc import Callable, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.hierarchies.levels import Level, level_of
from shoal_engine.anonymity.policy.dates import DateLevel, Dates
from shoal_engine.errors import ColumnError

_WITHIN_A_DAY = ("second", "minute", "hour", "day")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


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
