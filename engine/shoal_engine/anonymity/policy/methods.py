"""The methods that make equivalence classes, by name."""

from typing import Final, Literal, TypeAlias, get_args

CutMethod: TypeAlias = Literal["tight", "mondrian", "mondrian-relaxed"]
"""Methods that cut or grow classes from the distinct tuples of a table."""
Method: TypeAlias = CutMethod | Literal["full-domain"]
"""Every method: those that cut, and full-domain generalization, which moves whole columns to levels."""
METHODS: Final[tuple[Method, ...]] = (*get_args(CutMethod), "full-domain")
"""Every method by name, the default first."""
