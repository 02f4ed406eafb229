"""Conditions on single columns, all of which a row has to meet, from SQL, an expression or a mapping.

Polars parses them. A condition is then evaluated on the distinct values of its column, so whatever Polars can say of
one column may be asked of a release, whose labels stand for several values.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.io.lazy_frames import UNREADABLE
from shoal.usefulness.label_domains import typed_texts
from shoal_engine.errors import ColumnError, InputError

Where: TypeAlias = str | pl.Expr | Mapping[str, Any]
"""A WHERE clause, an expression, or columns with a value, a list of values, or a tuple of the least and the most."""
Flags = npt.NDArray[np.bool_]

_EXAMPLE = "for example \"age between 30 and 40 and sex = 'F'\""


def conditions_of(where: Where | None) -> dict[str, pl.Expr]:
    """Return the condition on each column.

    Parameters
    ----------
    where : str, pl.Expr or mapping, optional
        Without it, every row is asked for.

    Raises
    ------
    InputError
        It cannot be parsed, or a part of it names no column or several.

    Examples
    --------
    >>> [str(one) for one in conditions_of("age > 30 and sex = 'F'")]
    ['age', 'sex']
    >>> conditions_of("age > 30 or sex = 'F'")
    Traceback (most recent call last):
    shoal_engine.errors.InputError: a condition names the columns age, sex together; ...
    """
    if where is None:
        return {}
    if isinstance(where, Mapping):
        return {name: _of_mapping(name, wanted) for name, wanted in where.items()}
    found: dict[str, pl.Expr] = {}
    for part in _conjuncts(_parsed(where)):
        names = sorted(set(part.meta.root_names()))
        if len(names) != 1:
            told = f"names the columns {', '.join(names)} together" if names else "names no column"
            msg = f"a condition {told}; give conditions on one column each, joined by AND, {_EXAMPLE}"
            raise InputError(msg)
        found[names[0]] = found[names[0]] & part if names[0] in found else part
    return found


def _parsed(where: Any) -> pl.Expr:
    """Return a WHERE clause as an expression."""
    if isinstance(where, pl.Expr):
        return where
    if not isinstance(where, str):
        msg = f"got {type(where).__name__}; give a WHERE clause, a Polars expression or a mapping, {_EXAMPLE}"
        raise InputError(msg)
    try:
        return pl.sql_expr(where)
    except UNREADABLE:
        # Without the cause: it quotes the text, which may hold a value of somebody.
        msg = f"the condition cannot be parsed as SQL; give conditions joined by AND, {_EXAMPLE}"
        raise InputError(msg) from None


def _conjuncts(condition: pl.Expr) -> list[pl.Expr]:
    """Return the parts that AND joins."""
    parts = condition.meta.pop()
    if len(parts) == 2:
        for one, other in (parts, parts[::-1]):
            if (one & other).meta.eq(condition):
                return [*_conjuncts(one), *_conjuncts(other)]
    return [condition]


def _of_mapping(name: str, wanted: Any) -> pl.Expr:
    """Return the condition of a value, a list of values, or a range."""
    match wanted:
        case tuple():
            if len(wanted) != 2:
                msg = f"the range of {name!r} has {len(wanted)} ends; give a tuple of the least and the most"
                raise InputError(msg)
            low, high = wanted
            return pl.col(name).is_between(pl.lit(low), pl.lit(high))
        case None:
            return pl.col(name).is_null()
        case str():
            return pl.col(name) == wanted
        case Sequence() | set() | frozenset():
            return pl.col(name).is_in(list(wanted))
        case _:
            return pl.col(name) == wanted


def holds(condition: pl.Expr, values: pl.Series, name: str) -> Flags:
    """Return whether a condition holds for each value; it does not for null unless it asks for null.

    Texts that are numbers or dates are compared as such where the condition needs it, and the other way round.

    Raises
    ------
    ColumnError
        The values cannot be compared so.
    """
    for read in (pl.Series.clone, _otherwise):
        attempt = read(values)
        try:
            found = attempt.alias(name).to_frame().select(condition.alias(name).fill_null(value=False)).to_series()
        except (*UNREADABLE, TypeError, ValueError):
            continue
        # An aggregate is one value, whatever the number of rows.
        aggregates = values.len() < 2 and _aggregates(condition, attempt, name)
        if found.dtype == pl.Boolean and found.len() == values.len() and not aggregates:
            return found.to_numpy().astype(np.bool_)
    msg = (
        f"the condition on {name!r} does not fit values of type {values.dtype}; compare it with values of that type, "
        "and do not aggregate"
    )
    raise ColumnError(msg)


def _aggregates(condition: pl.Expr, values: pl.Series, name: str) -> bool:
    """Return whether a condition is one value for the whole column."""
    empty = values.clear().alias(name).to_frame()
    return empty.select(condition.alias(name)).height > 0


def _otherwise(values: pl.Series) -> pl.Series:
    """Return texts as what they stand for, and other values as texts."""
    if values.dtype != pl.String:
        return values.cast(pl.String, strict=False)
    known = values.drop_nulls()
    kind = typed_texts(known).dtype
    return values.cast(kind, strict=False) if kind.is_numeric() else values.str.to_date("%Y-%m-%d", strict=False)
