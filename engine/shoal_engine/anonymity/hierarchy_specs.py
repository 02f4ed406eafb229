"""What a policy says of a hierarchy: how values generalize, before any data is seen.

All values are frozen. `msgspec` checks their types and ranges when they are read from TOML, and again when a
`Policy` is built from them in Python; what spans several fields is checked by each class itself.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from shoal_engine.errors import PolicyError

DateLevel: TypeAlias = Literal["day", "month", "quarter", "year"]

DATE_LEVELS: tuple[DateLevel, ...] = ("day", "month", "quarter", "year")


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


class Intervals(PolicyValue, frozen=True, tag_field="kind", tag="intervals"):
    """Half-open intervals of numbers, finer levels first; a value on a bound belongs to the upper one.

    Either `width` with `lower` and `upper`, or `bounds`.

    Attributes
    ----------
    width : sequence of numbers
        One width a level, each a multiple of the one before, from `lower` up to `upper`; the last interval
        of a level ends at `upper`.
    lower, upper : number
        The line that is cut up; ``lower <= value < upper``.
    bounds : sequence of sequences of numbers
        The ends of the intervals, ascending, one sequence a level, each made of bounds of the one before,
        all with the same first and last bound.
    """

    width: Sequence[int | float] = ()
    lower: int | float | None = None
    upper: int | float | None = None
    bounds: Sequence[Sequence[int | float]] = ()

    def _check(self) -> None:
        """Check that exactly one way is used, and that levels nest."""
        lower, upper = self.lower, self.upper
        by_width = bool(self.width) or lower is not None or upper is not None
        if by_width == bool(self.bounds):
            msg = "intervals need either `width` with `lower` and `upper`, or `bounds`"
            raise PolicyError(msg)
        numbers = [*self.width, *(n for level in self.bounds for n in level), lower or 0, upper or 0]
        if not all(math.isfinite(n) for n in numbers):
            msg = "intervals need finite numbers"
            raise PolicyError(msg)
        if by_width:
            if not self.width or lower is None or upper is None or lower >= upper:
                msg = "intervals by `width` need at least one width, and `lower` below `upper`"
                raise PolicyError(msg)
            if min(self.width) <= 0:
                msg = "every `width` must be above 0"
                raise PolicyError(msg)
            exact = [Fraction(str(width)) for width in self.width]
            if any(wide <= narrow or wide % narrow for narrow, wide in pairwise(exact)):
                msg = "each `width` must be a larger multiple of the one before, as in width = [5, 10]"
                raise PolicyError(msg)
            return
        finer: Sequence[int | float] = self.bounds[0]
        for level in self.bounds:
            if len(level) < 2 or any(a >= b for a, b in pairwise(level)):
                msg = "each level of `bounds` needs at least two numbers, ascending"
                raise PolicyError(msg)
            if not set(level) <= set(finer) or (level[0], level[-1]) != (finer[0], finer[-1]):
                msg = "each level of `bounds` uses bounds of the level before it, the first and last included"
                raise PolicyError(msg)
            finer = level


class Order(PolicyValue, frozen=True, tag_field="kind", tag="order"):
    """Leaves on a line, at equal distances, in the declared order.

    Attributes
    ----------
    values : sequence of str
        Every value that may occur, as text, lowest first.
    """

    values: Annotated[Sequence[str], Meta(min_length=1)]

    def _check(self) -> None:
        """Check that no value is listed twice."""
        if len(set(self.values)) != len(self.values):
            msg = "`values` of an order lists a value twice"
            raise PolicyError(msg)


class Prefix(PolicyValue, frozen=True, tag_field="kind", tag="prefix"):
    """Texts that lose one character after the other from the end: 12345, 1234*, 123**, ...

    Attributes
    ----------
    mask : str
        The one character that stands for a lost one.
    keep : sequence of int
        How many characters to keep at each level, descending; empty for every length there is.
    """

    mask: Annotated[str, Meta(min_length=1, max_length=1)] = "*"
    keep: Sequence[Annotated[int, Meta(ge=1)]] = ()

    def _check(self) -> None:
        """Check that every level keeps fewer characters than the one before."""
        if any(a <= b for a, b in pairwise(self.keep)):
            msg = "`keep` must descend, for example keep = [4, 3, 2]"
            raise PolicyError(msg)


class Dates(PolicyValue, frozen=True, tag_field="kind", tag="date"):
    """Dates by calendar: 2024-05-17, 2024-05, 2024-Q2, 2024.

    Attributes
    ----------
    levels : sequence of str
        Some of day, month, quarter, year, finer first.
    """

    levels: Annotated[Sequence[DateLevel], Meta(min_length=1)] = DATE_LEVELS

    def _check(self) -> None:
        """Check that levels are ordered from fine to coarse."""
        places = [DATE_LEVELS.index(level) for level in self.levels if level in DATE_LEVELS]
        if any(a >= b for a, b in pairwise(places)):
            msg = "`levels` must go from fine to coarse: day, month, quarter, year"
            raise PolicyError(msg)


class NamedTree(PolicyValue, frozen=True, tag_field="kind", tag="tree"):
    """A tree with named nodes, from a file or written out.

    Attributes
    ----------
    file : str
        ``leaf;level 1;...;*`` a line, as ARX writes it, UTF-8; relative to the policy's folder.
    nodes : mapping
        Name of a node to a table of its children, or to the list of its leaves. One top entry is the root;
        several stand below a root named ``*``.
    """

    file: str | None = None
    nodes: Mapping[str, Any] | None = None

    def _check(self) -> None:
        """Check that the tree comes from exactly one place."""
        if bool(self.file) == bool(self.nodes):
            msg = "a tree needs either `file` or `nodes`"
            raise PolicyError(msg)


Hierarchy: TypeAlias = Intervals | Order | Prefix | Dates | NamedTree


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
