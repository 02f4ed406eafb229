"""Tests that name a module: they import it, or import the modules next to it that do."""

import ast
from collections.abc import Iterable
from pathlib import Path

ROOTS = ("kernels", "engine", "bindings")


def module_name(path: Path) -> str:
    """Return the dotted name of a source, relative to its root."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(tree: Path) -> dict[str, Path]:
    """Return every module of the product and every helper of the tests by name."""
    found: dict[str, Path] = {}
    for root in (*ROOTS, "tests"):
        for path in sorted((tree / root).rglob("*.py")):
            found[module_name(path.relative_to(tree / root))] = path
    return found


def imports(path: Path, known: Iterable[str]) -> set[str]:
    """Return the known modules that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return names & set(known)


class Naming:
    """Which tests name which module; imports of helpers below `tests` are followed."""

    def __init__(self, tree: Path) -> None:
        self._modules = sources(tree)
        self._imports = {name: imports(path, self._modules) for name, path in self._modules.items()}
        self._tests = {name for name, path in self._modules.items() if path.name.startswith("test_")}
        self._helpers = {
            name
            for name, path in self._modules.items()
            if path.is_relative_to(tree / "tests") and name not in self._tests
        }

    def tests_of(self, module: str, at_least: int = 1) -> list[Path]:
        """Return the tests that import a module directly or by a helper, widened by its importers until enough."""
        reached = {module}
        found: set[str] = set()
        while True:
            importers = {name for name, imported in self._imports.items() if imported & reached} - reached
            found |= importers & self._tests
            helpers = importers & self._helpers
            if helpers:
                reached |= helpers
                continue
            if len(found) >= at_least or not importers - self._tests:
                return sorted(self._modules[name] for name in found)
            reached |= importers
