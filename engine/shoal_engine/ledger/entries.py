"""Entries of a ledger, each bound to the one before it by a hash, and receipts that prove one."""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, NoReturn, TypeAlias

from shoal_engine.errors import InputError, PolicyError
from shoal_engine.ledger.budgets import UNIT, Amounts, added

Unit: TypeAlias = tuple[str, ...] | None
"""Names of columns; None where each row is a unit."""

NOTHING = "0" * 64
"""Hash before the first entry."""


class Mark(NamedTuple):
    """Identifies a line: its number, and the hash that binds it to all before it."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger.

    Attributes
    ----------
    number : int
        From 0, the line that opens the ledger.
    time : str
        UTC, as ISO 8601 writes it.
    policy, dataset : str
        Digest or name of the policy, and of the data.
    unit : str
        Whose privacy is protected, as JSON: a list of columns, or null where each row is a unit. In lines of version 1
        the names of the columns, with commas between them, or row.
    events : str
        Privacy events, as JSON.
    cost, spent : tuple of two Fraction
        Of this line, and of all up to it.
    previous, hash : str
        SHA-256, in hexadecimal: of the line before, and of this one with it.
    neighbors, law, fingerprint : str
        Which tables count as neighbors; the distribution of the noise, empty where there are several or none; and a
        fingerprint of the data, see `shoal.queries.charging`. All empty in lines of version 1.
    version : int
        Version of the form of the line, which its hash covers.
    label : str
        Question or purpose, for people who read the ledger; empty in lines before version 3.
    """

    number: int
    time: str
    policy: str
    dataset: str
    unit: str
    events: str
    cost: Amounts
    spent: Amounts
    previous: str
    hash: str = ""
    neighbors: str = ""
    law: str = ""
    fingerprint: str = ""
    version: int = 3
    label: str = ""

    @property
    def mark(self) -> Mark:
        """Return the number and hash that identify this line."""
        return Mark(self.number, self.hash)

    def sealed(self) -> "Entry":
        """Return the entry with its hash."""
        return replace(self, hash=self._digest())

    @property
    def is_sealed(self) -> bool:
        """Return whether the hash matches the entry."""
        if self.version == 1 and (self.neighbors or self.law or self.fingerprint):
            return False
        if self.version < 3 and self.label:
            return False
        return self.version in (1, 2, 3) and self.hash == self._digest()

    def follows(self, before: "Entry | None") -> bool:
        """Return whether the entry continues another, or opens a ledger."""
        if before is None:
            return self.number == 0 and self.previous == NOTHING and self.spent == (0, 0)
        spent = added(before.spent, self.cost)
        return (self.number, self.previous, self.spent) == (before.number + 1, before.hash, spent) and (
            self.version >= before.version
        )

    def _digest(self) -> str:
        """Return the hash of everything but the hash: JSON with sorted keys and without spaces."""
        if self.version == 1:
            told = {name: getattr(self, name) for name in _FIRST_FIELDS}
            told |= {name: [int(one / UNIT) for one in getattr(self, name)] for name in ("cost", "spent")}
        else:
            # Not `asdict`, which copies in depth and takes half the time of a walk.
            left_out = ("hash",) if self.version > 2 else ("hash", "label")
            told = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in left_out}
            told |= {name: [str(one) for one in getattr(self, name)] for name in ("cost", "spent")}
        return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


_FIRST_FIELDS = ("number", "time", "policy", "dataset", "unit", "events", "previous")
"""What lines of version 1 hold beside amounts and their hash."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a cost is in a ledger, durably; whoever draws noise asks for it.

    Attributes
    ----------
    ledger : str
        Path of the ledger.
    number : int
    hash : str
        Hash of the entry; with it anybody can check later that the ledger still holds it.
    """

    ledger: str
    number: int
    hash: str


def text_of(value: object, *, name: str) -> str:
    """Return text that a line can hold.

    Raises
    ------
    InputError
        It is no text, or half of a character.
    """
    if isinstance(value, str):
        with contextlib.suppress(UnicodeEncodeError):
            value.encode()
            return value
    msg = f"the {name} of a line in a ledger is text, and UTF-8 cannot hold this; give text"
    raise InputError(msg)


def json_of(value: object) -> str:
    """Return events that a line can hold: JSON as everybody reads it, without NaN.

    Raises
    ------
    InputError
        It is no JSON.
    """
    text = text_of(value, name="events")
    try:
        json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        msg = "the events of a line in a ledger are JSON, and these are not; give `plan.event`, or '{}'"
        raise InputError(msg) from None
    return text


def _refused(name: str) -> NoReturn:
    raise ValueError(name)


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
