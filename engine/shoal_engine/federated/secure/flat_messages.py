"""Messages as flat fields of few types, for any transport that carries named numbers, bytes and lists of these.

Read back, everything is looked at: fields come from others, and nothing in them is ever run.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import SecureAggregationError
from shoal_engine.federated.secure.messages import (
    AdvertisedKeys,
    ByNode,
    DeliveredShares,
    Message,
    Partners,
    RevealRequest,
    Roster,
)

Field: TypeAlias = "int | float | str | bytes | list[int] | list[bytes] | npt.NDArray[np.uint64]"
Fields: TypeAlias = dict[str, Field]
ToNode: TypeAlias = Roster | DeliveredShares | Partners | RevealRequest

_Said = TypeVar("_Said", bound="Message | ToNode")
_KEYS = ("sender", "encryption_key", "mask_key", "signature")
"""What a roster tells of each node; session and round are the roster's own."""


def flattened(message: Message | ToNode) -> Fields:
    """Return a message as fields; mappings by node become two lists."""
    found: Fields = {}
    for field in fields(message):
        value: Any = getattr(message, field.name)
        if field.type == ByNode:
            found |= of_nodes(field.name, value)
        elif field.type == tuple[AdvertisedKeys, ...]:
            found |= {f"{field.name}_{name}": [getattr(keys, name) for keys in value] for name in _KEYS}
        else:
            found[field.name] = list[int](value) if isinstance(value, tuple) else value
    return found


def restored(kind: type[_Said], entries: Mapping[str, Any]) -> _Said:
    """Return the message of some fields.

    Raises
    ------
    SecureAggregationError
        A field is missing, of another type, or a number below 0.
    """
    return kind(**{field.name: _value(field.name, field.type, entries) for field in fields(kind)})


def of_nodes(name: str, values: ByNode) -> Fields:
    """Return bytes by node as two fields."""
    return {f"{name}_nodes": [node for node, _ in values], name: [each for _, each in values]}


def by_node(name: str, entries: Mapping[str, Any]) -> ByNode:
    """Return bytes by node, from two fields.

    Raises
    ------
    SecureAggregationError
    """
    nodes, values = ints(f"{name}_nodes", entries), texts(name, entries)
    if len(nodes) != len(values):
        raise _malformed(name)
    return tuple(zip(nodes, values, strict=True))


def integer(name: str, entries: Mapping[str, Any]) -> int:
    """Return a number from 0 on.

    Raises
    ------
    SecureAggregationError
    """
    return _of(int, name, entries.get(name))


def octets(name: str, entries: Mapping[str, Any]) -> bytes:
    """Return bytes.

    Raises
    ------
    SecureAggregationError
    """
    return _of(bytes, name, entries.get(name))


def ints(name: str, entries: Mapping[str, Any]) -> tuple[int, ...]:
    """Return a list of numbers from 0 on.

    Raises
    ------
    SecureAggregationError
    """
    return tuple(_of(int, name, each) for each in _of(list, name, entries.get(name)))


def texts(name: str, entries: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Return a list of bytes.

    Raises
    ------
    SecureAggregationError
    """
    return tuple(_of(bytes, name, each) for each in _of(list, name, entries.get(name)))


def _value(name: str, kind: Any, entries: Mapping[str, Any]) -> Any:
    if kind is int:
        return integer(name, entries)
    if kind is bytes:
        return octets(name, entries)
    if kind == ByNode:
        return by_node(name, entries)
    if kind == tuple[int, ...]:
        return ints(name, entries)
    if kind == tuple[AdvertisedKeys, ...]:
        return _keys(name, entries)
    return _of(np.ndarray, name, entries.get(name))


def _keys(name: str, entries: Mapping[str, Any]) -> tuple[AdvertisedKeys, ...]:
    session, number = octets("session", entries), integer("round", entries)
    nodes = ints(f"{name}_sender", entries)
    columns = [texts(f"{name}_{column}", entries) for column in _KEYS[1:]]
    if any(len(column) != len(nodes) for column in columns):
        raise _malformed(name)
    return tuple(AdvertisedKeys(session, number, *one) for one in zip(nodes, *columns, strict=True))


def _of(kind: type[Any], name: str, value: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool) or (kind is int and value < 0):
        raise _malformed(name)
    return value


def _malformed(name: str) -> SecureAggregationError:
    msg = f"a message of secure aggregation has no field {name!r} of the type it must have; use one version everywhere"
    return SecureAggregationError(msg)
