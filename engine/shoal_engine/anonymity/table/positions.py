"""Places of the values of a column on a line from 0 to 1."""

from decimal import Context

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.errors import ColumnError

MAX_DECIMAL_DIGITS = 100
"""More than a decimal of any type has."""


def positions_of(name: str, values: pa.Array) -> npt.NDArray[np.float64]:
    """Return ascending numbers, dates or times scaled to 0..1; a single one is at 0.

    Raises
    ------
    ColumnError
        A number is not finite; the message names the column `name`.
    """
    if not pa.types.is_decimal(values.type):
        return _scaled(_on_line(name, values))
    # Decimals that are one float may lie apart; whole numbers of their last digit are exact.
    context = Context(prec=MAX_DECIMAL_DIGITS)
    whole = [int(context.scaleb(value, values.type.scale)) for value in values.to_pylist()]
    span = max(1, whole[-1] - whole[0]) if whole else 1
    return np.array([(number - whole[0]) / span for number in whole], np.float64)


def _on_line(name: str, values: pa.Array) -> npt.NDArray[np.int64] | npt.NDArray[np.uint64] | npt.NDArray[np.float64]:
    """Return numbers as they are, dates as days, datetimes and times as counts of their unit."""
    types = pa.types
    if types.is_date32(values.type) or types.is_time32(values.type):
        values = pc.cast(values, pa.int32())
    elif types.is_date64(values.type) or types.is_timestamp(values.type) or types.is_time64(values.type):
        values = pc.cast(values, pa.int64())
    elif types.is_float16(values.type):
        values = pc.cast(values, pa.float64())
    numbers = values.to_numpy(zero_copy_only=False)
    if numbers.dtype.kind == "u":
        return numbers.astype(np.uint64)
    if numbers.dtype.kind == "i":
        return numbers.astype(np.int64)
    if not np.isfinite(numbers).all():
        msg = f"column `{name}` holds numbers that are not finite; set them to null first"
        raise ColumnError(msg)
    return numbers.astype(np.float64)


def _scaled(
    numbers: npt.NDArray[np.int64] | npt.NDArray[np.uint64] | npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Scale ascending numbers to 0..1; a single one is at 0."""
    if len(numbers) < 2:
        return np.zeros(len(numbers))
    if numbers.dtype == np.float64:
        # Halved where a line is as long as from -1e308 to 1e308; halves of the least numbers would be equal.
        part = numbers / 2 if numbers[-1] / 2 - numbers[0] / 2 > np.finfo(np.float64).max / 4 else numbers
        return (part - part[0]) / (part[-1] - part[0])
    # Differences modulo 2**64 are exact.
    steps = numbers.astype(np.uint64) - numbers.astype(np.uint64)[0]
    return steps / steps[-1]
