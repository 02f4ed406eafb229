"""Labels of classes from the bands of a column, as far as released rows reach in them."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.hierarchies.labels import interval_labels
from shoal_engine.anonymity.table.dimensions import Dimension
from shoal_engine.anonymity.table.positions import positions_of

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def band_labels(
    column: Dimension, text: pa.StringArray, low: Ints, high: Ints, released: Ints
) -> tuple[pa.StringArray, Ints, Floats]:
    """Name the least band that holds each class, from the lowest to the highest released value within it.

    A band may reach further, to values of suppressed rows or of a population, which no label of a release names.
    Bands that are shortened so still nest.

    Parameters
    ----------
    column : Dimension
        Its tree is one of bands.
    text : (size,) strings
        Text of each kernel code.
    low, high : (n_classes,) int64
        Lowest and highest kernel code of each class.
    released : (any,) int64
        Kernel codes that released rows hold, ascending.

    Returns
    -------
    labels : (n,) strings
        Each once.
    index : (n_classes,) int64
        Label of each class.
    loss : (n_classes,) float64
        Length of the label on the line, 0 to 1; 1 where a class holds null beside values.
    """
    tree, has_null = column.tree, int(column.domain.has_null)
    assert tree is not None
    node, index = np.unique(tree.common_node(low, high), return_inverse=True)
    first, last = (ends[node] for ends in tree.ends())
    if column.role.nulls == "apart":
        # The leaf of null lies below the top band, which does not allow it.
        first = np.where(last > 0, np.maximum(first, has_null), first)
    least = released[np.searchsorted(released, first)]
    most = released[np.searchsorted(released, last, side="right") - 1]
    labels = interval_labels(text, least, most, has_null=bool(has_null))
    place = np.concatenate([np.zeros(has_null), positions_of(column.name, column.domain.values)])
    mixes_null = (least < has_null) & (most >= has_null)
    loss = np.where(mixes_null, 1.0, np.minimum(1.0, place[most] - place[least]))
    return labels, index.reshape(-1), loss[index.reshape(-1)]
