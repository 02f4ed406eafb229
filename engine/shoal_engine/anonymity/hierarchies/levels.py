"""Levels of a hierarchy over the distinct values of a column: what every kind of hierarchy is made of."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.errors import HierarchyError
from shoal_engine.tables.value_texts import is_number, number_texts, plain_number, value_texts

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
    """Return the position of each value's text among `leaves`.

    Raises
    ------
    HierarchyError
        A value is not there.
    """
    texts = value_texts(values)
    places = pc.index_in(texts, value_set=leaves)
    if places.null_count and is_number(values.type):
        # A leaf is the number that it says, however that is written: 30, 30.0, 030.
        places = pc.index_in(pa.array(number_texts(values), pa.string()), value_set=_as_numbers(leaves))
    if places.null_count:
        raise _not_covered(texts, leaves, places, column)
    return places.to_numpy().astype(np.int64)


def _as_numbers(leaves: pa.StringArray) -> pa.StringArray:
    """Return leaves as the numbers that they say; those that say none, or one that another says, stay as they are."""
    found: list[str] = []
    for leaf in leaves.to_pylist():
        try:
            found.append(plain_number(Decimal(leaf.strip())))
        except InvalidOperation:
            found.append(leaf)
    times = Counter(found)
    kept = [number if times[number] == 1 else leaf for number, leaf in zip(found, leaves.to_pylist(), strict=True)]
    return pa.array(kept, pa.string())


def _not_covered(texts: pa.StringArray, leaves: pa.StringArray, places: pa.Int32Array, column: str) -> HierarchyError:
    """Return the error for values that are no leaves: how many, and in which other form they would be some."""
    missing = texts.filter(pc.is_null(places))
    msg = (
        f"hierarchy of `{column}` does not cover the data: {len(missing):,} of {len(texts):,} distinct values are not "
        f"among its {len(leaves):,} leaves"
    )
    for form, change in _FORMS.items():
        same = pc.index_in(change(missing), value_set=pc.unique(change(leaves)))
        found = len(same) - same.null_count
        if found:
            msg += f"; {found:,} of them would be but for {form}: write leaves as the values are written"
            break
    else:
        msg += "; add them, or set them to null first"
    return HierarchyError(msg)


def _lower(texts: pa.StringArray) -> pa.StringArray:
    """Return texts in lower case."""
    return pc.utf8_lower(pc.utf8_trim_whitespace(texts))


def _without_zeros(texts: pa.StringArray) -> pa.StringArray:
    """Return texts of numbers without leading zeros, or zeros after a point."""
    return pc.replace_substring_regex(
        pc.replace_substring_regex(pc.utf8_trim_whitespace(texts), r"^([+-]?)0+(\d)", r"\1\2"), r"\.0+$", ""
    )


def _dates(texts: pa.StringArray) -> pa.StringArray:
    """Return dates with the year last as ISO dates, the day before the month."""
    return pc.replace_substring_regex(texts, r"^(\d{2})[./-](\d{2})[./-](\d{4})$", r"\3-\2-\1")


_FORMS: dict[str, Callable[[pa.StringArray], pa.StringArray]] = {
    "blanks around them": pc.utf8_trim_whitespace,
    "upper and lower case": _lower,
    "zeros before or after the number": _without_zeros,
    "the order of year, month and day (values are written 2024-01-31)": _dates,
}


def leaves_of(values: pa.Array) -> Level:
    """Return the level in which every value is a node."""
    n = len(values)
    return Level(np.arange(n), value_texts(values), np.ones(n, np.int64))


def level_of(keys: pa.Array, labels: pa.StringArray) -> Level:
    """Return the level in which values with equal keys are a node, with the label of the first of them."""
    encoded = pc.dictionary_encode(keys)
    node = encoded.indices.to_numpy().astype(np.int64)
    _, first = np.unique(node, return_index=True)
    return Level(node, labels.take(pa.array(first)), np.bincount(node).astype(np.int64))


def with_root(levels: Sequence[Level], leaves: int) -> list[Level]:
    """Return the levels below one root named `ROOT` that has `leaves` leaves."""
    return [*levels, Level(np.zeros(len(levels[0].node), np.int64), [ROOT], np.array([max(leaves, 1)]))]
