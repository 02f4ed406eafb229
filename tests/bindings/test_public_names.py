"""Public names: one list, typed where a checker looks, loaded where Python does."""

import ast
import importlib
import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal import namespaces

STUB = Path(shoal.__file__).with_suffix(".pyi")


def listed() -> dict[str, str]:
    """Return the names of the stub, as Python's own parser reads them, with their modules."""
    imports = [node for node in ast.parse(STUB.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    return {name.asname: node.module for node in imports for name in node.names if node.module != "shoal"}


def test_names__stub_and_runtime_agree() -> None:
    assert shoal.__all__ == sorted(listed())
    for name, module in listed().items():
        assert getattr(shoal, name) is getattr(importlib.import_module(module), name)


def test_names__one_that_differs_by_case_alone_is_the_result_or_the_declaration_of_the_other() -> None:
    pairs = {name.lower() for name in shoal.__all__ if name.lower() != name and name.lower() in shoal.__all__}
    assert pairs == {"estimate", "frontier", "look", "microaggregate", "suda", "utility"}


@pytest.mark.parametrize("name", ["anonymize", "assess", "look", "lattice", "verify"])
def test_namespace__takes_what_the_function_takes(name: str) -> None:
    function: Callable[..., Any] = getattr(shoal, name)
    method = getattr(namespaces.Shoal, name)
    (options,) = typing.get_args(method.__annotations__["options"])
    taken = set(options.__annotations__)
    expected = {
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind.name == "KEYWORD_ONLY"
    }
    assert taken == expected


def test_namespace__every_public_method_is_a_public_function() -> None:
    methods = [name for name in vars(namespaces.Shoal) if not name.startswith("_")]
    assert set(methods) <= set(shoal.__all__)
    assert isinstance(pl.DataFrame({"a": [1]}).shoal, namespaces.Shoal)
