"""Distinct values that the labels of a released column name, with their type; no other table is needed."""

import datetime as dt
from collections.abc import Iterator

import polars as pl

from shoal.io.declared_types import typed
from shoal.recount.released_table import as_released
from shoal_engine.anonymity.hierarchies.trees import declared_leaves
from shoal_engine.anonymity.policy.hierarchies import Order, Prefix, Redaction, is_line
from shoal_engine.anonymity.policy.intervals import Dates, Intervals
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.declarations import ColumnFormat
from shoal_engine.errors import ColumnError, PolicyError
from shoal_engine.tables.value_texts import value_texts

_INTERVAL = r"(?s)^\[(.*), (.*)\]$"
_GRID = 1 << 16
"""Points at which a line of numbers is read where its bounds are not integers."""
_MASKED_DIGITS = 6
"""Longest texts of digits behind masks that are listed one by one."""
_YEAR = r"(\d{4})"
_WEEK = dt.timedelta(7)
_WITHIN_A_DAY = ("second", "minute", "hour", "hour_of_day")


def domain_of_labels(labels: pl.DataFrame, name: str, role: QuasiIdentifier, policy: Policy) -> pl.Series:
    """Return the values that labels may stand for, null first if there is one, then in their order.

    Without hierarchy, the values that labels name: members, ends and single values, and of bands of integers and days
    all between. With one, its leaves.

    Parameters
    ----------
    labels : pl.DataFrame
        One column of distinct labels, or two of bounds.
    name, role, policy

    Raises
    ------
    PolicyError
        The leaves of the hierarchy are the values of the table, which a release does not name.
    ColumnError
        The labels name no value, or masks hide too many.
    """
    has_null = any(column.null_count() for column in labels.iter_columns()) or _mixes_null(labels, role)
    if role.hierarchy is None:
        known = _named(labels, name, role, policy)
    elif is_line(role.hierarchy):
        assert isinstance(role.hierarchy, Order)
        known = pl.Series(name, role.hierarchy.values, pl.String)
    else:
        known = _leaves(labels.get_column(name), name, role, policy)
    known = known.drop_nulls()
    if known.is_empty() and not has_null:
        msg = f"the labels of {name!r} name no value at all, so nothing can be estimated of it; ask for other columns"
        raise ColumnError(msg)
    null = pl.Series(name, [None], known.dtype)
    return pl.concat([null, known]) if has_null else known


def _mixes_null(labels: pl.DataFrame, role: QuasiIdentifier) -> bool:
    """Return whether labels stand for null beside values: ``*`` of an interval, and ``null`` in a set."""
    if role.nulls != "generalize" or role.output not in ("label", "bands"):
        return False
    texts = labels.to_series().cast(pl.String)
    is_set = texts.str.starts_with("{")
    if role.kind == "category" or bool(is_set.any()):
        inner = texts.filter(is_set).str.slice(1)
        return bool(inner.str.contains(r"(?:^|, )null(?:, |\}$)").any())
    return bool((texts == "*").any())


def _named(labels: pl.DataFrame, name: str, role: QuasiIdentifier, policy: Policy) -> pl.Series:
    """Return the values that labels without hierarchy name, ascending."""
    declared = policy.column.get(name)
    texts = pl.concat([column.alias(name) for column in labels.iter_columns()])
    if texts.dtype != pl.String:
        return texts.unique().sort()
    unnamed = texts.clear()
    if role.output in ("label", "bands"):
        unnamed = texts.filter(texts == "*").head(1)
        texts = texts.filter(texts != "*")
        is_set = texts.str.starts_with("{")
        if role.kind == "category" or is_set.any():
            return _members(texts.filter(~is_set), texts.filter(is_set), unnamed)
        ends = texts.to_frame(name).select(
            pl.concat_list(
                *(pl.coalesce(pl.col(name).str.extract(_INTERVAL, group), pl.col(name)) for group in (1, 2))
            ).explode()
        )
        texts = ends.get_column(name)
    texts = texts.drop_nulls().unique()
    found = typed_texts(texts, None if declared is None else as_released(declared)).sort()
    if role.output == "bands":
        return _between(found)
    return _members(texts, texts.clear(), unnamed) if found.dtype == pl.String and role.output == "label" else found


def _between(named: pl.Series) -> pl.Series:
    """Return all integers or days between the least and the most of some; values of other types as they are.

    Bands are few, so that they name few of the values that they cover.
    """
    whole = named.to_physical() if named.dtype == pl.Date else named
    least, most = whole.min(), whole.max()
    if not (isinstance(least, int) and isinstance(most, int) and most - least < _GRID):
        return named
    return pl.Series(named.name, range(least, most + 1), whole.dtype).cast(named.dtype)


def _members(single: pl.Series, sets: pl.Series, everything: pl.Series) -> pl.Series:
    """Return the values of single labels and the members of sets, ascending.

    A value that holds ``, `` itself is one member where some label is that value alone. A label for all values
    stands for two at least; where only one is named, the other goes by the label itself.
    """
    inner = sets.str.slice(1, sets.str.len_chars() - 2)
    for value in single.filter(single.str.contains(", ", literal=True)):
        padded = pl.Series(", ", dtype=pl.String) if inner.is_empty() else ", " + inner + ", "
        inner = padded.str.replace_all(f", {value}, ", ", ", literal=True).str.strip_prefix(", ").str.strip_suffix(", ")
    pieces = inner.filter(inner.str.len_chars() > 0).str.split(", ").explode()
    found = pl.concat([single, pieces.filter(pieces != "null")]).drop_nulls().unique().sort()
    return pl.concat([found, everything]) if found.len() == 1 else found


