"""Rounding to multiples of a base: to the nearest, or unbiased at random."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import ColumnError
from shoal_engine.randomness.secure_source import Uint64Source
from shoal_engine.transforming.coded_columns import (
    CodedColumn,
    check_numbers,
    distinct_numbers,
    distinct_whole_numbers,
    encode,
    is_whole,
)
from shoal_engine.transforming.specs import Round

_WORD = 2.0**64
_BELOW_ONE = 1 - 2.0**-53


def round_values(column: CodedColumn, spec: Round, source: Uint64Source) -> CodedColumn:
    """Round the numbers of a column; a null stays null.

    Integers stay so, in 64 bits, where the base is whole; else the result is floating-point. At random, a
    number goes up with probability remainder / base, exact to 2**-53; one word decides each row.

    Raises
    ------
    ColumnError
        The column is not of numbers, holds numbers that are not finite, or its multiples are too many.
    """
    down, base, share = _multiples(column, spec)
    n_nulls = int(column.domain.has_null)
    if not spec.random:
        # Halves go to the even multiple.
        up = (share > 0.5) | ((share == 0.5) & (np.mod(down, 2) == 1))
        return column.with_values(pa.array((down + up) * base))
    threshold = np.concatenate([np.zeros(n_nulls, np.uint64), (share * _WORD).astype(np.uint64)])
    multiple = np.concatenate([np.zeros(n_nulls, down.dtype), down])[column.codes]
    up = source(column.n_rows) < threshold[column.codes]
    absent = (column.codes == 0) & column.domain.has_null
    return encode(column.name, pa.array((multiple + up) * base, mask=absent))


def _multiples(
    column: CodedColumn, spec: Round
) -> tuple[npt.NDArray[np.int64] | npt.NDArray[np.float64], int | float, npt.NDArray[np.float64]]:
    """Return the multiple at or below each distinct number, the base, and the remainder, 0 to 1 bases."""
    check_numbers(column, "rounding")
    whole = distinct_whole_numbers(column)
    if whole is not None and is_whole(spec.base):
        base = int(spec.base)
        down = whole // base
        ends = [int(down[0]) * base, (int(down[-1]) + 1) * base] if whole.size else []
        if not all(is_whole(end) for end in ends):
            msg = f"column `{column.name}` rounded to base {base} needs over 64 bits; choose a smaller base"
            raise ColumnError(msg)
        return down, base, np.minimum((whole - down * base) / base, _BELOW_ONE)
    with np.errstate(over="ignore"):
        ratio = distinct_numbers(column, "rounding")[int(column.domain.has_null) :] / float(spec.base)
    down = np.floor(ratio)
    if not np.isfinite(down).all():
        msg = f"column `{column.name}` holds more multiples of {spec.base} than a float counts; choose a larger base"
        raise ColumnError(msg)
    return down, float(spec.base), np.minimum(ratio - down, _BELOW_ONE)
