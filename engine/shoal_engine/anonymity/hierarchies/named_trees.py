"""Trees with named nodes: ARX's CSV files, and tables of a policy."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa

from shoal_engine.anonymity.hierarchies.levels import ROOT, Level, places_of
from shoal_engine.anonymity.policy.hierarchies import NamedTree
from shoal_engine.errors import HierarchyError


def rows_of(tree: NamedTree, column: str, folder: str | Path = "") -> list[list[str]]:
    """Return ``leaf, level 1, ..., root`` rows of a tree, from its file or its nodes.

    Raises
    ------
    HierarchyError
        The file cannot be read, or the rows are not one tree.
    """
    if tree.file is None:
        return rows_of_nodes(tree.nodes or {}, column)
    return read_tree(Path(folder) / tree.file, f"hierarchy of `{column}`, file `{tree.file}`")


def read_tree(path: Path, where: str) -> list[list[str]]:
    """Read ``leaf;level 1;...;*`` rows in UTF-8, as ARX writes them; blank lines are passed over.

    Where the first line has no semicolon, commas or tabs separate.

    Parameters
    ----------
    path : Path
    where : str
        What messages begin with.

    Raises
    ------
    HierarchyError
        The file cannot be read, is not UTF-8, or its rows are not one tree; the message holds the row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=_separator(file), strict=True)
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not `;`-separated UTF-8 text"
        msg = f"{where}, cannot be read: {reason}"
        raise HierarchyError(msg) from None
    check_rows(rows, where)
    return [row for _, row in rows]


def _separator(file: TextIO) -> str:
    """Return what separates the entries of a file, as its first line that is not blank says."""
    first = next((line for line in file if line.strip()), "")
    file.seek(0)
    return next((sign for sign in ";\t," if sign in first), ";")


def write_tree(rows: Iterable[Sequence[str]], path: Path) -> None:
    """Write ``leaf;level 1;...;*`` rows in UTF-8, as ARX reads them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";", lineterminator="\n").writerows(rows)


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


def nodes_of(rows: Iterable[Sequence[str]]) -> dict[str, Any]:
    """Return the nested tables of ``leaf, level 1, ..., root`` rows; what `rows_of_nodes` reads.

    Raises
    ------
    HierarchyError
        The rows are not one tree.
    """
    rows = list(rows)
    check_rows(list(enumerate(rows, 1)), "the hierarchy")
    nodes: dict[str, Any] = {}
    for row in rows:
        below = nodes
        for node in row[:1:-1]:
            below = below.setdefault(node, {})
        below.setdefault(row[1], []).append(row[0])
    return nodes


def check_rows(rows: Sequence[tuple[int, Sequence[str]]], where: str) -> None:
    """Raise HierarchyError where numbered rows ``leaf, level 1, ..., root`` are not one tree.

    An empty leaf is the empty text, a value like others; a node needs a name.
    """
    if not rows:
        msg = f"{where}, holds no leaf; write one row a leaf, for example 12345;123**;*"
        raise HierarchyError(msg)
    (start, first), *_ = rows
    if len(first) < 2:
        msg = f"{where}, row {start} has leaves only; end each row with the root, for example 12345;*"
        raise HierarchyError(msg)
    leaves: dict[str, int] = {}
    parents: list[dict[str, tuple[str, int]]] = [{} for _ in first[1:]]
    for number, row in rows:
        problem = ""
        if len(row) != len(first):
            problem = f"has {len(row)} entries, the first row {len(first)}; give every leaf the same levels"
        elif "" in row[1:]:
            problem = f"has an empty entry {row.index('', 1) + 1}; name every node"
        elif row[0] in leaves:
            problem = f"lists a leaf again that row {leaves[row[0]]} has; list each leaf once"
        elif row[-1] != first[-1] and len({one[-1] for _, one in rows[1:]}) == 1 < len(rows) - 1:
            problem = f"ends in another root than row {start}: that looks like a header line; remove row {start}"
        elif row[-1] != first[-1]:
            problem = f"ends in another root than row {start}; end every row with the same one, for example *"
        else:
            problem = _second_parent(number, row, parents)
        if problem:
            msg = f"{where}, row {number} {problem}"
            raise HierarchyError(msg)
        leaves[row[0]] = number


def _second_parent(number: int, row: Sequence[str], parents: Sequence[dict[str, tuple[str, int]]]) -> str:
    """Note a row's parents; raise HierarchyError if a node is below another parent than in a row before."""
    for height, known in enumerate(parents):
        parent, before = known.setdefault(row[height], (row[height + 1], number))
        if parent != row[height + 1]:
            return (
                f"puts a node below a second parent: entry {height + 1} is as in row {before}, "
                f"entry {height + 2} is not; give each node of a level one parent, or another name"
            )
    return ""


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
            msg = f"{where}: below every node is a table of nodes or a list of leaves (text or numbers)"
            raise HierarchyError(msg)
    return paths


def _leaf(value: str | float) -> str:
    """Return a leaf as the text that a value of the data has: true, 1 for 1.0."""
    return pa.scalar(value).cast(pa.string()).as_py()
