"""Observation of a Polars frame, batch by batch."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from shoal.io.lazy_frames import NOT_ARROW, UNREADABLE, batches, read_to_end, schema_of
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.table.observation import Observation, counted_columns, needed_columns
from shoal_engine.errors import ColumnError, InputError, PolicyError
from shoal_engine.observing import observe_all
from shoal_engine.tables.column_names import check_columns

if TYPE_CHECKING:
    from shoal_engine.tables.grouping import Codes

OnProgress: TypeAlias = Callable[[str], None]
"""Called with the step that begins: reading, grouping, partitioning, writing, verifying."""


def quietly(step: str) -> None:
    """Report no step."""


def observe(frame: pl.LazyFrame, policy: Policy, *, carry: bool, n_threads: int, in_order: bool = False) -> Observation:
    """Observe every row of a frame, in order if `in_order`.

    Raises
    ------
    InputError
        The frame's files cannot be read to their end.
    ColumnError
        A column of the policy is missing or of a type that cannot be observed.
    """
    if not policy.quasi_identifiers:
        msg = "the policy names no quasi-identifier; decide which of its undecided columns others may know"
        raise PolicyError(msg)
    schema = schema_of(frame)
    check_columns([*policy.columns, *[policy.unit] * (policy.unit != "")], schema.names())
    columns = needed_columns(policy) if carry else counted_columns(policy)
    check_readable(schema, columns)
    observation = Observation(policy, carry=carry, n_threads=n_threads)
    try:
        return observe_all(observation, batches(frame, columns, in_order=in_order))
    except UNREADABLE:
        # Without the cause: the engine's own message may quote a cell of a malformed file.
        msg = "the input cannot be read to its end: it is truncated, damaged or not of its declared types"
        raise InputError(msg) from None


def check_readable(schema: pl.Schema, columns: Sequence[str]) -> None:
    """Check that a table has some columns, and that Arrow can take them.

    Raises
    ------
    ColumnError
        A column is missing or of a type that Arrow cannot take.
    """
    check_columns(columns, schema.names())
    for name in columns:
        if isinstance(schema[name], NOT_ARROW):
            msg = f"column {name!r} has type {schema[name]}, which Arrow cannot take; cast it to another"
            raise ColumnError(msg)


def column_list(columns: Sequence[str]) -> list[str]:
    """Return names of columns as a list; raise PolicyError if it is empty or has duplicates."""
    names = list(columns)
    if isinstance(columns, str) or not names or len(set(names)) != len(names):
        msg = "columns is a list that names at least one column, and each once"
        raise PolicyError(msg)
    return names


def collected(frame: pl.LazyFrame, columns: list[str]) -> pl.DataFrame:
    """Collect a whole table, after a check that Arrow can hold the given columns.

    Raises
    ------
    InputError
        The frame's files cannot be read to their end, or hold no rows.
    ColumnError
        A column is missing or of a type that Arrow cannot take.
    """
    schema = schema_of(frame)
    check_readable(schema, columns)
    table = read_to_end(frame)
    if not table.height:
        msg = "the table has no rows"
        raise InputError(msg)
    return table


def coded_columns(frame: pl.LazyFrame, columns: list[str], *, n_threads: int) -> "tuple[list[Codes], list[int]]":
    """Return the codes of whole columns and the number of distinct values of each; null is a value.

    Raises
    ------
    ColumnError, InputError
        As `collected` does, or a type cannot be encoded.
    """
    from shoal_engine.risk.discovery import encode_columns

    check_columns(columns, schema_of(frame).names())
    table = collected(frame.select(columns), columns)
    newest = pl.CompatLevel.newest()
    return encode_columns({name: table[name].to_arrow(compat_level=newest) for name in columns}, n_threads=n_threads)
