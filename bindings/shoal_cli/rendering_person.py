"""One invented person of a table, compared with a matching released row."""

from collections.abc import Iterator
from typing import Any

import polars as pl
from rich.console import Console

_CONSOLE = Console(markup=False, highlight=False)
_NAME, _BEFORE = 17, 27


def show_person(records: pl.DataFrame, released: pl.DataFrame) -> None:
    """Print a released row next to a person that it matches, column by column, without truncation.

    Parameters
    ----------
    records : pl.DataFrame
        Table of invented people; the cells of one of them are printed.
    released : pl.DataFrame
        At least one row of its release.
    """
    row = released.row(0, named=True)
    person = next(_matching(records, row))
    _CONSOLE.print(f"{'one invented person':<{_NAME}} before".ljust(_NAME + _BEFORE) + "after", style="bold")
    for name, value in person.items():
        after = _shortened(row[name], value) if name in row else "(dropped)"
        _CONSOLE.print(f"{name:<{_NAME}}{_text(value):<{_BEFORE}}{after}", soft_wrap=True)
    _CONSOLE.print()


def _matching(records: pl.DataFrame, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the records whose every value is in the label of a released row."""
    for record in records.iter_rows(named=True):
        if all(_holds(label, record[name]) for name, label in row.items()):
            yield record


def _holds(label: Any, value: Any) -> bool:
    """Return whether a label covers a value."""
    text = _text(value)
    if not isinstance(label, str) or label in (text, "*"):
        return label in (value, "*")
    if label.startswith("{"):
        return text in _items(label)
    if label.startswith("["):
        ends = label[1:-1].split(", ")
        return _between(ends, text)
    return label.endswith("*") and text.startswith(label.rstrip("*"))


def _between(ends: list[str], text: str) -> bool:
    """Return whether a number or date lies between two others."""
    try:
        return float(ends[0]) <= float(text) <= float(ends[1])
    except ValueError:
        return ends[0] <= text <= ends[1]


def _shortened(label: Any, value: Any) -> str:
    """Return a short form of a label."""
    text = _text(label)
    if text == _text(value):
        return text
    if text.startswith("["):
        return " to ".join(text[1:-1].split(", "))
    return f"{len(_items(text))} values, this among them" if text.startswith("{") else text


def _items(label: str) -> list[str]:
    """Return the values of a set label."""
    return ["-" if item == "null" else item for item in label[1:-1].split(", ")]


def _text(value: Any) -> str:
    """Return a value as text."""
    return "-" if value is None else str(value)
