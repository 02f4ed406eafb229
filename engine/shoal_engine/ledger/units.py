"""Whose privacy a ledger protects: the columns that identify units, or single rows."""

import json
from collections.abc import Sequence
from typing import TypeAlias

from shoal_engine.errors import PolicyError
from shoal_engine.ledger.entries import text_of

Unit: TypeAlias = tuple[str, ...] | None
"""Names of columns; None where each row is a unit."""


def unit_of(unit: str | Sequence[str] | None) -> Unit:
    """Return a unit as it was declared; the text ``"row"`` means single rows, and ``["row"]`` a column of that name.

    Raises
    ------
    InputError
        A name is no text.
    PolicyError
        There is no name, or one twice.

    Examples
    --------
    >>> unit_of("who"), unit_of(["a", "b"]), unit_of("a,b"), unit_of("row"), unit_of(["row"])
    (('who',), ('a', 'b'), ('a,b',), None, ('row',))
    """
    if unit is None or (isinstance(unit, str) and unit == "row"):
        return None
    listed = list(unit) if isinstance(unit, list | tuple) else [unit]
    columns = tuple(text_of(name, name="unit") for name in listed)
    if not columns or len(set(columns)) < len(columns) or "" in columns:
        msg = "the unit of a ledger names each of its columns once; give at least one, or None to protect single rows"
        raise PolicyError(msg)
    return columns


def write_unit(unit: Unit) -> str:
    """Return a unit as lines hold it: JSON."""
    return json.dumps(None if unit is None else list(unit))


def read_unit(text: str, version: int) -> Unit:
    """Return the unit that a line of some version holds; of version 1 row may be a column, and commas part of a name.

    Raises
    ------
    ValueError
        It holds none.
    """
    if version == 1:
        return None if text == "row" else (text,)
    found = json.loads(text)
    if found is None:
        return None
    if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
        raise ValueError(text[:40])
    return tuple(found)


def describe_unit(unit: Unit) -> str:
    """Describe a unit, for messages."""
    return "single rows" if unit is None else f"{list(unit)}"
