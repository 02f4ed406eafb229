"""Levels of a hierarchy over the distinct values of a column: what every kind of hierarchy is made of."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.errors import HierarchyError

ROOT = "*"
"""Label of the root of a hierarchy that does not name its own."""


class Level(NamedTuple):
    """One level of a hierarchy over the values of a column, without null.

    Attributes
    ----------
    node : (n,) int64
        Node of each value, numbered from 0 in the order of the hierarchy.
    label : (n_nodes,) strings
    leaves : (n_nodes,) int64
        Leaves of the hierarchy under each node.
    """

    node: npt.NDArray[np.int64]
    label: Sequence[str] | pa.StringArray
    leaves: npt.NDArray[np.int64]


def places_of(values: pa.Array, leaves: pa.StringArray, column: str) -> npt.NDArray[np.int64]:
    """Return where the text of each value stands among `leaves`.

    Raises
    ------
    HierarchyError
        A value is not there.
    """
    places = pc.index_in(pc.cast(values, pa.string()), value_set=leaves)
    if places.null_count:
        msg = (
            f"hierarchy of `{column}` does not cover the data: the column holds values that are none of its "
            f"{len(leaves)} leaves; add them, or set them to null first"
        )
        raise HierarchyError(msg)
    return places.to_numpy().astype(np.int64)


def leaves_of(values: pa.Array) -> Level:
    """Return the level in which every value is a node."""
    n = len(values)
    return Level(np.arange(n), pc.cast(values, pa.string()), np.ones(n, np.int64))


def level_of(keys: pa.Array, labels: pa.StringArray) -> Level:
    """Return the level in which values with equal keys are a node, with the label of the first of them."""
    encoded = pc.dictionary_encode(keys)
    node = encoded.indices.to_numpy().astype(np.int64)
    _, first = np.unique(node, return_index=True)
    return Level(node, labels.take(pa.array(first)), np.bincount(node).astype(np.int64))


def with_root(levels: Sequence[Level], leaves: int) -> list[Level]:
    """Return the levels below one root named `ROOT` that has so many leaves."""
    return [*levels, Level(np.zeros(len(levels[0].node), np.int64), [ROOT], np.array([max(leaves, 1)]))]
