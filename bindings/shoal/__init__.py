"""Privacy engine: k-anonymity, differential privacy and federated learning for tables of people.

`assess` measures the privacy of a table, `anonymize` releases a k-anonymous table, and `verify` checks a release
from its rows alone. The same functions are methods of ``df.shoal`` and ``lf.shoal``.
"""

import importlib
import pkgutil
import re
from typing import Any

from shoal import forking as forking  # notes forks from now on
from shoal import namespaces as namespaces  # registers the Polars namespaces

_SUBMODULES = ("dp", "federated", "flower")
# Names are loaded on first use, so that importing shoal costs little more than Polars; the stub is the one list.
_STUB = (pkgutil.get_data(__name__, "__init__.pyi") or b"").decode()
_HOME = {name: module for module, name in re.findall(r"^from (\w+\.\S+) import (\w+) as \2$", _STUB, re.MULTILINE)}

__version__ = "0.1.0"
__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name in _SUBMODULES:
        return importlib.import_module(f"shoal.{name}")
    if name not in _HOME:
        msg = f"module 'shoal' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, *_SUBMODULES, "__version__"]
