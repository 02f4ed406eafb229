"""Top and bottom coding: numbers beyond a bound become the bound."""

import numpy as np
import pyarrow as pa

from shoal_engine.transforming.coded_columns import (
    CodedColumn,
    check_numbers,
    distinct_numbers,
    distinct_whole_numbers,
    is_whole,
)
from shoal_engine.transforming.specs import TopBottom


def top_bottom_code(column: CodedColumn, spec: TopBottom) -> CodedColumn:
    """Cut the numbers of a column off at the bounds; a null stays null.

    Integers stay so, in 64 bits, where the bounds are whole; else the result is floating-point.

    Raises
    ------
    ColumnError
        The column is not of numbers, or holds numbers that are not finite.
    """
    purpose = "top and bottom coding"
    check_numbers(column, purpose)
    whole = distinct_whole_numbers(column)
    bounds = [bound for bound in (spec.lower, spec.upper) if bound is not None]
    if whole is not None and all(is_whole(bound) for bound in bounds):
        lower, upper = (None if bound is None else int(bound) for bound in (spec.lower, spec.upper))
        return column.with_values(pa.array(np.clip(whole, lower, upper)))
    numbers = distinct_numbers(column, purpose)[int(column.domain.has_null) :]
    return column.with_values(pa.array(np.clip(numbers, spec.lower, spec.upper)))