def typed_texts(texts: pl.Series, declared: ColumnFormat | None = None) -> pl.Series:
    """Return texts as numbers, dates or times where each is written as such a value is, and else as they are.

    Parameters
    ----------
    texts : pl.Series
        Strings without null.
    declared : ColumnFormat, optional
        What they stand for, if the policy says so.

    Examples
    --------
    >>> typed_texts(pl.Series(["30", "45"])).dtype, typed_texts(pl.Series(["0130", "45"])).dtype
    (Int64, String)
    """
    for found in _attempts(texts, declared):
        if found.null_count() == 0 and value_texts(found.to_arrow()).to_pylist() == texts.to_list():
            return found
    return texts


def _attempts(texts: pl.Series, declared: ColumnFormat | None) -> Iterator[pl.Series]:
    """Yield texts as values of one type after the other, null where they are not of it."""
    if declared is not None:
        yield texts.to_frame("text").select(typed(pl.col("text"), declared)).to_series()
        return
    yield texts.cast(pl.Int64, strict=False)
    yield texts.cast(pl.Float64, strict=False)
    places = texts.str.extract(r"^-?\d+\.(\d+)$").str.len_chars()
    if places.len() and not places.null_count() and places.n_unique() == 1:
        yield texts.str.to_decimal(scale=int(places[0]))
    yield texts.str.to_date("%Y-%m-%d", strict=False)
    for unit in ("us", "ms", "ns"):
        yield texts.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit=unit, strict=False)
    yield texts.str.to_time("%H:%M:%S%.f", strict=False)


def _leaves(labels: pl.Series, name: str, role: QuasiIdentifier, policy: Policy) -> pl.Series:
    """Return the leaves of a hierarchy."""
    assert role.hierarchy is not None
    match role.hierarchy:
        case Intervals():
            return _line(role.hierarchy, name)
        case Dates():
            return _days(role.hierarchy, labels, name)
        case Prefix() | Redaction():
            return _masked(role.hierarchy.mask, labels, name)
        case _:
            leaves = declared_leaves(role.hierarchy, column=name, folder=policy.folder)
            if leaves is None:
                msg = (
                    f"the hierarchy of {name!r} is grown from the values of the table, which its labels do not name; "
                    "ask for other columns, or declare `values` in the policy"
                )
                raise PolicyError(msg)
            return pl.Series(name, leaves, pl.String).unique(maintain_order=True)


def _line(intervals: Intervals, name: str) -> pl.Series:
    """Return the integers of a line, or points at even distances where its bounds are not integers."""
    low, high = intervals.line
    low = low if intervals.bottom is None else intervals.bottom
    high = high if intervals.top is None else intervals.top
    below = [low - 1] if intervals.bottom is not None and intervals.minimum != low else []
    above = [high] if intervals.top is not None and intervals.maximum != high else []
    numbers = [low, high, *intervals.width, *(bound for level in intervals.bounds for bound in level)]
    if all(float(number).is_integer() for number in numbers) and high - low <= _GRID:
        return pl.Series(name, [*below, *range(int(low), int(high)), *above], pl.Int64)
    step = (high - low) / _GRID
    points = (low + step * (i + 0.5) for i in range(_GRID))
    return pl.Series(name, [*below, *points, *above], pl.Float64)


def _days(dates: Dates, labels: pl.Series, name: str) -> pl.Series:
    """Return every day of the years that labels name."""
    years = labels.str.extract_all(_YEAR).explode().cast(pl.Int32, strict=False).drop_nulls()
    if any(level in _WITHIN_A_DAY for level in dates.levels) or years.is_empty():
        msg = f"the labels of {name!r} do not say which days they cover; ask for other columns"
        raise PolicyError(msg)
    # Weeks cross the ends of years.
    first, last = dt.date(min(years), 1, 1) - _WEEK, dt.date(max(years), 12, 31) + _WEEK
    return pl.date_range(first, last, eager=True).alias(name)


def _masked(mask: str, labels: pl.Series, name: str) -> pl.Series:
    """Return every text of digits that masks may hide."""
    known = labels.drop_nulls()
    shown = known.str.replace_all(mask, "", literal=True)
    length = known.str.len_chars()
    places = length.filter(known != "*").max() if (known != "*").any() else None
    same = length.filter(known != "*").n_unique() == 1
    if not isinstance(places, int) or places > _MASKED_DIGITS or not same or not shown.str.contains(r"^\d*$").all():
        msg = (
            f"the masks of {name!r} hide texts that cannot be listed: only digits, all of one length of at most "
            f"{_MASKED_DIGITS}, can; ask for other columns, or match the labels themselves with a filter"
        )
        raise ColumnError(msg)
    return pl.Series(name, [f"{number:0{places}}" for number in range(10**places)], pl.String)
