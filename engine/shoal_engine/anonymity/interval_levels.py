"""Levels of half-open intervals over numbers."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.hierarchy_specs import Intervals
from shoal_engine.anonymity.levels import Level
from shoal_engine.errors import ColumnError, HierarchyError

MAX_INTERVALS = 1_000_000
"""More in one level are taken for a mistake in a width."""

Number: TypeAlias = int | float


def interval_levels(intervals: Intervals, values: pa.Array, column: str) -> list[Level]:
    """Return the levels between the values and the root, finest first.

    A value on a bound belongs to the interval above it: 20 is in ``[20, 25)``.

    Parameters
    ----------
    intervals : Intervals
    values : pa.Array
        Distinct integers, floats or decimals.
    column : str
        For messages.

    Raises
    ------
    ColumnError
        The values are not numbers.
    HierarchyError
        A value lies outside the line, or there are more than `MAX_INTERVALS` intervals in a level.
    """
    numbers = _numbers(values, column)
    return [_level(bounds, numbers, column) for bounds in _bounds(intervals, column)]


def _numbers(values: pa.Array, column: str) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
    """Return the values as int64 where they fit, as float64 otherwise."""
    if pa.types.is_signed_integer(values.type) or pa.types.is_uint8(values.type):
        return values.to_numpy(zero_copy_only=False).astype(np.int64)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        return pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    msg = f"column `{column}` has type {values.type}, and intervals need numbers; cast it"
    raise ColumnError(msg)


def _bounds(intervals: Intervals, column: str) -> list[Sequence[Number]]:
    """Return the bounds of each level."""
    if intervals.bounds:
        return list(intervals.bounds)
    lower, upper = intervals.lower, intervals.upper
    assert lower is not None
    assert upper is not None
    # As decimal fractions, so that 0.1 * 3 is the bound 0.3 that the policy means.
    low, high = Fraction(str(lower)), Fraction(str(upper))
    levels: list[Sequence[Number]] = []
    for width in intervals.width:
        step = Fraction(str(width))
        if (high - low) / step > MAX_INTERVALS:
            msg = f"hierarchy of `{column}` has more than {MAX_INTERVALS} intervals of one width; widen it"
            raise HierarchyError(msg)
        count = -((low - high) // step)
        levels.append([*(_number(low + step * i) for i in range(count)), upper])
    return levels


def _number(exact: Fraction) -> Number:
    return int(exact) if exact.denominator == 1 else float(exact)


def _level(bounds: Sequence[Number], numbers: npt.NDArray[np.int64] | npt.NDArray[np.float64], column: str) -> Level:
    """Return the level of intervals between the bounds."""
    interval = np.searchsorted(np.array(bounds), numbers, side="right").astype(np.int64) - 1
    n = len(bounds) - 1
    if ((interval < 0) | (interval >= n)).any():
        msg = (
            f"hierarchy of `{column}` does not cover the data: values lie outside "
            f"[{bounds[0]}, {bounds[-1]}); widen it, or set them to null first"
        )
        raise HierarchyError(msg)
    occurring, node = np.unique(interval, return_inverse=True)
    ends = list(pairwise(bounds))
    labels = [f"[{ends[i][0]}, {ends[i][1]})" for i in occurring]
    return Level(node.astype(np.int64), labels, np.bincount(node, minlength=len(labels)).astype(np.int64))
