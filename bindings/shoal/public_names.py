"""Public names that are loaded at first use; a stub beside the module lists each once, with its module."""

import pkgutil
import re
from importlib import import_module
from typing import Any


class LazyNames:
    """The names that a stub exports, as ``from module import name as name``.

    Parameters
    ----------
    module : str
        Module that offers the names, for error messages.
    stub : str
        File name of the stub, in the folder of `shoal`.

    Examples
    --------
    >>> names = LazyNames("shoal.federated", "federated.pyi")
    >>> names.homes["Krum"]
    'shoal_engine.federated.rules.krum'
    """

    def __init__(self, module: str, stub: str) -> None:
        text = (pkgutil.get_data("shoal", stub) or b"").decode()
        found = re.findall(r"^from (\w+\.\S+) import (\w+) as \2$", text, re.MULTILINE)
        self.module = module
        self.homes: dict[str, str] = {name: home for home, name in found}

    def load(self, name: str, names: dict[str, Any]) -> Any:
        """Return a public object, and keep it in `names`, the globals of the module.

        Raises
        ------
        AttributeError
            The stub does not list the name.
        """
        if name not in self.homes:
            msg = f"module {self.module!r} has no attribute {name!r}"
            raise AttributeError(msg)
        names[name] = value = getattr(import_module(self.homes[name]), name)
        return value
