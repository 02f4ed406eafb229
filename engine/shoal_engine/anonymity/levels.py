"""Levels of a hierarchy over the distinct values of a column, and those that prefixes make."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.hierarchy_specs import Prefix
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


def prefix_levels(prefix: Prefix, values: pa.Array) -> list[Level]:
    """Return the levels above the leaves of a prefix hierarchy, the root left out.

    At a level that keeps c characters, texts of at least c characters fall together when their first c are
    equal; the mask fills their label up to the length of the longest text. A shorter text stays whole. So 123
    joins 12345 at ``123**``. Without declared `keep`, every length down to 1 is a level.
    """
    text = pc.cast(values, pa.string())
    length = pc.utf8_length(text)
    longest = pc.max(length).as_py() or 0
    levels: list[Level] = []
    for keep in prefix.keep or range(longest - 1, 0, -1):
        if keep >= longest:
            continue
        kept = pc.utf8_slice_codeunits(text, 0, keep)
        whole = pc.less(length, keep)
        masked = pc.binary_join_element_wise(kept, prefix.mask * (longest - keep), "")
        # The leading character keeps a short text apart from a prefix that reads the same.
        key = pc.binary_join_element_wise(pc.if_else(whole, "=", "<"), kept, "")
        levels.append(level_of(key, pc.if_else(whole, text, masked)))
    return levels


def with_root(levels: Sequence[Level], n: int) -> list[Level]:
    """Return the levels of `n` values below one root named `ROOT`."""
    return [*levels, Level(np.zeros(n, np.int64), [ROOT], np.array([max(n, 1)]))]
