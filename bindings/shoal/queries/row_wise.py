"""Steps on a private table that are row by row for certain: filters, new columns, joins with a public table.

A step that makes of each row at most one row, by that row alone, adds to no unit and moves none: neighbors before it
are neighbors after it, so that whatever is private of its output is private of its input (stability 1, McSherry 2009,
section 3.2). Expressions are read as they are written down and taken only if every operation in them is one of a
closed list; these look at one row, and none can fail for a value.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import UNREADABLE, schema_of
from shoal_engine.errors import ColumnError, InputError, PolicyError
from shoal_engine.tables.column_names import check_columns

_COMPARING = {"Eq", "EqValidity", "NotEq", "NotEqValidity", "Lt", "LtEq", "Gt", "GtEq", "And", "Or", "Xor"}
_RECKONING = {"Plus", "Minus", "Multiply", "TrueDivide"}
_BOOLEAN = {"IsNull", "IsNotNull", "IsNan", "IsNotNan", "IsFinite", "IsInfinite", "Not", "IsIn", "IsBetween"}
_TEXT = {"Lowercase", "Uppercase", "StartsWith", "EndsWith"}
_TEMPORAL = {"Year", "Month", "Day", "WeekDay", "Hour", "Minute", "Quarter"}
_NAMED = {"StringExpr": _TEXT, "TemporalExpr": _TEMPORAL, "Boolean": _BOOLEAN}
_OFFERED = "comparisons, & | ~, is_in, is_between, is_null, when/then, lower and upper case, parts of dates, + - * /"


def filtered(frame: pl.LazyFrame, predicates: Sequence[pl.Expr]) -> pl.LazyFrame:
    """Return the rows for which all predicates hold.

    Raises
    ------
    ColumnError
        A predicate names a column that is not there, or is of no truth value.
    PolicyError
        A predicate may look at more than single rows.
    """
    if not predicates:
        msg = "a filter needs a condition, for example pl.col('age') >= 18"
        raise PolicyError(msg)
    for one in predicates:
        _check(one, frame)
        (kind,) = _schema(frame.select(_result=one)).dtypes()
        if kind != pl.Boolean:
            msg = "a condition of a filter is true or false; compare the column with something"
            raise ColumnError(msg)
    return frame.filter(*predicates)


def with_columns(frame: pl.LazyFrame, columns: dict[str, pl.Expr], *, kept: Sequence[str]) -> pl.LazyFrame:
    """Return the frame with new columns.

    Parameters
    ----------
    columns : dict of name to expression
    kept : sequence of str
        Columns that may not be replaced: those that identify a privacy unit.

    Raises
    ------
    ColumnError, PolicyError
        As for `filtered`, or a column of the privacy unit would be replaced.
    """
    for name, one in columns.items():
        if name in kept:
            msg = f"column {name!r} identifies privacy units and cannot be replaced; give the new column another name"
            raise PolicyError(msg)
        _check(one, frame)
    made = frame.with_columns(**columns)
    _schema(made)
    return made


def joined(frame: pl.LazyFrame, public: IntoFrame, on: Sequence[str]) -> pl.LazyFrame:
    """Return the frame with the columns of a public table that has each key once; null where it has none.

    Raises
    ------
    ColumnError
        A key column is missing, of another type, or a further column is there already.
    InputError
        The public table cannot be read.
    PolicyError
        A key is in the public table twice, so that a row would become several.
    """
    theirs, mine = into_lazy(public), schema_of(frame)
    schema = schema_of(theirs)
    for table, present in (("the private table", mine), ("the public table", schema)):
        check_columns(on, present, by="the join", table=table, remedy="add it, or correct the name")
    for name in on:
        if mine[name] != schema[name]:
            msg = f"{name!r} is {mine[name]} in the private table and {schema[name]} in the public one; cast the latter"
            raise ColumnError(msg)
    twice = sorted({*mine} & {*schema} - {*on})
    if twice:
        msg = f"both tables have a column {twice[0]!r}; rename the public one"
        raise ColumnError(msg)
    try:
        table = theirs.collect()
    except UNREADABLE:
        msg = "the public table cannot be read to its end"
        raise InputError(msg) from None
    if table.select(on).is_duplicated().any():
        msg = f"the public table has a key of {', '.join(on)} twice, so a row could become several; keep one of each"
        raise PolicyError(msg)
    return frame.join(table.lazy(), on=list(on), how="left")


def _schema(frame: pl.LazyFrame) -> pl.Schema:
    """Return the schema of an expression, from types alone."""
    try:
        return schema_of(frame)
    except InputError:
        msg = "an expression names a column that the table does not have, or compares what cannot be compared"
        raise ColumnError(msg) from None


def _check(one: object, frame: pl.LazyFrame) -> None:
    """Check that an expression looks at single rows for certain."""
    if not isinstance(one, pl.Expr):
        msg = f"a step on a private table is a Polars expression, not a {type(one).__name__}"
        raise PolicyError(msg)
    try:
        written: Any = json.loads(one.meta.serialize(format="json"))
    except (pl.exceptions.PolarsError, ValueError, RecursionError):
        written = {"Unknown": None}
    operations = list(_operations(written))
    refused = sorted({name for name in operations if name not in _COMPARING | _RECKONING})
    if refused:
        msg = f"{refused[0]} is not known to look at single rows and never to fail; there are {_OFFERED}"
        raise PolicyError(msg)
    if _RECKONING & {*operations}:
        schema = schema_of(frame)
        for name in one.meta.root_names():
            if name in schema and not (schema[name].is_float() or schema[name].is_integer()):
                msg = (
                    f"column {name!r} is {schema[name]}, and sums of such can fail for a value; only numbers are added"
                )
                raise PolicyError(msg)


def _operations(node: Any) -> Iterator[str]:
    """Yield the operators of an expression, and the names of whatever is not on the list."""
    match node:
        case {"Column": str()}:
            return
        case {"Literal": {"Scalar": _} | {"Dyn": _}}:
            return
        case {"BinaryExpr": {"left": left, "op": str(op), "right": right}}:
            yield op
            yield from _operations(left)
            yield from _operations(right)
        case {"Alias": [inner, str()]}:
            yield from _operations(inner)
        case {"Ternary": {"predicate": condition, "truthy": one, "falsy": other}}:
            for inner in (condition, one, other):
                yield from _operations(inner)
        case {"Function": {"input": [_, other], "function": {"Boolean": {"IsIn": _}}}} if "Literal" not in other:
            # Of a column all rows are looked at.
            yield "is_in of a column"
        case {"Function": {"input": list(inputs), "function": dict(function)}} if _is_named(function):
            for inner in inputs:
                yield from _operations(inner)
        case {"Function": {"function": function}}:
            yield str(next(iter(function.values()), "a function") if isinstance(function, dict) else function)
        case dict() if node:
            yield str(next(iter(node)))
        case _:
            yield "an expression that cannot be read"


def _is_named(function: dict[str, Any]) -> bool:
    """Return whether a function is on the list, with or without options."""
    ((family, one),) = function.items() if len(function) == 1 else (("", ""),)
    name = one if isinstance(one, str) else next(iter(one), "") if isinstance(one, dict) else ""
    return name in _NAMED.get(family, ())
