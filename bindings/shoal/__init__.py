"""Privacy engine: k-anonymity, differential privacy and federated learning for tables of people.

`assess` measures the privacy of a table, `anonymize` releases a k-anonymous table, and `verify` checks a release
from its rows alone. The same functions are methods of ``df.shoal`` and ``lf.shoal``.
"""

import importlib
from typing import Any

from shoal import forking as forking  # notes forks from now on
from shoal import namespaces as namespaces  # registers the Polars namespaces
from shoal.public_names import LazyNames
from shoal.usefulness import label_expressions as label_expressions  # and that of expressions

_SUBMODULES = ("attack", "dp", "federated", "flower", "ml")
# Names are loaded at first use, so that importing shoal costs little more than polars; the stub lists them once.
_NAMES = LazyNames(__name__, "__init__.pyi")

__version__ = "0.1.0"
__all__ = sorted(_NAMES.homes)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name in _SUBMODULES:
        return importlib.import_module(f"shoal.{name}")
    return _NAMES.load(name, globals())


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, *_SUBMODULES, "__version__"]
