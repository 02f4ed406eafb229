"""Trees with named nodes: ARX's CSV files, and tables of a policy."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shoal_engine.anonymity.levels import ROOT, Level, places_of
from shoal_engine.errors import HierarchyError


def read_tree(path: Path, column: str) -> list[list[str]]:
    """Read ``leaf;level 1;...;*`` rows in UTF-8, as ARX writes them; blank lines are passed over.

    Raises
    ------
    HierarchyError
        The file cannot be read, is not UTF-8, or its rows are not one tree; the message holds the row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [(reader.line_num, row) for reader in [csv.reader(file, delimiter=";")] for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not `;`-separated UTF-8 text"
        msg = f"hierarchy of `{column}`, file `{path}`, cannot be read: {reason}"
        raise HierarchyError(msg) from error
    check_rows(rows, f"hierarchy of `{column}`, file `{path}`")
    return [row for _, row in rows]


def rows_of_nodes(nodes: Mapping[str, Any], column: str) -> list[list[str]]:
    """Return ``leaf, level 1, ..., root`` rows of nested tables.

    A table's keys are nodes, a list holds leaves, an empty list makes its key a leaf. A single top entry with
    children is the root; else the root is ``*``. A leaf above the deepest level is its own node down there.

    Raises
    ------
    HierarchyError
        Something stands for neither node nor leaf, or the rows are not one tree.
    """
    where = f"hierarchy of `{column}`, `nodes`"
    paths = _paths(nodes, (), where)
    if len(nodes) > 1 or any(len(path) < 2 for path in paths):
        paths = [(ROOT, *path) for path in paths]
    depth = max(map(len, paths), default=0)
    rows = [[path[-1]] * (depth - len(path)) + list(path[::-1]) for path in paths]
    check_rows(list(enumerate(rows, 1)), where)
    return rows


def check_rows(rows: Sequence[tuple[int, Sequence[str]]], where: str) -> None:
    """Raise HierarchyError where numbered rows ``leaf, level 1, ..., root`` are not one tree."""
    if not rows:
        msg = f"{where}, holds no leaf; write one row a leaf, for example 12345;123**;*"
        raise HierarchyError(msg)
    width, root = len(rows[0][1]), rows[0][1][-1]
    if width < 2:
        msg = f"{where}, has leaves only; end each row with the root, for example 12345;*"
        raise HierarchyError(msg)
    leaves: set[str] = set()
    parents: list[dict[str, str]] = [{} for _ in range(width)]
    for number, row in rows:
        problem = ""
        if len(row) != width:
            problem = f"has {len(row)} entries, the first row {width}; give every leaf the same levels"
        elif row[0] in leaves:
            problem = "lists a leaf again; list each leaf once"
        elif row[-1] != root:
            problem = "ends in another root than the first; end every row with the same one, for example *"
        elif any(parents[h].setdefault(row[h], row[h + 1]) != row[h + 1] for h in range(width - 1)):
            problem = "puts a node below a second parent; give each node of a level one parent, or another name"
        if problem:
            msg = f"{where}, row {number} {problem}"
            raise HierarchyError(msg)
        leaves.add(row[0])


def named_levels(rows: Sequence[Sequence[str]], values: pa.Array, column: str) -> list[Level]:
    """Return the levels of a tree over the values that occur, leaves first and the root last.

    Parameters
    ----------
    rows : sequence of sequences of str
        ``leaf, level 1, ..., root``; checked.
    values : pa.Array
        Distinct values; they are leaves by their text, so 1 is the leaf ``1``.
    column : str
        For messages.

    Raises
    ------
    HierarchyError
        A value is not a leaf of the tree.
    """
    leaf_texts = pa.array([row[0] for row in rows], pa.string())
    place = places_of(values, leaf_texts, column)
    levels: list[Level] = []
    for height in range(len(rows[0])):
        encoded = pa.array([row[height] for row in rows], pa.string()).dictionary_encode()
        node = encoded.indices.to_numpy().astype(np.int64)
        levels.append(Level(node[place], encoded.dictionary, np.bincount(node).astype(np.int64)))
    return levels


def _paths(nodes: Mapping[str, Any], above: tuple[str, ...], where: str) -> list[tuple[str, ...]]:
    """Return the way from the top to each leaf."""
    paths: list[tuple[str, ...]] = []
    for name, below in nodes.items():
        way = (*above, str(name))
        if isinstance(below, Mapping) and below:
            paths += _paths(below, way, where)
        elif isinstance(below, list | tuple) and all(isinstance(leaf, str | int | float) for leaf in below):
            paths += [(*way, _leaf(leaf)) for leaf in below] or [way]
        else:
            msg = f"{where}: below every node stands a table of nodes or a list of leaves (text or numbers)"
            raise HierarchyError(msg)
    return paths


def _leaf(value: str | float) -> str:
    """Return a leaf as the text that a value of the data has: true, 1 for 1.0."""
    return pa.scalar(value).cast(pa.string()).as_py()
