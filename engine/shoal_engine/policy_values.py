"""The base of everything that a policy says: frozen values that check themselves."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import force_setattr

from shoal_engine.errors import PolicyError

MOST = 10**12
"""No count in a policy is larger: more rows than any table has, and products with rows fit 64 bits."""
LARGEST = 2**63 - 1
"""No whole number in a policy is further from 0."""


class PolicyValue(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A frozen part of a policy; lists given to it are kept as tuples."""

    def __post_init__(self) -> None:
        """Freeze the lists, then check."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, list):
                force_setattr(self, name, _frozen(value))
        if any(
            abs(number) > LARGEST for number in _whole_numbers([getattr(self, name) for name in self.__struct_fields__])
        ):
            msg = f"{type(self).__name__} has an integer beyond 64 bits; give one between -2**63 and 2**63"
            raise PolicyError(msg)
        try:
            self._check()
        except TypeError as error:
            msg = f"a value of {type(self).__name__} has the wrong type; see help({type(self).__name__})"
            raise PolicyError(msg) from error

    def _check(self) -> None:
        """Raise PolicyError where fields contradict each other."""

    def tag(self) -> str:
        """Return the name of this kind of value in a policy."""
        return str(type(self).__struct_config__.tag)


def _whole_numbers(values: Iterable[Any]) -> Iterator[int]:
    """Yield the integers among values, also those in lists and mappings."""
    for value in values:
        if isinstance(value, int):
            yield value
        elif isinstance(value, Mapping):
            yield from _whole_numbers(value.values())
        elif isinstance(value, list | tuple):
            yield from _whole_numbers(value)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
