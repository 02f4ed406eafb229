"""What classes say whose quasi-identifiers were moved to chosen levels: the nodes there, and what they lose."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.hierarchies.labels import EVERYTHING, texts
from shoal_engine.anonymity.release.recoding import Recoding, ReleasedColumn
from shoal_engine.anonymity.table.dimensions import Dimension
from shoal_engine.anonymity.table.table import codes_of
from shoal_engine.errors import PolicyError
from shoal_kernels.tables.dimensions import Dimensions

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def check_outputs(space: Sequence[Dimension]) -> None:
    """Raise PolicyError where a quasi-identifier is to be released as anything but a label."""
    for column in space:
        if column.role.output != "label":
            msg = (
                f"method full-domain releases labels of hierarchy levels, and {column.name!r} asks for "
                f"output = '{column.role.output}'; use output = 'label', or method tight or mondrian"
            )
            raise PolicyError(msg)


def recode_levels(
    space: Sequence[Dimension],
    dims: Dimensions,
    words: npt.NDArray[np.uint64],
    class_of_tuple: Ints,
    levels_of_class: Ints,
) -> Recoding:
    """Find what each class says in each quasi-identifier.

    Parameters
    ----------
    space : sequence of Dimension, d of them
    dims : Dimensions
    words : (n_words, n) uint64
    class_of_tuple : (n,) int64
        Negative where suppressed; every class lies under one node of its levels.
    levels_of_class : (n_classes, d) int64
    """
    kept = np.flatnonzero(class_of_tuple >= 0)
    classes, first = np.unique(class_of_tuple[kept], return_index=True)
    member = kept[first]
    columns: list[ReleasedColumn] = []
    losses = np.empty((len(space), classes.size))
    for j, column in enumerate(space):
        code = codes_of(words[:, member], dims.word[j], dims.shift[j], dims.mask[j])
        released, losses[j] = _labels(column, levels_of_class[classes, j], code)
        columns.append(released)
    return Recoding(tuple(columns), losses)


def _labels(column: Dimension, level: Ints, code: Ints) -> tuple[ReleasedColumn, Floats]:
    """Return the label of each class, given its level and one of its leaves, and the share that it loses."""
    tree = column.tree
    root = (1 if tree is None else tree.n_levels - 1) == level
    if tree is None:
        labels = pa.concat_arrays([_texts(column), pa.array([EVERYTHING], pa.string())])
        share = np.append(np.zeros(column.size), 1.0 if column.size > 1 else 0.0)
        node = np.where(root, column.size, code)
    else:
        labels, share = tree.label, tree.share
        node = tree.ancestor[level, code]
    if column.domain.has_null and column.role.nulls == "apart":
        # Kept apart, null stays itself at the root too; its leaf is the first node.
        node = np.where(code == 0, 0, node)
    used, index = np.unique(node, return_inverse=True)
    return ReleasedColumn(column.name, labels.take(pa.array(used)), index.astype(np.int32)), share[node]


def _texts(column: Dimension) -> pa.StringArray:
    """Return the text of each kernel code."""
    return texts(column.domain.values, has_null=column.domain.has_null).take(pa.array(column.domain_code))
