"""The texts that stand for a class in one quasi-identifier: intervals, sets and names of hierarchy nodes."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.tables.value_texts import value_texts

EVERYTHING = "*"
"""Stands for all values of a column."""
_NULL_IN_SET = "null"


def texts(values: pa.Array, *, has_null: bool) -> pa.StringArray:
    """Return the text of each code of a domain, null first where the domain has one.

    Parameters
    ----------
    values : pa.Array
        Distinct values in ascending order, without null.
    has_null : bool
        Code 0 is null.

    Returns
    -------
    pa.StringArray
        One entry a code.
    """
    text = value_texts(values)
    if not has_null:
        return text
    return pa.concat_arrays([pa.nulls(1, pa.string()), text])


def interval_labels(
    text: pa.StringArray, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64], *, has_null: bool
) -> pa.StringArray:
    """Name closed intervals of ordered codes.

    A single value is its own text, an interval ``[40, 44]`` with both ends occurring in the class, and
    ``*`` a class that holds null beside values.

    Parameters
    ----------
    text : (size,) strings
    low, high : (n,) int64, codes with low <= high
    has_null : bool
        Code 0 is null.
    """
    lower = text.take(pa.array(low))
    upper = text.take(pa.array(high))
    interval = pc.binary_join_element_wise("[", lower, ", ", upper, "]", "")
    label = pc.if_else(pa.array(low == high), lower, interval)
    if not has_null:
        return label
    return pc.if_else(pa.array((low == 0) & (high > 0)), EVERYTHING, label)


def set_labels(text: pa.StringArray, masks: npt.NDArray[np.uint64]) -> tuple[pa.StringArray, npt.NDArray[np.int64]]:
    """Name sets of codes: ``{Married, Widowed}``, a single value by itself, all values ``*``.

    Parameters
    ----------
    text : (size,) strings
    masks : (n, n_words) uint64
        Bit ``code & 63`` of word ``code >> 6``.

    Returns
    -------
    labels : (n,) strings
    count : (n,) int64
        Codes in each set.
    """
    size = len(text)
    names = np.array(text.to_pylist(), dtype=object)
    little = np.ascontiguousarray(masks.astype("<u8")).view(np.uint8).reshape(masks.shape[0], -1)
    present = np.unpackbits(little, axis=1, bitorder="little")[:, :size].astype(bool)
    count = present.sum(axis=1, dtype=np.int64)
    labels: list[str | None] = []
    for row, n_codes in zip(present, count, strict=True):
        members = names[row]
        if n_codes == 1:
            labels.append(members[0])
        elif n_codes == size:
            labels.append(EVERYTHING)
        else:
            labels.append("{" + ", ".join(_NULL_IN_SET if m is None else m for m in members) + "}")
    return pa.array(labels, pa.string()), count
