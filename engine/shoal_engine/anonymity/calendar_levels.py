"""Levels of the calendar over dates and datetimes."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.hierarchy_specs import DateLevel, Dates
from shoal_engine.anonymity.levels import Level, level_of
from shoal_engine.errors import ColumnError


def date_levels(dates: Dates, values: pa.Array, column: str) -> list[Level]:
    """Return the declared levels between the values and the root, finest first.

    Labels are ``2024-05-17``, ``2024-05``, ``2024-Q2``, ``2024``. A date is its own day, so the level of days
    exists only over datetimes; these are read in their time zone.

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
        The values are neither dates nor timestamps.
    """
    is_date = pa.types.is_date(values.type)
    if not is_date and not pa.types.is_timestamp(values.type):
        msg = f"column `{column}` has type {values.type}, and a hierarchy of kind date needs dates; cast it"
        raise ColumnError(msg)
    labels = [_LABELS[level](values) for level in dates.levels if level != "day" or not is_date]
    return [level_of(label, label) for label in labels]


def _text(number: pa.Array, digits: int) -> pa.StringArray:
    return pc.utf8_lpad(pc.cast(number, pa.string()), digits, "0")


def _year(values: pa.Array) -> pa.StringArray:
    return _text(pc.year(values), 4)


def _quarter(values: pa.Array) -> pa.StringArray:
    return pc.binary_join_element_wise(_year(values), _text(pc.quarter(values), 1), "-Q")


def _month(values: pa.Array) -> pa.StringArray:
    return pc.binary_join_element_wise(_year(values), _text(pc.month(values), 2), "-")


def _day(values: pa.Array) -> pa.StringArray:
    return pc.binary_join_element_wise(_month(values), _text(pc.day(values), 2), "-")


_LABELS: dict[DateLevel, Callable[[pa.Array], pa.StringArray]] = {
    "day": _day,
    "month": _month,
    "quarter": _quarter,
    "year": _year,
}
