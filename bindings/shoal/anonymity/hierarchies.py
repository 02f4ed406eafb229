"""Hierarchies as tables: built from values, or read from and written to ARX's CSV files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import batches, schema_of
from shoal_engine.anonymity.policy import hierarchies as specs
from shoal_engine.errors import ColumnError, InputError


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """A hierarchy with all its leaves.

    Attributes
    ----------
    frame : pl.DataFrame
        One row per leaf, one text column per level: ``leaf``, ``level_1`` and so on; the last is the root.
    """

    frame: pl.DataFrame

    @property
    def n_levels(self) -> int:
        """Number of levels, including leaves and root."""
        return self.frame.width

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return self.frame.height

    def write_csv(self, path: str | Path) -> None:
        """Write ``leaf;level 1;...;*`` rows in UTF-8, the format of ARX and of `NamedTree(file=...)`.

        Raises
        ------
        HierarchyError
            The names do not define one tree, because two nodes of a level have the same name.
        OutputError
            The file cannot be written.
        """
        from shoal.io.files import check_folder
        from shoal.io.writing import written_whole
        from shoal_engine.anonymity.hierarchies.named_trees import check_rows, write_tree

        rows = self.frame.rows()
        check_rows(list(enumerate(rows, 1)), "the hierarchy")
        check_folder(Path(path), [])
        with written_whole(Path(path)) as draft:
            write_tree(rows, draft)

    def named_tree(self) -> specs.NamedTree:
        """Return the hierarchy as a `NamedTree` for a policy.

        Raises
        ------
        HierarchyError
            As for `write_csv`.
        """
        from shoal_engine.anonymity.hierarchies.named_trees import nodes_of

        return specs.NamedTree(nodes=nodes_of(self.frame.rows()))

    def __repr__(self) -> str:
        """Return a one-line summary."""
        return f"Hierarchy({self.n_leaves} leaves, {self.n_levels} levels)"


def build_hierarchy(
    hierarchy: specs.Hierarchy,
    values: IntoFrame | pl.Series | Sequence[Any] | None = None,
    *,
    column: str | None = None,
    folder: str | Path = "",
) -> Hierarchy:
    """Build a hierarchy from its specification and the values of a column.

    Parameters
    ----------
    hierarchy : Intervals, Order, Redaction, Prefix, Dates, NamedTree, Priority or Auto
    values : frame, table, path, series or sequence, optional
        The rows of the column; their frequencies matter if the hierarchy is derived from the data. Nulls are
        ignored: a null is always directly below the root. Not needed if the specification declares its leaves;
        then all of them are built, whether they occur or not.
    column : str, optional
        Name of the column of a frame, table or path.
    folder : str or Path
        Folder of relative file paths.

    Raises
    ------
    HierarchyError
        The hierarchy is malformed, has no nodes, or does not cover the values.
    ColumnError
        There is no such column, or its type does not fit the hierarchy.
    InputError
        There are no values.
    PolicyError
        A field of the hierarchy is out of range.

    Examples
    --------
    >>> import shoal
    >>> ages = [21, 22, 22, 25, 31]
    >>> built = shoal.build_hierarchy(shoal.Intervals(width=[5], lower=20, upper=40), ages)
    >>> built.frame.row(0)
    ('21', '[20, 25)', '*')
    >>> built
    Hierarchy(4 leaves, 3 levels)
    """
    from shoal_engine.anonymity.hierarchies.named_trees import check_rows
    from shoal_engine.anonymity.hierarchies.trees import declared_leaves, plant, tree_table
    from shoal_engine.anonymity.policy.policy import hierarchy_of
    from shoal_engine.tables.columns import Domain

    hierarchy = hierarchy_of(hierarchy)
    name = column or (values.name if isinstance(values, pl.Series) else "") or "values"
    domain, count = (None, None) if values is None else _observed(values, column, name)
    leaves = declared_leaves(hierarchy, column=name, folder=folder)
    if domain is not None and leaves is not None:
        # Refuses values that are not among the leaves.
        plant(hierarchy, domain.values, has_null=domain.has_null, column=name, folder=folder, count=count)
    if leaves is not None:
        domain, count = Domain(pl.Series(leaves, dtype=pl.String).to_arrow(), has_null=False), None
    if domain is None or not len(domain.values):
        msg = f"hierarchy of `{name}` needs the values of its column, and it has none; give some that are not null"
        raise InputError(msg)
    tree = plant(hierarchy, domain.values, has_null=domain.has_null, column=name, folder=folder, count=count)
    frame = pl.DataFrame(tree_table(tree))
    check_rows(list(enumerate(frame.rows(), 1)), f"hierarchy of `{name}`")
    return Hierarchy(frame)


def read_hierarchy(path: str | Path) -> Hierarchy:
    """Read a hierarchy from ``leaf;level 1;...;*`` rows, the format of ARX, in the order of the file.

    Raises
    ------
    HierarchyError
        The file cannot be read, or its rows are not one tree: a row with more or fewer levels, an empty node,
        a leaf listed twice, a second root, or a node below two parents. The message has the row.
    """
    from shoal_engine.anonymity.hierarchies.named_trees import read_tree
    from shoal_engine.anonymity.hierarchies.trees import level_names

    rows = read_tree(Path(path), f"hierarchy file `{path}`")
    schema = dict.fromkeys(level_names(len(rows[0])), pl.String)
    return Hierarchy(pl.DataFrame(rows, schema=schema, orient="row"))


def _observed(values: Any, column: str | None, name: str) -> tuple[Any, npt.NDArray[np.int64]]:
    """Return the domain of a column and the number of rows of each value."""
    from shoal_engine.tables.columns import ColumnEncoder, count_codes

    if isinstance(values, pl.Series):
        frame = values.alias(name).to_frame().lazy()
    elif isinstance(values, Sequence) and not isinstance(values, str):
        try:
            frame = pl.Series(name, values).to_frame().lazy()
        except (pl.exceptions.PolarsError, TypeError, ValueError):
            msg = f"the values of {name!r} are not of one type; give text, numbers or dates"
            raise InputError(msg) from None
    else:
        frame = into_lazy(values)
        present = schema_of(frame).names()
        if column is None or column not in present:
            msg = f"name the `column` of the table that the hierarchy is for; it has {', '.join(present)}"
            raise ColumnError(msg)
    encoder = ColumnEncoder(name)
    try:
        parts = [encoder.observe(batch.column(0)) for batch in batches(frame, [name])]
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException):
        # Without the cause: it may quote a cell of a malformed file.
        msg = "the input cannot be read to its end: it is truncated, damaged or not of its declared types"
        raise InputError(msg) from None
    domain, final = encoder.finish()
    return domain, count_codes(parts, final)
