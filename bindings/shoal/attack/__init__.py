"""Attacks on releases, run for real: what somebody who knows something about people finds in a table.

An attack never lowers what a policy guarantees: for a limit, the larger of both counts.
"""

from typing import Any

from shoal.public_names import LazyNames

# Loaded at first use: attacks need numpy and pyarrow. The stub lists the names.
_NAMES = LazyNames(__name__, "attack/__init__.pyi")
__all__ = sorted(_NAMES.homes)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    return _NAMES.load(name, globals())


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
