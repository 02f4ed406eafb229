"""The base of everything that a policy says: frozen values that check themselves."""

from typing import Any

from msgspec import Struct
from msgspec.structs import force_setattr

from shoal_engine.errors import PolicyError


class PolicyValue(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A frozen part of a policy; lists given to it are kept as tuples."""

    def __post_init__(self) -> None:
        """Freeze the lists, then check."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, list):
                force_setattr(self, name, _frozen(value))
        try:
            self._check()
        except TypeError as error:
            msg = f"a value of {type(self).__name__} has the wrong type; see help({type(self).__name__})"
            raise PolicyError(msg) from error

    def _check(self) -> None:
        """Raise PolicyError where fields contradict each other."""


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
