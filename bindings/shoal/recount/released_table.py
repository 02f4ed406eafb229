"""Reading of a released table: labels are text, kept columns have their declared types."""

from pathlib import Path

import msgspec
import polars as pl

from shoal.io.files import format_of, sources
from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.reading import read_path
from shoal_engine.anonymity.criteria.assessment import released_names
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.declarations import ColumnFormat, Declarations


def open_released(frame: IntoFrame, policy: Policy) -> pl.LazyFrame:
    """Open a released table; labels in a delimited file stay text.

    Raises
    ------
    InputError, ColumnError
        As for `shoal.read_table`.
    """
    if not isinstance(frame, str | Path) or format_of(sources(frame)[0]) != "csv":
        return into_lazy(frame)
    kept = {
        name: as_released(one)
        for name, one in policy.column.items()
        if name in policy.sensitive or name in policy.insensitive
    }
    labels = {*released_names(policy), *policy.identifiers}
    ordered = [name for name in policy.sensitive if name not in kept]
    return read_path(frame, Declarations(columns=kept), as_text=labels, only=ordered).frame


def as_released(declared: ColumnFormat) -> ColumnFormat:
    """Return the declaration of a column after release: ISO 8601 and plain numbers.

    Examples
    --------
    >>> as_released(ColumnFormat(type="date", format="%d.%m.%Y", nulls=["?"])) == ColumnFormat(type="date")
    True
    """
    zone = declared.zone or ("UTC" if "%z" in (declared.format or "") else None)
    return ColumnFormat(type=declared.type, scale=declared.scale, zone=zone)


def format_of_type(kind: pl.DataType) -> ColumnFormat | None:
    """Return the declaration of a type as a release writes it to text, or None if it cannot."""
    match kind:
        case pl.Decimal():
            return ColumnFormat(type="decimal", scale=kind.scale)
        case pl.Date():
            return ColumnFormat(type="date")
        case pl.Datetime():
            plain = ColumnFormat(type="datetime")
            return plain if kind.time_zone is None else msgspec.structs.replace(plain, zone=kind.time_zone)
        case pl.Time():
            return ColumnFormat(type="time")
        case _ if kind.is_integer():
            return ColumnFormat(type="integer")
        case _:
            return ColumnFormat(type="float") if kind.is_float() else None
