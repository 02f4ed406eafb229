"""Expressions that convert texts to their declared types; a text that does not fit becomes null."""

from collections.abc import Sequence

import polars as pl

from shoal_engine.declarations import ColumnFormat

_SECONDS = {"d": 86400 * 10**9, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_ISO_DATETIMES = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_DAY_NS = 86400 * 10**9


def without_nulls(text: pl.Expr, nulls: Sequence[str]) -> pl.Expr:
    """Return texts with those in `nulls` replaced by null."""
    return pl.when(text.is_in(list(nulls))).then(None).otherwise(text) if nulls else text


def type_of(declared: ColumnFormat) -> pl.DataType:
    """Return the type of a declared column."""
    match declared.type:
        case "integer":
            return pl.Int64()
        case "float":
            return pl.Float64()
        case "decimal":
            return pl.Decimal(38, declared.scale or 0)
        case "boolean":
            return pl.Boolean()
        case "date":
            return pl.Date()
        case "datetime":
            aware = declared.zone or ("UTC" if "%z" in (declared.format or "") else None)
            return pl.Datetime("ns" if declared.unit == "ns" else "us", aware)
        case "time":
            return pl.Time()
        case _:
            return pl.String()


def typed(text: pl.Expr, declared: ColumnFormat) -> pl.Expr:
    """Convert texts to their declared type; null where a text does not fit.

    Parameters
    ----------
    text : pl.Expr
        Texts with declared nulls already replaced.
    declared : ColumnFormat
    """
    if declared.type == "text":
        return text
    plain = text.str.strip_chars()
    match declared.type:
        case "integer" | "float" | "decimal":
            value = _number(plain, declared)
        case "boolean":
            yes, no = plain.is_in(list(declared.true)), plain.is_in(list(declared.false))
            value = pl.when(yes).then(True).when(no).then(False).otherwise(None)  # noqa: FBT003
        case "date" | "datetime":
            value = _date(plain, declared) if declared.type == "date" else _datetime(plain, declared)
            value = pl.when(value.dt.year().is_between(1, 9999)).then(value)
        case _:
            value = _time(plain, declared)
    return value.cast(type_of(declared))


def _number(text: pl.Expr, declared: ColumnFormat) -> pl.Expr:
    """Convert numbers with the declared signs; groups of thousands are optional."""
    sign, group = declared.decimal_sign, declared.thousands_sign
    # In brackets, as not every sign may be escaped: a no-break space may not.
    point = f"[{sign}]"
    whole = rf"(?:\d+|\d{{1,3}}(?:[{group}]\d{{3}})+)" if group else r"\d+"
    if declared.type == "integer":
        pattern = rf"^[+-]?{whole}$"
    elif declared.type == "decimal":
        fraction = rf"(?:{point}\d{{1,{declared.scale}}})?" if declared.scale else ""
        pattern = rf"^[+-]?{whole}{fraction}$"
    else:
        pattern = rf"^[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?$"
    fitting = pl.when(text.str.contains(pattern)).then(text)
    if group:
        fitting = fitting.str.replace_all(group, "", literal=True)
    if sign != ".":
        fitting = fitting.str.replace(sign, ".", literal=True)
    number = fitting.cast(type_of(declared), strict=False)
    return pl.when(number.is_finite()).then(number) if declared.type == "float" else number


def _date(text: pl.Expr, declared: ColumnFormat) -> pl.Expr:
    """Convert dates."""
    if declared.unit is not None:
        ns = _integer_ns(text, declared.unit)
        return (ns // _DAY_NS).cast(pl.Int32, strict=False).cast(pl.Date)
    found = text.str.to_date(declared.format or "%Y-%m-%d", strict=False)
    return _in_century(found, declared.pivot)


def _datetime(text: pl.Expr, declared: ColumnFormat) -> pl.Expr:
    """Convert datetimes, to the declared zone if there is one."""
    zone = declared.zone
    if declared.unit is not None:
        found = _integer_ns(text, declared.unit)
        point = found.cast(pl.Datetime("ns")) if declared.unit == "ns" else (found // 1000).cast(pl.Datetime("us"))
        return point if zone is None else point.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    if declared.format is None:
        iso = text.str.replace(" ", "T", literal=True)
        local = pl.coalesce(iso.str.to_datetime(form, strict=False, time_unit="us") for form in _ISO_DATETIMES)
        if zone is None:
            return local
        with_offset = iso.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", strict=False, time_unit="us", time_zone="UTC")
        return pl.coalesce(with_offset.dt.convert_time_zone(zone), _zoned(local, zone))
    if "%z" in declared.format:
        found = text.str.to_datetime(declared.format, strict=False, time_unit="us", time_zone="UTC")
        return _in_century(found, declared.pivot).dt.convert_time_zone(zone or "UTC")
    local = _in_century(text.str.to_datetime(declared.format, strict=False, time_unit="us"), declared.pivot)
    return local if zone is None else _zoned(local, zone)


def _zoned(local: pl.Expr, zone: str) -> pl.Expr:
    """Attach a zone to local times: the earlier one if ambiguous, null if the clocks skip it."""
    return local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")


def _time(text: pl.Expr, declared: ColumnFormat) -> pl.Expr:
    """Convert times of day."""
    if declared.unit is not None:
        ns = _integer_ns(text, declared.unit)
        return pl.when(ns.is_between(0, _DAY_NS - 1)).then(ns).cast(pl.Time)
    if declared.format is not None:
        return text.str.to_time(declared.format, strict=False)
    return pl.coalesce(text.str.to_time(form, strict=False) for form in ("%H:%M:%S%.f", "%H:%M"))


def _integer_ns(text: pl.Expr, unit: str) -> pl.Expr:
    """Convert integers in `unit` to nanoseconds; null if 64 bits overflow."""
    number = pl.when(text.str.contains(r"^[+-]?\d+$")).then(text).cast(pl.Int64, strict=False)
    most = (2**63 - 1) // _SECONDS[unit]
    return pl.when(number.is_between(-most, most)).then(number) * _SECONDS[unit]


def _in_century(found: pl.Expr, pivot: int | None) -> pl.Expr:
    """Move years of two digits into the hundred years that begin with `pivot`."""
    if pivot is None:
        return found
    year = (found.dt.year().cast(pl.Int32) - pivot) % 100 + pivot
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    exists = (found.dt.month() != 2) | (found.dt.day() != 29) | leap
    kept = pl.when(exists).then(found)
    return kept.dt.replace(year=pl.when(exists).then(year))
